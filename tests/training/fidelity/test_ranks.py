import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve_training.fidelity.ranks import conditional_ranks

CHOOSER = np.random.default_rng(0)


def test_ranks_of_one_law_are_even_whatever_the_energy_does() -> None:
    energies = CHOOSER.uniform(1, 100, 1000), CHOOSER.uniform(1, 100, 1000)
    values = [(energy**1.5 * np.exp(0.5 * CHOOSER.normal(size=1000)))[:, np.newaxis] for energy in energies]
    first, second = conditional_ranks(energies, (values[0], values[1]))
    for ranks in (first, second):
        assert np.histogram(ranks, np.linspace(0, 1, 5))[0] == pytest.approx(250, abs=50)


def test_a_shift_hidden_by_the_energy_shows() -> None:
    energies = CHOOSER.uniform(1, 100, 1000), CHOOSER.uniform(1, 100, 1000)
    values = [(energy * (1 + 0.1 * CHOOSER.normal(size=1000)))[:, np.newaxis] for energy in energies]
    first, second = conditional_ranks(energies, (1.1 * values[0], values[1]))
    assert first.mean() - second.mean() > 0.2


@given(st.lists(st.integers(0, 5), min_size=3, max_size=40), st.integers(1, 2))
def test_equal_values_share_their_rank_and_order_is_all_that_counts(numbers: list[int], split: int) -> None:
    values = np.array(numbers, dtype=np.float64)[:, np.newaxis]
    energies = np.full(len(values), 10.0)
    parts = (energies[:split], energies[split:])
    plain = np.concatenate(conditional_ranks(parts, (values[:split], values[split:])))
    bent = np.concatenate(conditional_ranks(parts, (np.exp(values[:split]), np.exp(values[split:]))))
    np.testing.assert_array_equal(plain, bent)
    assert ((plain > 0) & (plain < 1)).all()
    for value in set(numbers):
        assert np.ptp(plain[values == value]) == pytest.approx(0.0)
