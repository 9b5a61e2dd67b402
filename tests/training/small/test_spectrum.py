import numpy as np
import pytest

from caloserve.calorimeter import CALOGAN
from caloserve_training.small import spectrum

ANNIHILATION_MEV = 0.51099890


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """Table of cells that are expected at 1 MeV: 40 % empty, 6 % exactly 0.511 MeV, the rest exponential."""
    chooser = np.random.default_rng(0)
    cells = chooser.exponential(1.6, size=(200, CALOGAN.cells))
    kind = chooser.uniform(size=cells.shape)
    cells[kind < 0.46] = ANNIHILATION_MEV
    cells[kind < 0.40] = 0.0
    return spectrum.measure_spectrum(cells.astype(np.float32), np.zeros(cells.shape, dtype=np.float32))


def draw(table: np.ndarray, layer: int, count: int) -> np.ndarray:
    """What the generator does with a table at an expectation of 1 MeV, in NumPy."""
    scores = np.random.default_rng(1).standard_normal(count).clip(-spectrum.SCORE_RANGE, spectrum.SCORE_RANGE)
    position = (scores + spectrum.SCORE_RANGE) / spectrum.SCORE_STEP
    level = round(-spectrum.LOG_LOW / spectrum.LEVEL_STEP)
    rows = table[(layer * spectrum.LEVELS + level) * spectrum.SCORES + position.astype(int)]
    cells = np.exp(rows[:, 0] + (position % 1.0) * rows[:, 1])
    return np.where(scores > rows[:, 3], cells, 0.0)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_draws_have_the_law_of_the_cells(table: np.ndarray, layer: int) -> None:
    drawn = draw(table, layer, 50_000)
    assert np.mean(drawn == 0) == pytest.approx(0.40, abs=0.02)
    assert np.mean(np.abs(drawn - ANNIHILATION_MEV) < 1e-6) == pytest.approx(0.06, abs=0.025)
    rest = drawn[(drawn > 0) & (np.abs(drawn - ANNIHILATION_MEV) > 1e-3)]
    assert rest.mean() == pytest.approx(1.6, rel=0.1)


def test_bright_deposits_follow_the_expectation_and_faint_ones_do_not(table: np.ndarray) -> None:
    deposits, share = np.exp(table[:, 0]), table[:, 2]
    np.testing.assert_array_equal(share[deposits < spectrum.FAINT_MEV * 0.999], 0.0)
    np.testing.assert_allclose(share[deposits > spectrum.BRIGHT_MEV * 1.001], 1.0, rtol=1e-5)
