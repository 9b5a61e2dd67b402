"""Runs a training to its end: stops at NaN, keeps checkpoints, looks at what it makes."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np

from caloserve_training.data import ShowerSample
from caloserve_training.errors import DivergedError, InterruptedTrainingError, RunError
from caloserve_training.trainer.curves import Curves
from caloserve_training.trainer.family import Training
from caloserve_training.trainer.looks import look
from caloserve_training.trainer.run import WEIGHTS, Run

Report = Callable[[int, dict[str, float]], None]
"""Told the number of the last step, and its losses."""

PICTURES = "pictures"
FIRST_LOOK = 20
"""Steps after which a user wants to see something."""
SMOOTHING = 20
"""Steps whose mean loss makes one point of the curves."""


def train(
    training: Training,
    run: Run,
    *,
    validation: ShowerSample,
    look_every: int,
    checkpoint_minutes: float,
    report: Report,
) -> None:
    """Train from the run's checkpoint, or from nothing, to the end; the weights go to the run folder.

    Without validation showers there are no pictures, and no figures but the losses.

    Raises:
        DivergedError: a loss stopped being a finite number.
        InterruptedTrainingError: SIGINT or SIGTERM came; a checkpoint is kept.
        RunError: the run has come further already.
    """
    steps = sum(count for _, count in training.stages)
    begin = _restore(training, run)
    if begin > steps:
        raise RunError(f"{run.folder}: is at step {begin} already, beyond the {steps} that are asked for")
    if begin < steps:
        (run.folder / WEIGHTS).unlink(missing_ok=True)  # of a shorter training
    report(begin, {})
    kept, recent = time.monotonic(), list[dict[str, float]]()
    with Curves(run.folder, after=begin) as curves, _stopping() as stop:
        for number in range(begin + 1, steps + 1):
            losses = training.step(number)
            if not np.isfinite(list(losses.values())).all():
                raise DivergedError(f"{_stage(training, number)}: step {number}: the losses are {losses}")
            report(number, losses)
            recent = _record(curves, training, number, [*recent, losses])
            if len(validation) and (number % look_every == 0 or number in {FIRST_LOOK, steps}):
                picture = run.folder / PICTURES / f"step-{number:06d}.png"
                curves.add(number, look(training.generate, validation, picture, title=f"step {number} of {steps}"))
            if stop.came or time.monotonic() - kept > 60.0 * checkpoint_minutes:
                run.save_checkpoint(number, training.state())
                kept = time.monotonic()
            if stop.came:
                raise InterruptedTrainingError(f"stopped after step {number} of {steps}; the same command goes on")
    if begin < steps:
        run.save_checkpoint(steps, training.state())
    training.finish()
    training.generator.save_weights(run.folder / WEIGHTS)


def _restore(training: Training, run: Run) -> int:
    """Take up the run's checkpoint; its step, 0 where there is none."""
    checkpoint = run.read_checkpoint()
    if checkpoint is None:
        return 0
    training.restore(*checkpoint)
    return checkpoint[0]


def _record(curves: Curves, training: Training, number: int, recent: list[dict[str, float]]) -> list[dict[str, float]]:
    """Write the mean losses of the last steps, now and then; what is still to be written."""
    last_of_stage = _stage(training, number) != _stage(training, number + 1)
    if len(recent) < SMOOTHING and not last_of_stage:
        return recent
    stage = _stage(training, number)
    curves.add(number, {f"{stage}/{name}": float(np.mean([each[name] for each in recent])) for name in recent[0]})
    return []


def _stage(training: Training, number: int) -> str:
    """Name of the stage that a step belongs to, of none after the last."""
    for name, count in training.stages:
        if number <= count:
            return name
        number -= count
    return ""


class _Stop:
    came = False


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Note SIGINT and SIGTERM instead of dying of them."""
    stop = _Stop()

    def note(_number: int, _frame: FrameType | None) -> None:
        stop.came = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
