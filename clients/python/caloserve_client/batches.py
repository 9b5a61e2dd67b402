"""What showers of one kind and events have in common: a status per shower, and cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter import Geometry
from caloserve.v1 import shower_pb2
from caloserve.wire.attempts import one_attempt_each
from caloserve_client.errors import BadAnswerError, ShowersFailedError
from caloserve_client.provenance import Timings
from caloserve_client.requests import Options
from caloserve_client.statuses import MADE, ShowerError, ShowerStatus
from caloserve_client.tensors import Cells

Statuses: TypeAlias = NDArray[np.uint8]
Attempts: TypeAlias = NDArray[np.uint32]


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """Showers in the order in which they were asked for."""

    first_row: int
    """Row of the first shower in the request: above 0 in later chunks of an iteration only."""
    seed: int
    event_id: int
    energies_gev: NDArray[np.float32]
    """Kinetic energies, shape (n,)."""
    statuses: Statuses
    """``ShowerStatus`` of every shower, shape (n,)."""
    errors: tuple[ShowerError, ...]
    """One per shower that was not made, in order."""
    attempts: Attempts
    """Draws that every shower took, shape (n,): more than 1 with ``energy_policy="conserve"`` alone, 0 for one that was
    refused before any."""
    options: Options
    geometry: Geometry
    timings: Timings

    def __len__(self) -> int:
        return len(self.statuses)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which showers were made (OK or EXTRAPOLATED), shape (n,)."""
        return np.isin(self.statuses, MADE)


def require_all_made(result: Batch, *, partial: bool) -> None:
    """Raise ShowersFailedError if a shower was not made, unless ``partial`` allows that."""
    if not partial and result.errors:
        raise ShowersFailedError(result)


def decode_statuses(batch: shower_pb2.ShowerBatch, count: int) -> tuple[Statuses, tuple[ShowerError, ...]]:
    """Statuses of ``count`` showers, and an error for each that was not made, with the server's message if it gave one.

    Raises:
        BadAnswerError: not one status per shower, a status that is not known, or an error for a row that is not there.
    """
    if len(batch.statuses) != count:
        raise BadAnswerError(f"statuses: {len(batch.statuses)} for {count} showers")
    numbers = np.fromiter(batch.statuses, dtype=np.int64, count=count)
    unknown = np.flatnonzero(~np.isin(numbers, list(ShowerStatus)))
    if unknown.size:
        raise BadAnswerError(f"statuses[{unknown[0]}]: {numbers[unknown[0]]} is not known")
    messages = {error.row: error.message for error in batch.errors}
    if messages and max(messages) >= count:
        raise BadAnswerError(f"errors: row {max(messages)} of {count} showers")
    failed = np.flatnonzero(~np.isin(numbers, MADE)).tolist()
    errors = tuple(ShowerError(row, ShowerStatus(int(numbers[row])), messages.get(row, "")) for row in failed)
    return numbers.astype(np.uint8), errors


def decode_attempts(batch: shower_pb2.ShowerBatch, statuses: Statuses) -> Attempts:
    """Draws per shower, of the shape of ``statuses``; raise BadAnswerError for another length."""
    if not batch.attempts:
        return one_attempt_each(statuses)
    count = len(statuses)
    if len(batch.attempts) != count:
        raise BadAnswerError(f"attempts: {len(batch.attempts)} for {count} showers")
    return np.fromiter(batch.attempts, dtype=np.uint32, count=count)


class Buffer:
    """Arrays for a whole result, filled chunk by chunk.

    Args:
        count: showers of the result.
    """

    def __init__(self, count: int) -> None:
        self.statuses: Statuses = np.zeros(count, dtype=np.uint8)
        self.attempts: Attempts = np.zeros(count, dtype=np.uint32)
        self.errors: list[ShowerError] = []
        self.timings = Timings()
        self.cells: Cells | None = None

    def add(self, chunk: Batch, cells: Cells | None) -> None:
        """Copy the rows of a chunk to their place; ``cells`` has shape (rows, cells) or is None in all chunks."""
        span = slice(chunk.first_row, chunk.first_row + len(chunk))
        self.statuses[span] = chunk.statuses
        self.attempts[span] = chunk.attempts
        self.errors += shifted(chunk.errors, chunk.first_row)
        self.timings += chunk.timings
        if cells is not None:
            if self.cells is None:
                self.cells = np.zeros((len(self.statuses), cells.shape[1]), dtype=np.float32)
            self.cells[span] = cells


def shifted(errors: Sequence[ShowerError], rows: int) -> list[ShowerError]:
    """The same errors, ``rows`` further down."""
    return [ShowerError(error.row + rows, error.status, error.message) for error in errors]


class Rows:
    """Checks that the chunks of a stream come in order and are complete.

    Args:
        count: showers asked for.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = 0

    def take(self, first_row: int, count: int) -> slice:
        """Rows of the next chunk; raise BadAnswerError unless they follow those before and exist."""
        if first_row != self._next or first_row + count > self._count:
            raise BadAnswerError(
                f"a chunk of rows {first_row} to {first_row + count} where {self._next} to {self._count} are to come"
            )
        self._next += count
        return slice(first_row, self._next)

    def finish(self) -> None:
        """Raise BadAnswerError if rows are missing."""
        if self._next != self._count:
            raise BadAnswerError(f"the stream ended after {self._next} of {self._count} showers")
