"""Makes batches: random streams to latents, latents to cells, and never a bad cell out."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.seeds import Streams
from caloserve.generator.batcher import Piece
from caloserve.generator.engine import Engine


@dataclass(frozen=True)
class Batch:
    """The showers of a batch that were accepted, by row: energies (n,), statuses (n,), cells (n, cells)."""

    energies_gev: NDArray[np.float32]
    statuses: NDArray[np.int32]
    cells_mev: NDArray[np.float32]
    seconds: float
    """It took to make the batch."""


class Sampler:
    """Makes the showers of several orders together. One thread at a time may use it.

    A row's cells depend on its (seed, event_id, index, attempt) and energy alone, so it may ride with any others.

    Attributes:
        batches: made so far.
        rows: in them.
        rows_run: rows that the engine ran, padding included.
        seconds: spent sampling and in the engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._streams = Streams(engine.latent_size)
        self.batches = 0
        self.rows = 0
        self.rows_run = 0
        self.seconds = 0.0

    def make(self, pieces: Sequence[Piece]) -> Batch:
        """Make the rows of all pieces and put their cells back."""
        began = time.perf_counter()
        count = sum(len(rows) for _, rows in pieces)
        streams = np.empty((4, count), dtype=np.uint64)
        energies = np.empty(count, dtype=np.float32)
        for (showers, rows), part in _parts(pieces):
            order = showers.order
            streams[0, part], streams[1, part], streams[2, part] = order.seed, order.event_id, order.indices[rows]
            streams[3, part] = showers.attempts[rows] - 1
            energies[part] = order.energies_gev[rows]
        latent = self._streams.draw(*streams)
        sampled = time.perf_counter()
        cells = self._engine.run(latent, energies)
        ended = time.perf_counter()
        good = _good(cells)
        accepted = np.empty(count, dtype=np.bool_)
        statuses = np.empty(count, dtype=np.int32)
        for (showers, rows), part in _parts(pieces):
            showers.times.sampling += sampled - began
            showers.times.inference += ended - sampled
            accepted[part] = showers.put(rows, cells[part], good[part])
            statuses[part] = showers.order.statuses[rows]
        self.batches += 1
        self.rows += count
        self.rows_run += self._engine.rows_run(count)
        self.seconds += ended - began
        if not accepted.all():
            energies, statuses, cells = energies[accepted], statuses[accepted], cells[accepted]
        return Batch(energies, statuses, cells, ended - began)


def _good(cells_mev: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether all cells of each shower are finite and not negative, shape (n,)."""
    if cells_mev.min() >= 0 and cells_mev.max() < np.inf:  # false for NaN
        return np.ones(len(cells_mev), dtype=np.bool_)
    good: NDArray[np.bool_] = (cells_mev.min(axis=1) >= 0) & (cells_mev.max(axis=1) < np.inf)
    return good


def _parts(pieces: Sequence[Piece]) -> Iterator[tuple[Piece, slice]]:
    """Each piece with its place in the batch."""
    start = 0
    for piece in pieces:
        stop = start + len(piece[1])
        yield piece, slice(start, stop)
        start = stop
