import numpy as np
import pytest

from caloserve_training.fidelity.distributions import histogram_edges, separation_power, shares
from caloserve_training.fidelity.variables import BY_NAME, VARIABLES

CHOOSER = np.random.default_rng(0)


def test_separation_is_nothing_for_equal_and_one_for_disjoint_histograms() -> None:
    first, second = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.0, 1.0])
    assert separation_power(first, first) == 0.0
    assert separation_power(first, second) == pytest.approx(1.0)


def test_a_histogram_holds_every_shower() -> None:
    values = CHOOSER.lognormal(size=1000)
    for variable in (BY_NAME["e_0"], BY_NAME["f_0"]):
        assert shares(values, histogram_edges(variable, values)).sum() == pytest.approx(1.0)


def test_a_variable_that_is_always_the_same_has_a_histogram() -> None:
    edges = histogram_edges(BY_NAME["d"], np.full(10, 2.0), np.full(10, 2.0))
    assert shares(np.full(10, 2.0), edges).max() == 1.0


def test_every_variable_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(VARIABLES)
    assert {variable.group for variable in VARIABLES} == {"whole shower", "layer 0", "layer 1", "layer 2"}
