"""From a finished run to a release: model.onnx, its manifest and its fidelity report, past the gate."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from caloserve.calorimeter import CALOGAN, PARTICLES, SAMPLER_VERSION
from caloserve.generator import manifest
from caloserve.generator.releases import ReleaseStore, Version, find_version
from caloserve_training.data import ShowerSample, file_sha256, read_showers
from caloserve_training.errors import GateError, RunError
from caloserve_training.export.session import OnnxGenerator
from caloserve_training.export.variants import Variant, export_variants, variants_of
from caloserve_training.fidelity.case import Case, Pair
from caloserve_training.fidelity.figures import draw_case, quick_figures
from caloserve_training.fidelity.gate import Served, objections
from caloserve_training.fidelity.judge import Judgement, judge
from caloserve_training.fidelity.policy import read_policy
from caloserve_training.fidelity.report import write_report
from caloserve_training.trainer.run import Description, Run
from caloserve_training.trainer.split import split

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Judge = Callable[[Case], Judgement]

MODEL = "model.onnx"
FIDELITY = "fidelity"
UNNAMED = "small"
"""The family whose releases are named by their version alone."""
DOMAIN = manifest.Domain(energy_min_gev=1.0, energy_max_gev=100.0)


@dataclass(frozen=True)
class Candidate:
    """A release before the gate.

    Attributes:
        folder: Where it will be.
        manifest: What it will say.
        model: The exported model.
        judgement: What the judge found.
        beside: Version of the release that it was compared with, the newest of its family; None for the first.
        report: Folder of the judge's report, in the run.
    """

    folder: Path
    manifest: manifest.Manifest
    model: bytes
    judgement: Judgement
    beside: str | None
    report: Path


def prepare_release(
    run: Path,
    *,
    version: str,
    reference: Path,
    releases: Path,
    training: Path | None = None,
    variant: Variant | None = None,
    judge_case: Judge = judge,
) -> Candidate:
    """Export a run and judge it against the reference sample, and beside the newest release of its family.

    Args:
        run: A finished run.
        version: Of the release: X.Y.Z, or FAMILY-X.Y.Z.
        reference: The sample that the run was kept from.
        releases: Folder of the particle's releases.
        training: The run's data, to see whether any of it is replayed.
        variant: Form of the ONNX graph; the smallest that there is of this generator if None.
        judge_case: What judges; another one may show how far it is.

    Raises:
        ReleaseError: the version is none.
        RunError: the run is incomplete, of another family, was trained on or against another sample, or the version is
            taken.
        ExportError: the exported graph does not do what the trained generator does.
    """
    family = Version.read(version).family
    opened = Run.open(run)
    config = opened.description
    folder = releases / version
    if (folder / MODEL).exists():
        raise RunError(f"{folder}: already published; a release never changes, choose another version")
    if (family or UNNAMED) != config.family:
        named = "X.Y.Z" if config.family == UNNAMED else f"{config.family}-X.Y.Z"
        raise RunError(f"{run}: a generator of the family {config.family} is published as {named}, not as {version}")
    generator = opened.load_generator()
    reference_sha256 = file_sha256(reference)
    if reference_sha256 != config.reference_sha256:
        raise RunError(f"{reference}: not the sample this run was kept from; it may have been trained on some of it")
    if training is not None and file_sha256(training) != config.data_sha256:
        raise RunError(f"{training}: not the data this run was trained on")
    variant = variant or variants_of(generator)[-1]
    exported = export_variants(generator, (variant,))[variant]
    sample = _kept(reference, config)
    beside = _beside(reference, releases, config.particle, family)
    case = draw_case(
        OnnxGenerator(exported.model).draw,
        sample,
        particle=config.particle,
        training=None if training is None else read_showers(training).without(sample),
        source=", ".join([f"{config.particle} {version}", *(f"beside {name}" for name, _ in beside.values())]),
    )
    case = replace(case, others={other: pair for other, (_, pair) in beside.items()})
    judgement = judge_case(case)
    figures = judgement.figures()
    policy = read_policy(hadronic=case.hadronic)
    served = served_figures(releases, sample, particle=config.particle, family=family)
    described = manifest.Manifest(
        schema=manifest.SCHEMA,
        version=version,
        particle=config.particle,
        geometry_id=CALOGAN.id,
        sampler_version=SAMPLER_VERSION,
        created=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        model=manifest.Model(
            file=MODEL,
            sha256=hashlib.sha256(exported.model).hexdigest(),
            parameters=generator.parameter_count(),
            latent_size=generator.latent_size,
            export=exported.described(),
        ),
        domain=DOMAIN,
        training=manifest.Training(
            data_sha256=config.data_sha256,
            data_origin=config.data_origin,
            showers=config.showers,
            command=config.command,
            commit=config.commit,
        ),
        fidelity=manifest.Fidelity(
            reference_sha256=reference_sha256,
            sample_size=len(sample),
            figures=figures,
            policy=policy.version,
            objections=objections(policy, figures, served),
        ),
    )
    write_report(judgement, run / FIDELITY, made_on=described.created)
    return Candidate(folder, described, exported.model, judgement, served.version if served else None, run / FIDELITY)


def _beside(reference: Path, releases: Path, particle: str, family: str) -> dict[str, tuple[str, Pair]]:
    """For Table II: other particles' showers, Geant4's and those of a release, where both lie beside this one's.

    The release is the newest of the same family, or else the default one.
    """
    found = {}
    for other in PARTICLES.keys() - {particle}:
        path, folder = reference.with_name(f"{other}.hdf5"), releases.parent.with_name(other) / "releases"
        if path.is_file() and folder.is_dir():
            store = ReleaseStore(folder, other)
            version = next((each for each in store.versions() if Version.read(each).family == family), store.default())
            true = read_showers(path)
            made = OnnxGenerator(store.load(version).model).draw(true.energy, 1)
            found[other] = f"{other} {version}", Pair(true, ShowerSample(true.energy, made, ""))
    return dict(sorted(found.items()))


def _kept(reference: Path, config: Description) -> ShowerSample:
    """The reference sample; of the training's own data, the part that was kept from it."""
    sample = read_showers(reference)
    return split(sample, validation=config.validation, test=config.test).test if config.test else sample


