"""Makes batches: random streams to latents, latents to cells, and never a bad cell out."""

import logging
import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.seeds import Streams
from caloserve.generator.batcher import Piece
from caloserve.generator.engine import Engine
from caloserve.generator.physics import LivePhysics

log = logging.getLogger(__name__)


class Sampler:
    """Makes the showers of several orders together, one batch after the other: a ``Maker``.

    A row's cells depend on its (seed, event_id, index, attempt) and energy alone, so it may ride with any others.

    Attributes:
        batches: made so far.
        rows: in them.
        rows_run: rows that the engine ran, padding included.
        seconds: spent sampling and in the engine.
    """

    def __init__(self, engine: Engine, physics: LivePhysics) -> None:
        self.batches = 0
        self.rows = 0
        self.rows_run = 0
        self.seconds = 0.0
        self._engine = engine
        self._physics = physics
        self._streams = Streams(engine.latent_size)
        self._pieces: Sequence[Piece] = ()
        self._latent = self._energies_gev = self._cells_mev = np.empty(0, dtype=np.float32)
        self._accepted = np.empty(0, dtype=np.bool_)
        self._sampling_s = self._inference_s = 0.0

    def prepare(self, pieces: Sequence[Piece]) -> None:
        """Draw the latents of all pieces' rows."""
        began = time.perf_counter()
        counts = [len(rows) for _, rows in pieces]
        seeds = np.array([showers.order.seed for showers, _ in pieces], dtype=np.uint64)
        events = np.array([showers.order.event_id for showers, _ in pieces], dtype=np.uint64)
        indices = np.concatenate([showers.order.indices[rows] for showers, rows in pieces])
        attempts = np.concatenate([showers.attempts[rows] for showers, rows in pieces])
        self._pieces = pieces
        self._energies_gev = np.concatenate([showers.order.energies_gev[rows] for showers, rows in pieces])
        self._latent = self._streams.draw(seeds.repeat(counts), events.repeat(counts), indices, attempts - 1)
        self._sampling_s = time.perf_counter() - began

    def run(self) -> None:
        """Run the model."""
        began = time.perf_counter()
        self._cells_mev = self._engine.run(self._latent, self._energies_gev)
        self._inference_s = time.perf_counter() - began

    def put_back(self) -> None:
        """Put the showers back in their orders, and keep those that were accepted to look at."""
        good = _good(self._cells_mev)
        all_good = bool(good.all())
        self._accepted = good
        for (showers, rows), part in _parts(self._pieces):
            showers.times.sampling += self._sampling_s
            showers.times.inference += self._inference_s
            if all_good and not showers.order.energy_limit:
                showers.accept(rows, self._cells_mev[part])
            else:
                self._accepted[part] = showers.put(rows, self._cells_mev[part], good[part])
        self.batches += 1
        self.rows += len(good)
        self.rows_run += self._engine.rows_run(len(good))
        self.seconds += self._sampling_s + self._inference_s

    def look_back(self) -> None:
        """Look at the physics of what was made, now and then."""
        if self._physics.due(self._sampling_s + self._inference_s):
            try:
                self._look()
            except Exception:
                log.exception("live physics failed")

    def _look(self) -> None:
        statuses = np.concatenate([showers.order.statuses[rows] for showers, rows in self._pieces])
        energies, cells, accepted = self._energies_gev, self._cells_mev, self._accepted
        if not accepted.all():
            statuses, energies, cells = statuses[accepted], energies[accepted], cells[accepted]
        self._physics.look(energies, statuses, cells)


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
