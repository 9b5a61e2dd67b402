import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve_client import RequestRejectedError
from caloserve_client.energies import uniform_energies


def test_reproducible_for_ever() -> None:
    energies = uniform_energies(1.0, 100.0, 4, seed=7, event_id=0)
    assert energies.dtype == np.float32
    assert [f"{energy:.6g}" for energy in energies] == ["87.4716", "84.6161", "11.8371", "63.8594"]


def test_a_longer_list_begins_with_the_shorter() -> None:
    long = uniform_energies(1.0, 100.0, 1000, seed=1, event_id=2)
    np.testing.assert_array_equal(long[:10], uniform_energies(1.0, 100.0, 10, seed=1, event_id=2))


def test_seeds_and_events_differ() -> None:
    lists = [uniform_energies(1.0, 100.0, 50, seed=seed, event_id=event) for seed in (0, 1) for event in (0, 1)]
    assert len({energies.tobytes() for energies in lists}) == 4


def test_evenly_spread() -> None:
    energies = uniform_energies(1.0, 100.0, 20_000, seed=3, event_id=0)
    counts, _ = np.histogram(energies, bins=20, range=(1.0, 100.0))
    assert abs(counts - 1000).max() < 160  # five standard deviations


@given(
    low=st.floats(1e-3, 1e3), high=st.floats(1e-3, 1e3), seed=st.integers(0, 2**64 - 1), event=st.integers(0, 2**64 - 1)
)
def test_within_the_bounds(low: float, high: float, seed: int, event: int) -> None:
    low, high = sorted((low, high))
    energies = uniform_energies(low, high, 20, seed=seed, event_id=event)
    assert (energies >= np.float32(low)).all()
    assert (energies <= np.float32(high)).all()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (2, 1), (1, np.inf), (np.nan, 1), (1, np.nan)])
def test_bounds_must_make_sense(low: float, high: float) -> None:
    with pytest.raises(RequestRejectedError, match="need 0 < low <= high"):
        uniform_energies(low, high, 1, seed=0, event_id=0)
