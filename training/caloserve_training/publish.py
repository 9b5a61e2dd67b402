"""From a finished run to a release: model.onnx and its manifest."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

from caloserve.calorimeter import CALOGAN, SAMPLER_VERSION
from caloserve.generator import manifest
from caloserve_training.data import file_sha256, read_showers
from caloserve_training.errors import RunError
from caloserve_training.export import OnnxGenerator, check_export, export_onnx
from caloserve_training.fidelity.figures import draw_case, quick_figures
from caloserve_training.model import HADRONS, LATENT_SIZE
from caloserve_training.run import WEIGHTS, RunConfig
from caloserve_training.trainer import make_generator

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "model.onnx"
DOMAIN = manifest.Domain(energy_min_gev=1.0, energy_max_gev=100.0)


def publish_run(run: Path, *, version: str, reference: Path, releases: Path) -> manifest.Manifest:
    """Export a run, judge it against the reference sample and write ``releases/<version>``.

    Raises:
        RunError: the run is incomplete, was trained against another reference sample, or the version is taken.
        ExportError: the exported graph does not do what the trained generator does.
    """
    config = RunConfig.read(run)
    folder = releases / version
    if (folder / MODEL).exists():
        raise RunError(f"{folder}: already published; a release never changes, choose another version")
    reference_sha256 = file_sha256(reference)
    if reference_sha256 != config.reference_sha256:
        raise RunError(f"{reference}: not the sample this run was kept from; it may have been trained on some of it")
    generator = make_generator(hadronic=config.particle in HADRONS, hidden=config.schedule.hidden)
    generator.load_weights(run / WEIGHTS)
    model = export_onnx(generator)
    exported = OnnxGenerator(model)
    check_export(generator, exported)
    sample = read_showers(reference)
    figures = quick_figures(draw_case(exported.draw, sample, particle=config.particle))
    release = manifest.Manifest(
        schema=manifest.SCHEMA,
        version=version,
        particle=config.particle,
        geometry_id=CALOGAN.id,
        sampler_version=SAMPLER_VERSION,
        created=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        model=manifest.Model(
            file=MODEL,
            sha256=hashlib.sha256(model).hexdigest(),
            parameters=generator.trained_count(),
            latent_size=LATENT_SIZE,
        ),
        domain=DOMAIN,
        training=manifest.Training(
            data_sha256=config.data_sha256,
            data_origin=config.data_origin,
            showers=config.showers,
            command=config.command,
            commit=config.commit,
        ),
        fidelity=manifest.Fidelity(reference_sha256=reference_sha256, sample_size=len(sample), figures=figures),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(model)
    release.write(folder / "manifest.json")
    return release
