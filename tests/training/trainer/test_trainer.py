"""The trainer, on a training of one weight."""

import csv
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from caloserve_training.data import ShowerSample, read_showers
from caloserve_training.errors import DivergedError, InterruptedTrainingError, RunError
from caloserve_training.small.settings import SmallSettings
from caloserve_training.trainer.config import Config
from caloserve_training.trainer.run import CHECKPOINT, WEIGHTS, Description, Run, prepare
from caloserve_training.trainer.trainer import train

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


class Walk:
    """Adds a number that follows from the step to its only weight; what happens at a step can be chosen."""

    def __init__(self, steps: int, events: dict[int, str] | None = None) -> None:
        self.generator = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        self.generator.layers[0].kernel.assign([[0.0]])
        self.stages = (("first", steps // 2), ("second", steps - steps // 2))
        self.events = events or {}
        self.walked: list[int] = []

    def step(self, number: int) -> dict[str, float]:
        self.walked.append(number)
        self.generator.layers[0].kernel.assign_add([[np.sin(number)]])
        if self.events.get(number) == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        return {"loss": np.nan if self.events.get(number) == "nan" else 1.0 / number}

    def finish(self) -> None:
        pass

    def state(self) -> list[NDArray[np.float32]]:
        return [np.asarray(self.generator.layers[0].kernel.value)]

    def restore(self, number: int, state: Sequence[NDArray[np.float32]]) -> None:
        assert number > 0
        self.generator.layers[0].kernel.assign(state[0])

    def generate(self, energy: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        chooser = np.random.default_rng(seed)
        return chooser.exponential(size=(len(energy), 504)).astype(np.float32) * energy[:, np.newaxis]


@pytest.fixture(scope="module")
def description(training_file: Path, reference_file: Path) -> Description:
    return prepare(Config("small", "eplus", training_file, reference_file, SmallSettings()), "caloserve train")[0]


@pytest.fixture(scope="module")
def validation(reference_file: Path) -> ShowerSample:
    return read_showers(reference_file)


def go(walk: Walk, run: Run, validation: ShowerSample, *, look_every: int = 1000, minutes: float = 60.0) -> list[int]:
    told: list[int] = []
    train(
        walk,
        run,
        validation=validation,
        look_every=look_every,
        checkpoint_minutes=minutes,
        report=lambda number, _: told.append(number),
    )
    return told


def test_every_step_is_told_and_the_weights_are_kept(
    description: Description, validation: ShowerSample, tmp_path: Path
) -> None:
    run = Run.begin(tmp_path / "run", description)
    assert go(Walk(12), run, validation) == list(range(13))
    assert run.finished
    assert Run.open(run.folder).description == description


def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    description: Description, validation: ShowerSample, tmp_path: Path
) -> None:
    whole, parts = (Run.begin(tmp_path / name, description) for name in ("whole", "parts"))
    go(unbroken := Walk(50), whole, validation)
    with pytest.raises(InterruptedTrainingError, match="step 23 of 50; the same command goes on"):
        go(Walk(50, {23: "stop"}), parts, validation)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    again = Walk(50)
    assert go(again, Run.begin(parts.folder, description), validation)[0] == 23
    assert again.walked == list(range(24, 51))
    np.testing.assert_array_equal(again.state()[0], unbroken.state()[0])
    assert (whole.folder / WEIGHTS).is_file()


def test_steps_lost_with_a_crash_are_taken_back_from_the_curves(
    description: Description, validation: ShowerSample, tmp_path: Path
) -> None:
    run = Run.begin(tmp_path / "run", description)
    with pytest.raises(DivergedError, match="second: step 31: the losses are"):
        go(Walk(60, {31: "nan"}), run, validation, minutes=0.0)
    run.save_checkpoint(10, [np.zeros((1, 1), dtype=np.float32)])  # as if the later ones had been lost
    go(Walk(60), run, validation)
    with (run.folder / "curves.csv").open(newline="") as file:
        rows = [(int(row["step"]), row["name"]) for row in csv.DictReader(file)]
    assert len(rows) == len(set(rows))
    assert (60, "second/loss") in rows
    assert (20, "distance") in rows


def test_a_finished_run_of_more_steps_goes_on_and_is_unfinished_meanwhile(
    description: Description, validation: ShowerSample, tmp_path: Path
) -> None:
    run = Run.begin(tmp_path / "run", description)
    go(Walk(6), run, validation)
    with pytest.raises(InterruptedTrainingError):
        go(Walk(9, {8: "stop"}), run, validation)
    assert not (run.folder / WEIGHTS).exists()
    assert go(Walk(9), run, validation) == [8, 9]
    assert go(Walk(9), run, validation) == [9]
    assert (run.folder / WEIGHTS).exists()
    with pytest.raises(RunError, match="at step 9 already, beyond the 6"):
        go(Walk(6), run, validation)


def test_pictures_are_drawn_on_the_way(description: Description, validation: ShowerSample, tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "run", description)
    go(Walk(6), run, validation, look_every=4)
    pictures = sorted((run.folder / "pictures").iterdir())
    assert [picture.name for picture in pictures] == ["step-000004.png", "step-000006.png"]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_without_validation_showers_there_is_nothing_to_look_at(
    description: Description, validation: ShowerSample, tmp_path: Path
) -> None:
    run = Run.begin(tmp_path / "run", description)
    go(Walk(30), run, validation.select(slice(0)), look_every=4)
    assert run.finished
    assert not (run.folder / "pictures").exists()


def test_tensorboard_can_read_the_curves(description: Description, validation: ShowerSample, tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "run", description)
    go(Walk(40), run, validation)
    events = EventAccumulator(str(run.folder / "events"))
    events.Reload()
    assert [point.step for point in events.Tensors("first/loss")] == [20]
    assert {"second/loss", "distance", "response"} <= set(events.Tags()["tensors"])


def test_another_training_does_not_go_on_with_the_run(description: Description, tmp_path: Path) -> None:
    folder = Run.begin(tmp_path / "run", description).folder
    other = Description(**{**vars(description), "settings": SmallSettings(hidden=7)})
    with pytest.raises(RunError, match="hidden was 192, is now 7"):
        Run.begin(folder, other)


def test_a_folder_of_something_else_is_left_alone(description: Description, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="is not empty, and no run"):
        Run.begin(tmp_path, description)


def test_a_checkpoint_is_whole_or_absent(description: Description, tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "run", description)
    assert run.read_checkpoint() is None
    run.save_checkpoint(3, [np.ones(4, dtype=np.float32), np.zeros((), dtype=np.float32)])
    number, state = run.read_checkpoint() or (0, [])
    assert number == 3
    assert [array.shape for array in state] == [(4,), ()]
    assert [path.name for path in run.folder.iterdir() if CHECKPOINT in path.name] == [CHECKPOINT]
