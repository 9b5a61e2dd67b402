"""A served release in the contract's words: its description and its provenance."""

import os
import socket
from typing import Final

from caloserve.calorimeter.geometry import Geometry
from caloserve.generator.engine import Determinism, instruction_set
from caloserve.generator.service import ServedRelease, Service
from caloserve.v1 import generator_pb2, geometry_pb2, shower_pb2
from caloserve.wire.channels import SHOWERS_PER_CALL, SHOWERS_PER_CHUNK
from caloserve.wire.options import DOMAIN_POLICIES, ENCODINGS, ENERGY_POLICIES, MAX_ATTEMPTS

_INSTRUCTION_SET: Final = instruction_set()
_INSTANCE: Final = f"{socket.gethostname()}/{os.getpid()}"
_DETERMINISM: Final = {
    Determinism.BITWISE: shower_pb2.DETERMINISM_CLASS_BITWISE,
    Determinism.BITWISE_ONE_BUCKET: shower_pb2.DETERMINISM_CLASS_BITWISE_ONE_BUCKET,
    Determinism.TOLERANCE: shower_pb2.DETERMINISM_CLASS_TOLERANCE,
}


def describe(service: Service) -> generator_pb2.DescribeGeneratorResponse:
    """What the service serves, how good it is, and within which limits."""
    settings = service.settings
    return generator_pb2.DescribeGeneratorResponse(
        particle=settings.particle.name,
        pdg_id=settings.particle.pdg_id,
        service_version=settings.service_version,
        default_release=service.default_release,
        releases=[describe_release(release) for release in service.releases.values()],
        limits=generator_pb2.Limits(
            showers_per_call=SHOWERS_PER_CALL,
            showers_per_stream=settings.showers_per_stream,
            showers_per_chunk=SHOWERS_PER_CHUNK,
            max_attempts=MAX_ATTEMPTS,
        ),
        energy_policies=ENERGY_POLICIES,
        domain_policies=DOMAIN_POLICIES,
        encodings=ENCODINGS,
    )


def describe_release(release: ServedRelease) -> generator_pb2.Release:
    """One release: its manifest, and what the engine found out about it."""
    manifest, engine = release.manifest, release.engine
    return generator_pb2.Release(
        version=manifest.version,
        model_sha256=manifest.model.sha256,
        parameters=manifest.model.parameters,
        latent_size=manifest.model.latent_size,
        sampler_version=manifest.sampler_version,
        geometry=describe_geometry(engine.geometry),
        energy_min_gev=manifest.domain.energy_min_gev,
        energy_max_gev=manifest.domain.energy_max_gev,
        training_data_sha256=manifest.training.data_sha256,
        training_data_origin=manifest.training.data_origin,
        training_showers=manifest.training.showers,
        training_command=manifest.training.command,
        training_commit=manifest.training.commit,
        fidelity=[
            generator_pb2.FidelityFigure(
                name=figure.name,
                value=figure.value,
                reference=figure.reference,
                unit=figure.unit,
                sample_size=figure.sample_size,
                uncertainty=figure.uncertainty,
            )
            for figure in manifest.fidelity.figures
        ],
        determinism=_DETERMINISM[engine.determinism],
        tolerance=engine.tolerance if engine.determinism is Determinism.TOLERANCE else None,
        batch_buckets=engine.buckets,
        execution_provider=engine.provider,
        onnxruntime_version=engine.runtime_version,
        instruction_set=_INSTRUCTION_SET,
        threads=engine.threads,
        created=manifest.created,
        fidelity_reference_sha256=manifest.fidelity.reference_sha256,
    )


def describe_geometry(geometry: Geometry) -> geometry_pb2.Geometry:
    """Layers and cells of a geometry."""
    return geometry_pb2.Geometry(
        id=geometry.id,
        cells=geometry.cells,
        layers=[
            geometry_pb2.Layer(
                index=layer.index,
                n_phi=layer.n_phi,
                n_eta=layer.n_eta,
                cell_phi_mm=layer.cell_phi_mm,
                cell_eta_mm=layer.cell_eta_mm,
                z_min_mm=layer.z_min_mm,
                z_max_mm=layer.z_max_mm,
                offset=layer.offset,
            )
            for layer in geometry.layers
        ],
    )


def provenance(release: ServedRelease) -> shower_pb2.Provenance:
    """Everything that makes a release's showers, but the seed and the event."""
    manifest, engine = release.manifest, release.engine
    return shower_pb2.Provenance(
        particle=manifest.particle,
        service_version=release.service_version,
        release_version=manifest.version,
        model_sha256=manifest.model.sha256,
        training_data_sha256=manifest.training.data_sha256,
        geometry_id=manifest.geometry_id,
        sampler_version=manifest.sampler_version,
        execution_provider=engine.provider,
        onnxruntime_version=engine.runtime_version,
        instruction_set=_INSTRUCTION_SET,
        determinism=_DETERMINISM[engine.determinism],
        threads=engine.threads,
        instance=_INSTANCE,
    )
