"""The showers of an order in the making."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.geometry import Geometry
from caloserve.generator.orders import Order
from caloserve.v1 import shower_pb2
from caloserve.wire.options import EnergyLimit

_MEV_PER_GEV: Final = 1000.0

Rows = NDArray[np.intp]


@dataclass
class Times:
    """Where the time of making showers went, in seconds."""

    queue: float = 0.0
    """Waiting for the engine."""
    sampling: float = 0.0
    inference: float = 0.0


class Showers:
    """What becomes of an order: rows are taken to be made, and put back with their cells until none is left.

    Attributes:
        order: what was asked for; its statuses tell what became of each row.
        cells_mev: shape (n, cells), zero where no shower was made.
        attempts: draws of each shower so far, shape (n,).
        dropped: showers held back, by what was wrong with their cells: ``non_finite`` or ``negative``.
        times: of the batches that these showers rode in.
    """

    def __init__(self, order: Order, geometry: Geometry) -> None:
        self.order = order
        self.attempts = np.zeros(len(order), dtype=np.uint32)
        self.dropped: dict[str, int] = {}
        self.times = Times()
        self._waiting = np.arange(len(order)) if order.plain else np.flatnonzero(order.wanted)
        self._cells: NDArray[np.float32] | None = None
        self._shape = (len(order), geometry.cells)

    def __len__(self) -> int:
        """Rows that are still to be made."""
        return len(self._waiting)

    @property
    def cells_mev(self) -> NDArray[np.float32]:
        """Shape (n, cells), zero where no shower was made."""
        if self._cells is None:
            self._cells = np.zeros(self._shape, dtype=np.float32)
        return self._cells

    def take(self, most: int) -> Rows:
        """The next rows to be made, at most so many."""
        rows, self._waiting = self._waiting[:most], self._waiting[most:]
        self.attempts[rows] += 1
        return rows

    def accept(self, rows: Rows, cells_mev: NDArray[np.float32]) -> None:
        """Accept the cells, shape (n, cells), that were made of ``rows``."""
        if len(rows) == len(self.order):
            self._cells = cells_mev  # all at once: nothing to put in order, nothing to copy
        else:
            self.cells_mev[rows] = cells_mev

    def put(self, rows: Rows, cells_mev: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Accept what can be of ``rows``: cells (n, cells), and whether each row's are finite and not negative.

        A row with a bad cell is refused. So is one that exceeds the order's energy limit, when it has no attempt left;
        else it waits to be made again. Returns which rows were accepted, shape (n,).
        """
        accepted = good.copy()
        if limit := self.order.energy_limit:
            accepted &= self._conserving(limit, rows, cells_mev)
            self._again(limit, rows[good & ~accepted])
        for row in np.flatnonzero(~good):
            self._drop(int(rows[row]), finite=bool(np.isfinite(cells_mev[row]).all()))
        if accepted.all():
            self.accept(rows, cells_mev)
        else:
            self.cells_mev[rows[accepted]] = cells_mev[accepted]
        return accepted

    def _conserving(self, limit: EnergyLimit, rows: Rows, cells_mev: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether each shower's E_tot <= E (1 + tolerance): arXiv:1705.02355, section IV.B."""
        most_mev = self.order.energies_gev[rows].astype(np.float64) * (_MEV_PER_GEV * (1 + limit.tolerance))
        # Converted first, each row is summed by itself: its sum does not depend on its place in the batch.
        conserving: NDArray[np.bool_] = cells_mev.astype(np.float64).sum(axis=1) <= most_mev
        return conserving

    def _again(self, limit: EnergyLimit, rows: Rows) -> None:
        """Let rows wait for another attempt, in order among the others; refuse those that have had the last."""
        spent = self.attempts[rows] >= limit.max_attempts
        for row in rows[spent].tolist():
            message = f"none of {limit.max_attempts} attempts deposits at most {1 + limit.tolerance:g} E"
            self.order.refuse(row, shower_pb2.SHOWER_STATUS_ENERGY_NOT_CONSERVED, message)
        # Sorted: batches that carry parts of an order need not come back in the order in which they left.
        self._waiting = np.sort(np.concatenate([rows[~spent], self._waiting]))

    def _drop(self, row: int, *, finite: bool) -> None:
        reason = "negative" if finite else "non_finite"
        message = f"the model made a {reason.replace('_', '-')} cell"
        self.order.refuse(row, shower_pb2.SHOWER_STATUS_INVALID_CELLS, message)
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
