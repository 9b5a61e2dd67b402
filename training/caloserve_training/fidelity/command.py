"""The command ``caloserve fidelity``."""

from __future__ import annotations

import datetime as dt
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from caloserve.calorimeter import PARTICLES, CaloServeError
from caloserve_client.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from caloserve_training.fidelity.case import Case
    from caloserve_training.fidelity.judge import Judgement
    from caloserve_training.fidelity.sources import Source

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PARTICLE = click.Choice(sorted(PARTICLES))
_FINDINGS = 10
_NEEDED = ("sklearn", "scipy", "matplotlib", "jinja2", "h5py", "rich")


@click.command(short_help="Judge generated showers against Geant4's.")
@click.option("--reference", type=_FILE, required=True, help="Geant4 showers never trained on, CaloGAN HDF5.")
@click.option("--generated", type=_FILE, help="Generated showers with the reference's energies or its spectrum.")
@click.option("--target", metavar="HOST:PORT", help="Ask a running service instead, at the reference's energies.")
@click.option("--release", help="Release or family, with --target.  [default: the generator's]")
@click.option("--draws", type=click.IntRange(min=1), default=1, show_default=True, help="Showers per energy asked for.")
@click.option("--particle", type=_PARTICLE, help="What the showers are of.  [default: what a file says]")
@click.option("--training", type=_FILE, help="Showers trained on: is any of them replayed?")
@click.option("--fixed-reference", type=_FILE, multiple=True, help="Geant4 at fixed energies or above 100 GeV; repeat.")
@click.option("--fixed-generated", type=_FILE, multiple=True, help="Generated at the same; not with --target.")
@click.option("--other-reference", type=(_PARTICLE, _FILE), multiple=True, help="Another particle's, for Table II.")
@click.option("--other-generated", type=(_PARTICLE, _FILE), multiple=True, help="The same; not with --target.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of report and figures."
)
def fidelity(
    *,
    reference: Path,
    generated: Path | None,
    target: str | None,
    release: str | None,
    draws: int,
    particle: str | None,
    training: Path | None,
    fixed_reference: tuple[Path, ...],
    fixed_generated: tuple[Path, ...],
    other_reference: tuple[tuple[str, Path], ...],
    other_generated: tuple[tuple[str, Path], ...],
    output: Path,
) -> None:
    """Judge generated showers against Geant4's: an HTML report, and its figures as JSON.

    Give the generated showers as a file (--generated), or have a running service make them (--target).
    """
    if (generated is None) == (target is None):
        raise click.UsageError("give exactly one of --generated and --target")
    if target is None and (release is not None or draws != 1):
        raise click.UsageError("--release and --draws go with --target")
    if target is not None and (fixed_generated or other_generated):
        raise click.UsageError("with --target the service is asked for the generated showers of every kind")
    quieten()
    for module in _NEEDED:
        require(module, "the judge", "fidelity")
    from caloserve_training.fidelity.report import write_report  # noqa: PLC0415 (slow to import, and optional)
    from caloserve_training.fidelity.sources import FileSource, gather  # noqa: PLC0415

    try:
        named = particle or _particle_of(generated, reference)
        with progress_bar() as progress:
            with _served(target, named, release, draws, progress) as served:
                source = served or FileSource(Path(generated or ""), fixed_generated, dict(other_generated))
                case = gather(
                    source,
                    particle=named,
                    reference=reference,
                    training=training,
                    fixed=fixed_reference,
                    others=dict(other_reference),
                )
            judgement = judge_with(progress, case)
        page, numbers = write_report(judgement, output, made_on=f"{dt.datetime.now(tz=dt.UTC):%d %B %Y}")
    except CaloServeError as error:
        raise click.ClickException(str(error)) from error
    print_verdict(judgement)
    click.echo(f"{page}\n{numbers}")


def judge_with(progress: Progress, case: Case) -> Judgement:
    """Judge, a bar showing how far it is."""
    from caloserve_training.fidelity.judge import judge, steps_of  # noqa: PLC0415

    task = progress.add_task("shapes", total=steps_of(case))
    return judge(case, lambda stage: progress.update(task, advance=1, description=stage))


def print_verdict(judgement: Judgement) -> None:
    """What the top of the report says, on a terminal."""
    wrong = judgement.wrong
    click.echo(f"{len(wrong)} of {len(judgement.results)} checks find a difference from Geant4")
    for result in wrong[:_FINDINGS]:
        click.echo(f"  {result.check.title}: {result.check.measured}; p = {result.adjusted:.1e}")
    if len(wrong) > _FINDINGS:
        click.echo(f"  and {len(wrong) - _FINDINGS} more")
    for sight in judgement.sights:
        best, floor = sight.best, sight.best_floor
        click.echo(
            f"AUC on {sight.name} {best.auc:.3f} ± {best.error:.3f}, n = {best.size} "
            f"(Geant4 against Geant4 {floor.auc:.3f} ± {floor.error:.3f}, n = {floor.size})"
        )


def progress_bar() -> Progress:
    """A bar per stage, on standard error."""
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    return progress.Progress(
        progress.TextColumn("{task.description:16}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def quieten() -> None:
    """TensorFlow and Keras must be told before they are imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def _particle_of(generated: Path | None, reference: Path) -> str:
    from caloserve_training.data import read_particle  # noqa: PLC0415

    for path in (generated, reference):
        named = None if path is None else read_particle(path)
        if named is not None:
            return named
    raise click.UsageError("no file says what the showers are of; give --particle")


@contextmanager
def _served(
    target: str | None, particle: str, release: str | None, draws: int, progress: Progress
) -> Iterator[Source | None]:
    """A source that asks the service, None where there is none to ask."""
    if target is None:
        yield None
        return
    from caloserve_client import CaloServeClient  # noqa: PLC0415
    from caloserve_training.fidelity.sources import ServedSource  # noqa: PLC0415

    task = progress.add_task("asking", total=None)
    with CaloServeClient(target) as client:
        yield ServedSource(client, particle, release, draws, lambda count: progress.advance(task, count))
    progress.update(task, total=progress.tasks[task].completed)
