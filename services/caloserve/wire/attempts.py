"""How often showers were drawn."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from caloserve.v1 import shower_pb2

_DRAWN: Final = (
    shower_pb2.SHOWER_STATUS_OK,
    shower_pb2.SHOWER_STATUS_EXTRAPOLATED,
    shower_pb2.SHOWER_STATUS_INVALID_CELLS,
    shower_pb2.SHOWER_STATUS_ENERGY_NOT_CONSERVED,
)


def one_attempt_each(statuses: NDArray[np.integer]) -> NDArray[np.uint32]:
    """Draws of showers, shape (n,), whose list of attempts is empty: 0 for those that were refused before any."""
    return np.isin(statuses, _DRAWN).astype(np.uint32)
