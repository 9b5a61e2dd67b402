"""Energies to make showers at."""

import numpy as np
from numpy.typing import NDArray

from caloserve_client.errors import RequestRejectedError

_STREAM = 1  # with 0 after it, where showers' streams have their size (caloserve.calorimeter.seeds): they never meet
_UNIT = 2.0**-53


def uniform_energies(low_gev: float, high_gev: float, count: int, *, seed: int, event_id: int) -> NDArray[np.float32]:
    """Energies spread evenly between two bounds, reproducible for ever.

    They come from raw words of NumPy's Philox4x64-10 (key (seed, event_id), counter starting at (0, 1, 0, 0)), the
    upper 53 bits of each as a fraction of the range. A longer list begins with the shorter one.

    Args:
        low_gev: lower bound, above 0.
        high_gev: upper bound, not below the lower.
        count: how many.
        seed: the showers' seed, 0 to 2**64 - 1.
        event_id: the showers' event, 0 to 2**64 - 1.

    Returns:
        GeV, float32, shape (count,).

    Raises:
        RequestRejectedError: the bounds are not positive, finite and in order.
    """
    if not 0 < low_gev <= high_gev < np.inf:
        raise RequestRejectedError(f"energies from {low_gev:g} to {high_gev:g} GeV: need 0 < low <= high")
    words = np.random.Philox(
        key=np.array([seed, event_id], dtype=np.uint64), counter=np.array([0, _STREAM, 0, 0], dtype=np.uint64)
    ).random_raw(count)
    fractions = (words >> np.uint64(11)) * _UNIT
    energies: NDArray[np.float32] = (low_gev + (high_gev - low_gev) * fractions).astype(np.float32)
    return energies
