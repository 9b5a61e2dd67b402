"""Makes the showers of an order: random streams to latents, latents to cells, and never a bad cell out."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.seeds import latents
from caloserve.generator.engine import Engine
from caloserve.generator.orders import Order
from caloserve.v1 import shower_pb2

_FIRST_ATTEMPT = 0


@dataclass
class Showers:
    """What becomes of an order: cells (n, cells) in MeV, zero where no shower was made, and where the time went."""

    order: Order
    cells_mev: NDArray[np.float32]
    dropped: Counter[str] = field(default_factory=Counter)
    """Showers held back, by what was wrong with their cells: ``non_finite`` or ``negative``."""
    queue_s: float = 0.0
    sampling_s: float = 0.0
    inference_s: float = 0.0
    rows_wanted: int = 0
    """Rows given to the engine."""
    rows_run: int = 0
    """Rows that the engine ran, padding included."""


def make_rows(engine: Engine, showers: Showers, part: slice) -> None:
    """Make the wanted showers among the rows of ``part``; those whose cells are bad are refused.

    A row's cells depend on its (seed, event_id, index) and energy alone, so an order can be cut anywhere.
    """
    order = showers.order
    began = time.perf_counter()
    rows = part.start + np.flatnonzero(order.wanted[part])
    latent = latents(order.seed, order.event_id, order.indices[rows], _FIRST_ATTEMPT, engine.latent_size)
    sampled = time.perf_counter()
    made = engine.run(latent, order.energies_gev[rows])
    showers.sampling_s += sampled - began
    showers.inference_s += time.perf_counter() - sampled
    showers.rows_wanted += len(rows)
    showers.rows_run += padded_rows(engine.buckets, len(rows))
    _drop_bad(showers, rows, made)
    showers.cells_mev[rows] = made


def padded_rows(buckets: Sequence[int], rows: int) -> int:
    """Rows that an engine with these batch sizes, smallest first, runs for so many wanted ones."""
    whole, rest = divmod(rows, buckets[-1])
    return whole * buckets[-1] + (next(size for size in buckets if size >= rest) if rest else 0)


def _drop_bad(showers: Showers, rows: NDArray[np.intp], cells: NDArray[np.float32]) -> None:
    """Refuse the rows with a cell that is negative or not finite, and zero their cells."""
    finite = np.isfinite(cells.sum(axis=1, dtype=np.float64))
    positive = cells.min(axis=1) >= 0
    for row in np.flatnonzero(~(finite & positive)):
        reason = "negative" if finite[row] else "non_finite"
        message = f"the model made a {reason.replace('_', '-')} cell"
        showers.order.refuse(int(rows[row]), shower_pb2.SHOWER_STATUS_INVALID_CELLS, message)
        showers.dropped[reason] += 1
        cells[row] = 0.0
