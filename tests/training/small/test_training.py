"""The small generator's three stages."""

from pathlib import Path

import numpy as np
import pytest

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


@pytest.mark.parametrize("stopped_after", [1, 2, 3, 5])
def test_it_goes_on_from_any_stage_as_if_it_had_not_stopped(sample: ShowerSample, stopped_after: int) -> None:
    unbroken, before, after = (SmallTraining(sample, SHORT, hadronic=False) for _ in range(3))
    assert [name for name, _ in unbroken.stages] == list(STAGES)
    losses = [unbroken.step(number) for number in range(1, 7)]
    assert all(np.isfinite(list(each.values())).all() for each in losses)
    for number in range(1, stopped_after + 1):
        assert before.step(number) == losses[number - 1]
    after.restore(stopped_after, before.state())
    for number in range(stopped_after + 1, 7):
        assert after.step(number) == losses[number - 1]
    for left, right in zip(after.state(), unbroken.state(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_losses_of_impossible_showers_are_no_numbers(sample: ShowerSample) -> None:
    broken = ShowerSample(np.full_like(sample.energy, np.nan), sample.cells, "")
    assert not np.isfinite(SmallTraining(broken, SHORT, hadronic=False).step(1)["loss"])
