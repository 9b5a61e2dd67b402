import numpy as np
import pytest

from caloserve_training.export.parity import Difference


def test_differences_are_shares_of_each_showers_largest_cell() -> None:
    expected = np.array([[10, 0, 5], [1000, 0, 500]], np.float32)
    made = np.array([[10, 0, 6], [1000, 10, 500]], np.float32)
    difference = Difference.between(made, expected)
    assert difference.largest == pytest.approx(0.1)
    assert difference.rms == pytest.approx(np.sqrt((0.1**2 + 0.01**2) / 6))
    assert difference.e_tot_shift == pytest.approx(11 / 1515)


def test_cells_of_an_empty_shower_are_compared_with_1_mev() -> None:
    expected = np.array([[0, 0], [1, 2]], np.float32)
    assert Difference.between(expected, expected) == Difference(0.0, 0.0, 0.0)
    assert Difference.between(0 * expected, 0 * expected) == Difference(0.0, 0.0, 0.0)
    made = np.array([[0, 0.25], [1, 2]], np.float32)
    assert Difference.between(made, expected).largest == 0.25