def release(candidate: Candidate, *, accept: str | None = None) -> manifest.Manifest:
    """Publish a candidate with its report; what stands against it goes into the manifest, with why it was accepted.

    Raises:
        GateError: something stands against it, and no reason was given to accept it.
    """
    described = candidate.manifest
    against = described.fidelity.objections
    if against and not accept:
        listed = "\n".join(f"  {objection}" for objection in against)
        beside = f"beside {candidate.beside}" if candidate.beside else "the first of its family"
        raise GateError(
            f"{described.particle} {described.version}, {beside}, is refused:\n{listed}\n"
            f"The report is in {candidate.report}. Publish all the same with --accept REASON."
        )
    described = replace(described, fidelity=replace(described.fidelity, accepted=accept if against else None))
    candidate.folder.mkdir(parents=True, exist_ok=True)
    (candidate.folder / MODEL).write_bytes(candidate.model)
    shutil.copytree(candidate.report, candidate.folder / FIDELITY, dirs_exist_ok=True)
    described.write(candidate.folder / "manifest.json")
    return described


def served_figures(releases: Path, reference: ShowerSample, *, particle: str, family: str) -> Served | None:
    """Figures of the family's newest release on this reference, None where it has none.

    They are measured anew: those in its manifest may be of another sample, or of another version of the judge.
    """
    store = ReleaseStore(releases, particle)
    if not any(releases.glob("*/manifest.json")):
        return None
    versions = [version for version in store.versions() if (releases / version / "manifest.json").exists()]
    newest = find_version(family, versions)
    if newest is None:
        return None
    served = OnnxGenerator(store.load(newest).model)
    return Served(newest, quick_figures(draw_case(served.draw, reference, particle=particle)))
