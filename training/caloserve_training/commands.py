"""The commands ``caloserve train`` and ``caloserve publish``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from caloserve.calorimeter import PARTICLES, CaloServeError
from caloserve_training.fidelity.command import judge_with, print_verdict, progress_bar, quieten

if TYPE_CHECKING:
    from rich.progress import Progress

    from caloserve_training.schedule import Schedule
    from caloserve_training.trainer import Report

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--particle", type=click.Choice(sorted(PARTICLES)), required=True, help="What the showers are of.")
@click.option("--data", type=_FILE, required=True, help="Showers to train on, CaloGAN HDF5.")
@click.option("--reference", type=_FILE, required=True, help="Showers never to train on, kept to judge the result.")
@click.option("--output", type=_FOLDER, required=True, help="Run folder to write; must be new or empty.")
@click.option("--steps", "adversarial_steps", type=click.IntRange(min=1), help="Steps of the adversarial game.")
@click.option("--hidden", type=click.IntRange(min=1), help="Width of the generator's hidden layers.")
@click.option("--seed", type=int, help="Seed of everything random.")
def train(particle: str, data: Path, reference: Path, output: Path, **settings: int | None) -> None:
    """Train a shower generator on Geant4 showers."""
    quieten()
    from caloserve_training.run import WEIGHTS, prepare_run  # noqa: PLC0415
    from caloserve_training.schedule import Schedule  # noqa: PLC0415

    schedule = Schedule(**{name: value for name, value in settings.items() if value is not None})
    if output.is_dir() and any(output.iterdir()):
        raise click.BadParameter(f"{output} is not empty", param_hint="--output")
    try:
        config, sample = prepare_run(
            particle=particle,
            data=data,
            reference=reference,
            command=_train_command(particle, data, reference, schedule),
            schedule=schedule,
        )
        output.mkdir(parents=True, exist_ok=True)
        config.write(output)
        click.echo(f"Training {particle} on {len(sample)} showers of {data.name}")
        from caloserve_training.model import HADRONS  # noqa: PLC0415
        from caloserve_training.trainer import train as train_generator  # noqa: PLC0415

        with _progress() as progress:
            generator = train_generator(
                sample, hadronic=particle in HADRONS, schedule=schedule, report=_reporter(progress, schedule)
            )
        generator.save_weights(output / WEIGHTS)
    except CaloServeError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Trained; weights in {output / WEIGHTS}")


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--version", required=True, help="Version of the release, as in 0.1.0.")
@click.option("--reference", type=_FILE, help="Showers to judge by. [default: tests/data/PARTICLE.hdf5]")
@click.option("--releases", type=_FOLDER, help="Where releases go. [default: services/PARTICLE/releases]")
@click.option("--training", type=_FILE, help="The run's data, to see whether any of it is replayed.")
@click.option("--accept", metavar="REASON", help="Publish a release that the gate refuses; the manifest says why.")
def publish(
    run: Path, *, version: str, reference: Path | None, releases: Path | None, training: Path | None, accept: str | None
) -> None:
    """Export a finished run to ONNX, judge it and publish it as a release.

    A release that is worse than the newest one, or worse than any may be, is refused.
    """
    quieten()
    from caloserve_training.publish import prepare_release, release  # noqa: PLC0415
    from caloserve_training.run import RunConfig  # noqa: PLC0415

    try:
        particle = RunConfig.read(run).particle
        with progress_bar() as progress:
            candidate = prepare_release(
                run,
                version=version,
                reference=reference or Path("tests", "data", f"{particle}.hdf5"),
                releases=releases or Path("services", particle, "releases"),
                training=training,
                judge_case=partial(judge_with, progress),
            )
        print_verdict(candidate.judgement)
        published = release(candidate, accept=accept)
    except (CaloServeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Published {particle} {version}; its report is {candidate.folder / 'fidelity' / 'report.html'}")
    if published.fidelity.accepted:
        click.echo(f"The gate refused it: {'; '.join(published.fidelity.objections)}")


def _train_command(particle: str, data: Path, reference: Path, schedule: Schedule) -> str:
    """The command that repeats this training, files by their names: paths mean nothing elsewhere."""
    return (
        f"caloserve train --particle {particle} --data {data.name} --reference {reference.name} --output RUN"
        f" --steps {schedule.adversarial_steps} --hidden {schedule.hidden} --seed {schedule.seed}"
    )


def _progress() -> Progress:
    from rich import progress  # noqa: PLC0415

    return progress.Progress(
        progress.TextColumn("{task.description:16}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[losses]}"),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )


def _reporter(progress: Progress, schedule: Schedule) -> Report:
    """Shows each stage's steps, losses and the time left."""
    from caloserve_training.trainer import STAGES  # noqa: PLC0415

    steps = (schedule.layer_energy_steps, schedule.expectation_steps, schedule.adversarial_steps)
    tasks = {
        stage: progress.add_task(stage, total=total, losses="", start=False)
        for stage, total in zip(STAGES, steps, strict=True)
    }

    def report(stage: str, number: int, losses: dict[str, float]) -> None:
        if number == 1:
            progress.start_task(tasks[stage])
        words = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
        progress.update(tasks[stage], completed=number, losses=words)

    return report
