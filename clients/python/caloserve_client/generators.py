"""What a generator says about itself."""

from dataclasses import dataclass

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from caloserve.calorimeter import Geometry, Layer
from caloserve.v1 import event_pb2, generator_pb2, geometry_pb2, shower_pb2, tensor_pb2
from caloserve_client.limits import Limits, decode_limits
from caloserve_client.provenance import determinism_name


@dataclass(frozen=True)
class FidelityFigure:
    """One figure of merit of a release against held-out full simulation."""

    name: str
    value: float
    reference: float | None
    """The same figure for full simulation, where there is one."""
    unit: str
    sample_size: int
    uncertainty: float | None = None
    """One standard deviation of ``value``, where it is known."""


@dataclass(frozen=True)
class Release:
    """One served model."""

    version: str
    """X.Y.Z, or FAMILY-X.Y.Z for a model of another family than the service's own."""
    model_sha256: str
    parameters: int
    latent_size: int
    sampler_version: int
    geometry: Geometry
    energy_min_gev: float
    """Lower end of the training domain, kinetic energy."""
    energy_max_gev: float
    training_data_sha256: str
    training_data_origin: str
    training_showers: int
    training_command: str
    training_commit: str
    fidelity: tuple[FidelityFigure, ...]
    determinism: str
    """"bitwise", "bitwise_one_bucket" or "tolerance"."""
    batch_buckets: tuple[int, ...]
    execution_provider: str
    onnxruntime_version: str
    instruction_set: str
    threads: int
    tolerance: float | None
    """With determinism "tolerance": largest difference of a cell, as a share of the shower's largest."""


@dataclass(frozen=True)
class GeneratorDescription:
    """A generator that serves: its releases and its limits."""

    particle: str
    pdg_id: int
    service_version: str
    default_release: str
    releases: tuple[Release, ...]
    """The default first."""
    limits: Limits
    energy_policies: tuple[str, ...]
    domain_policies: tuple[str, ...]
    encodings: tuple[str, ...]


@dataclass(frozen=True)
class Generator:
    """A generator behind a router."""

    particle: str
    state: str
    """"serving", "not_serving" or "unreachable"."""
    description: GeneratorDescription | None
    """None unless it serves."""
    message: str
    """Why it does not serve."""


def decode_generators(response: event_pb2.ListGeneratorsResponse) -> tuple[Generator, ...]:
    """The generators in the order of the answer."""
    return tuple(
        Generator(
            particle=message.particle,
            state=_short(event_pb2.GeneratorState, message.state, "GENERATOR_STATE_"),
            description=decode_description(message.description) if message.HasField("description") else None,
            message=message.message,
        )
        for message in response.generators
    )


def decode_description(message: generator_pb2.DescribeGeneratorResponse) -> GeneratorDescription:
    """The message's fields under the same names."""
    return GeneratorDescription(
        particle=message.particle,
        pdg_id=message.pdg_id,
        service_version=message.service_version,
        default_release=message.default_release,
        releases=tuple(_release(release) for release in message.releases),
        limits=decode_limits(message.limits),
        energy_policies=tuple(_short(shower_pb2.EnergyPolicy, v, "ENERGY_POLICY_") for v in message.energy_policies),
        domain_policies=tuple(_short(shower_pb2.DomainPolicy, v, "DOMAIN_POLICY_") for v in message.domain_policies),
        encodings=tuple(_short(tensor_pb2.Encoding, v, "ENCODING_") for v in message.encodings),
    )


def _release(message: generator_pb2.Release) -> Release:
    return Release(
        version=message.version,
        model_sha256=message.model_sha256,
        parameters=message.parameters,
        latent_size=message.latent_size,
        sampler_version=message.sampler_version,
        geometry=_geometry(message.geometry),
        energy_min_gev=message.energy_min_gev,
        energy_max_gev=message.energy_max_gev,
        training_data_sha256=message.training_data_sha256,
        training_data_origin=message.training_data_origin,
        training_showers=message.training_showers,
        training_command=message.training_command,
        training_commit=message.training_commit,
        fidelity=tuple(_figure(figure) for figure in message.fidelity),
        determinism=determinism_name(message.determinism),
        batch_buckets=tuple(message.batch_buckets),
        execution_provider=message.execution_provider,
        onnxruntime_version=message.onnxruntime_version,
        instruction_set=message.instruction_set,
        threads=message.threads,
        tolerance=message.tolerance if message.HasField("tolerance") else None,
    )


def _geometry(message: geometry_pb2.Geometry) -> Geometry:
    layers = tuple(
        Layer(
            index=layer.index,
            n_phi=layer.n_phi,
            n_eta=layer.n_eta,
            cell_phi_mm=layer.cell_phi_mm,
            cell_eta_mm=layer.cell_eta_mm,
            z_min_mm=layer.z_min_mm,
            z_max_mm=layer.z_max_mm,
            offset=layer.offset,
        )
        for layer in message.layers
    )
    return Geometry(id=message.id, layers=layers)


def _figure(message: generator_pb2.FidelityFigure) -> FidelityFigure:
    return FidelityFigure(
        name=message.name,
        value=message.value,
        reference=message.reference if message.HasField("reference") else None,
        unit=message.unit,
        sample_size=message.sample_size,
        uncertainty=message.uncertainty if message.HasField("uncertainty") else None,
    )


def _short(enum: EnumTypeWrapper, value: int, prefix: str) -> str:
    """The name of a contract's enum value, without its prefix, in lower case; an unknown number stays a number."""
    if value not in enum.values():
        return str(value)
    name: str = enum.Name(value)
    return name.removeprefix(prefix).lower()
