import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve.calorimeter import CALOGAN
from caloserve_training.data import ShowerSample
from caloserve_training.trainer.split import split


def make_sample(count: int) -> ShowerSample:
    chooser = np.random.default_rng(0)
    cells = chooser.exponential(size=(count, CALOGAN.cells)).astype(np.float32)
    return ShowerSample(chooser.uniform(1, 100, count).astype(np.float32), cells, "")


SAMPLE = make_sample(600)


def test_shares_are_about_what_was_asked_for() -> None:
    parts = split(SAMPLE, validation=0.2, test=0.1)
    assert len(parts.test) == pytest.approx(60, abs=25)
    assert len(parts.validation) == pytest.approx(120, abs=35)


@given(seed=st.integers(0, 1000), count=st.integers(0, 600))
def test_a_shower_falls_to_the_same_side_in_any_file(seed: int, count: int) -> None:
    whole = split(SAMPLE, validation=0.2, test=0.1)
    chosen = np.random.default_rng(seed).permutation(len(SAMPLE))[:count]
    part = split(SAMPLE.select(chosen), validation=0.2, test=0.1)
    for side in ("training", "validation", "test"):
        assert set(getattr(part, side).digests()) <= set(getattr(whole, side).digests())
    assert len(part.training) + len(part.validation) + len(part.test) == count
