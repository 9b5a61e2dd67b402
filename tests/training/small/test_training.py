"""The small generator's three stages."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from caloserve_training.data import ShowerSample, read_showers
from caloserve_training.small.settings import SmallSettings
from caloserve_training.small.training import STAGES, SmallTraining

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

SHORT = SmallSettings(layer_energy_steps=2, expectation_steps=2, steps=2, batch_size=16, hidden=8)


@pytest.fixture(scope="module")
def sample(training_file: Path) -> ShowerSample:
    return read_showers(training_file).select(slice(100))


@pytest.fixture(scope="module")
def unbroken(sample: ShowerSample) -> list[tuple[dict[str, float], list[NDArray[np.float32]]]]:
    """Losses of all steps, and the state after each."""
    training = SmallTraining(sample, SHORT, hadronic=False)
    assert [name for name, _ in training.stages] == list(STAGES)
    return [(training.step(number), training.state()) for number in range(1, 7)]


def test_every_step_has_losses(unbroken: list[tuple[dict[str, float], list[NDArray[np.float32]]]]) -> None:
    assert [list(losses) for losses, _ in unbroken] == [["loss"]] * 4 + [["critic", "generator"]] * 2
    assert all(np.isfinite(list(losses.values())).all() for losses, _ in unbroken)


@pytest.mark.parametrize("stopped_after", [2, 5])
def test_it_goes_on_from_any_stage_as_if_it_had_not_stopped(
    sample: ShowerSample, unbroken: list[tuple[dict[str, float], list[NDArray[np.float32]]]], stopped_after: int
) -> None:
    training = SmallTraining(sample, SHORT, hadronic=False)
    training.restore(stopped_after, unbroken[stopped_after - 1][1])
    for number in range(stopped_after + 1, 7):
        losses, state = unbroken[number - 1]
        assert training.step(number) == losses
        for left, right in zip(training.state(), state, strict=True):
            np.testing.assert_array_equal(left, right)


def test_losses_of_impossible_showers_are_no_numbers(sample: ShowerSample) -> None:
    broken = ShowerSample(np.full_like(sample.energy, np.nan), sample.cells, "")
    assert not np.isfinite(SmallTraining(broken, SHORT, hadronic=False).step(1)["loss"])
