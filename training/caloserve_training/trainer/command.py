"""The command ``caloserve train``."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from caloserve.calorimeter import PARTICLES, CaloServeError
from caloserve_training.errors import ConfigError
from caloserve_training.trainer.config import Config

if TYPE_CHECKING:
    from rich.progress import Progress

    from caloserve_training.trainer.family import Training
    from caloserve_training.trainer.trainer import Report

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_COUNT = click.IntRange(min=1)
_BASICS = ("family", "particle", "data", "reference")


@click.command()
@click.option("--config", type=_FILE, help="What to train and how: a file as in training/configs.")
@click.option("--particle", type=click.Choice(sorted(PARTICLES)), help="What the showers are of.")
@click.option("--data", type=_FILE, help="Showers to train on, CaloGAN HDF5.")
@click.option("--reference", type=_FILE, help="Showers never to train on, kept to judge the result.")
@click.option("--output", type=_FOLDER, help="Run folder.  [default: runs/NAME OF THE CONFIG]")
@click.option("--epochs", type=_COUNT, help="Passes through the showers (calogan2017).")
@click.option("--steps", type=_COUNT, help="Steps of the adversarial game (small).")
@click.option("--hidden", type=_COUNT, help="Width of the generator's hidden layers (small).")
@click.option("--limit", type=_COUNT, help="Train on the first so many showers only.")
@click.option("--seed", type=int, help="Seed of everything random.")
def train(config: Path | None, output: Path | None, limit: int | None, **options: Any) -> None:  # noqa: ANN401
    """Train a shower generator on Geant4 showers.

    The same command again goes on where a run was stopped; with more epochs it goes on with a finished one.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from caloserve_training.trainer.family import family_named  # noqa: PLC0415
    from caloserve_training.trainer.run import Run, prepare  # noqa: PLC0415
    from caloserve_training.trainer.trainer import train as train_run  # noqa: PLC0415

    try:
        settled = replace(_settle(config, options), limit=limit)
        folder = output or Path("runs", config.stem if config else settled.particle)
        description, samples = prepare(settled, _repeat(settled, config))
        run = Run.begin(folder, description)
        click.echo(
            f"{settled.particle}, {settled.family}: {len(samples.training)} showers of {settled.data.name} to train on,"
            f" {len(samples.validation)} to look at; run folder {folder}"
        )
        training = family_named(settled.family).begin(samples.training, settled.settings, settled.particle)
        with _progress() as progress:
            train_run(
                training,
                run,
                validation=samples.validation,
                look_every=settled.look_every,
                checkpoint_minutes=settled.checkpoint_minutes,
                report=_reporter(progress, training),
            )
    except (CaloServeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Trained; weights, curves and pictures in {folder}")


def _settle(path: Path | None, options: dict[str, Any]) -> Config:
    """The config, with the options given in the place of what it says; without one, the small generator's."""
    given = {name: value for name, value in options.items() if value is not None}
    basics = {name: given.pop(name) for name in _BASICS if name in given}
    if path is None:
        missing = [f"--{name}" for name in ("particle", "data", "reference") if name not in basics]
        if missing:
            raise ConfigError(f"without --config, {', '.join(missing)} must be given")
        config = Config.of({"family": "small", **basics})
    else:
        config = replace(Config.read(path), **basics)
    return config.changed(**given)


def _repeat(config: Config, path: Path | None) -> str:
    """The command that repeats this training, files by their names: paths mean nothing elsewhere."""
    words = ["caloserve train"]
    words += [f"--config {path.name}"] if path else []
    words += [f"--particle {config.particle}", f"--data {config.data.name}"]
    words += [f"--reference {config.reference.name}"] if config.reference else []
    words += ["--output RUN"]
    known = {field.name for field in fields(config.settings)}
    words += [
        f"--{name} {getattr(config.settings, name)}" for name in ("epochs", "steps", "hidden", "seed") if name in known
    ]
    words += [f"--limit {config.limit}"] if config.limit else []
    return " ".join(words)


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


def _reporter(progress: Progress, training: Training) -> Report:
    """Shows each stage's steps, losses and the time left."""
    tasks = [progress.add_task(name, total=total, losses="", start=False) for name, total in training.stages]

    def report(number: int, losses: dict[str, float]) -> None:
        words = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
        for task, (_, count) in zip(tasks, training.stages, strict=True):
            if number <= count:
                progress.start_task(task)
                progress.update(task, completed=number, losses=words)
                return
            progress.update(task, completed=count)
            number -= count

    return report
