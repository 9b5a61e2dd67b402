"""Taking an event apart by kind of particle, and putting its showers back together in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.errors import BadTensorError, InvalidRequestError, LimitExceededError, quoted
from caloserve.calorimeter.geometry import CALOGAN, Geometry
from caloserve.calorimeter.particles import PARTICLES, Particle
from caloserve.v1 import event_pb2, generator_pb2, shower_pb2, tensor_pb2
from caloserve.wire.attempts import one_attempt_each
from caloserve.wire.errors import shower_error
from caloserve.wire.options import check_options, impact_fault, read_indices
from caloserve.wire.tensors import describe_cells, read_cells, write_cells

OUTPUTS_WITH_CELLS = (
    event_pb2.EVENT_OUTPUT_UNSPECIFIED,
    event_pb2.EVENT_OUTPUT_PER_SHOWER,
    event_pb2.EVENT_OUTPUT_BOTH,
)
OUTPUTS_WITH_SUM = (event_pb2.EVENT_OUTPUT_SUM, event_pb2.EVENT_OUTPUT_BOTH)


def check_event(request: event_pb2.GenerateEventRequest, *, most: int, advice: str) -> None:
    """Refuse a request that is malformed as a whole; a single bad particle is not.

    Raises:
        InvalidRequestError: no particles, another number of indices, an output or geometry that does not exist, a
            release pinned for a kind of particle that does not, or an energy limit that cannot be.
        LimitExceededError: more than ``most`` particles, for which ``advice`` says what to do, or more attempts than
            a shower may take.
        NotBuiltError: a choice of the contract that is not built yet.
    """
    count = len(request.particles)
    if count == 0:
        raise InvalidRequestError("particles", "is empty; an event has at least one")
    if count > most:
        raise LimitExceededError("particles", f"{count} particles, at most {most} per call; {advice}")
    if request.output not in event_pb2.EventOutput.values():
        raise InvalidRequestError("output", f"{request.output} is not one of EventOutput")
    for name in request.releases:
        if name not in PARTICLES:
            raise InvalidRequestError(f"releases[{quoted(name)}]", f"no such kind; known are {', '.join(PARTICLES)}")
    check_options(request.options, CALOGAN.id)
    read_indices(request.indices, count)


@dataclass
class EventPart:
    """Consecutive particles of an event on their way through the generators.

    ``energies_gev``, ``indices`` and ``statuses`` have one entry per row; ``rows`` tells for each PDG id which rows are
    of it.
    """

    energies_gev: NDArray[np.float32]
    indices: NDArray[np.uint64]
    statuses: NDArray[np.int32]
    rows: dict[int, NDArray[np.intp]] = field(default_factory=dict)
    errors: list[shower_pb2.ShowerError] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.energies_gev)

    def refuse(self, row: int, status: int, reason: str) -> None:
        """Give a row its final status and say why."""
        self.statuses[row] = status
        self.errors.append(shower_error(row, status, reason))


def take_apart(request: event_pb2.GenerateEventRequest, rows: slice, served: Mapping[int, object]) -> EventPart:
    """Sort the particles ``rows`` by kind; those of a kind that is not ``served`` are refused, with their reason."""
    particles = request.particles[rows]
    count = len(particles)
    kinds = np.fromiter((particle.pdg_id for particle in particles), np.int64, count)
    part = EventPart(
        energies_gev=np.fromiter((particle.kinetic_energy_gev for particle in particles), np.float32, count),
        indices=read_indices(request.indices[rows], count) if request.indices else _positions(rows),
        statuses=np.zeros(count, dtype=np.int32),
    )
    for row, particle in enumerate(particles):
        if particle.HasField("impact") and (fault := impact_fault(particle.impact)):
            part.refuse(row, *fault)
    unknown = ~np.isin(kinds, list(served))
    for row in np.flatnonzero(unknown & (part.statuses == 0)).tolist():
        known = ", ".join(str(pdg_id) for pdg_id in served)
        reason = f"no generator for pdg_id {kinds[row]}; there is one for {known}"
        part.refuse(row, shower_pb2.SHOWER_STATUS_UNKNOWN_PARTICLE, reason)
    for pdg_id in served:
        of_kind = np.flatnonzero((part.statuses == 0) & (kinds == pdg_id))
        if len(of_kind):
            part.rows[pdg_id] = of_kind
    return part


def _positions(rows: slice) -> NDArray[np.uint64]:
    return np.arange(rows.start, rows.stop, dtype=np.uint64)


def shower_request(
    request: event_pb2.GenerateEventRequest, part: EventPart, particle: Particle
) -> generator_pb2.GenerateShowersRequest:
    """What the generator of one kind is asked: its particles, with their indices in the event."""
    rows = part.rows[particle.pdg_id]
    return generator_pb2.GenerateShowersRequest(
        particle=particle.name,
        energies_gev=part.energies_gev[rows].tolist(),
        seed=request.seed,
        event_id=request.event_id,
        indices=part.indices[rows].tolist(),
        release=request.releases.get(particle.name, ""),
        options=request.options,
        failure_policy=shower_pb2.FAILURE_POLICY_PER_SHOWER,
    )


class Assembly:
    """An event part's showers, put in order as the generators' answers arrive."""

    def __init__(self, part: EventPart, geometry: Geometry = CALOGAN) -> None:
        self.part = part
        self._geometry = geometry
        self._cells: NDArray[np.float32] | None = None
        self._attempts: list[tuple[NDArray[np.intp], Sequence[int]]] = []
        self._makers: list[event_pb2.Maker] = []

    def add(self, particle: Particle, answer: generator_pb2.GenerateShowersResponse) -> None:
        """Put a generator's showers in their rows.

        Raises:
            BadTensorError: the answer does not hold what was asked for.
        """
        rows, batch = self.part.rows[particle.pdg_id], answer.showers
        cells = read_cells(batch.cells_mev, (len(rows), self._geometry.cells), self._geometry)
        if len(batch.statuses) != len(rows):
            raise BadTensorError(f"{len(batch.statuses)} statuses for {len(rows)} showers")
        if len(batch.attempts) not in (0, len(rows)):
            raise BadTensorError(f"{len(batch.attempts)} attempts for {len(rows)} showers")
        if any(error.row >= len(rows) for error in batch.errors):
            raise BadTensorError(f"an error of a row beyond the {len(rows)} showers")
        if len(rows) == len(self.part):
            self._cells = cells  # one kind only: nothing to put in order, nothing to copy
        else:
            self._ordered()[rows] = cells
        self.part.statuses[rows] = batch.statuses
        for error in batch.errors:
            self.part.refuse(int(rows[error.row]), error.status, error.message)
        if batch.attempts:
            self._attempts.append((rows, batch.attempts))
        self._makers.append(event_pb2.Maker(provenance=answer.provenance, timings=answer.timings))

    def fail(self, particle: Particle, status: shower_pb2.ShowerStatus, reason: str) -> None:
        """Give all showers of a kind the same status."""
        for row in self.part.rows[particle.pdg_id]:
            self.part.refuse(int(row), status, f"{particle.name} generator: {reason}")

    @property
    def cells_mev(self) -> NDArray[np.float32]:
        """Cells (n, cells) in the order of the particles; zero where no shower was made."""
        return self._ordered()

    @property
    def attempts(self) -> NDArray[np.uint32]:
        """Draws of each particle's shower, shape (n,)."""
        attempts = one_attempt_each(self.part.statuses)
        for rows, listed in self._attempts:
            attempts[rows] = listed
        return attempts

    def write(
        self, answer: event_pb2.GenerateEventResponse, encoding: tensor_pb2.Encoding, *, with_cells: bool
    ) -> memoryview:
        """Write the showers and what made them as the contract has them; return their cells, encoded, if wanted."""
        answer.showers.statuses[:] = self.part.statuses.tolist()
        answer.showers.errors.extend(sorted(self.part.errors, key=lambda error: error.row))
        if self._attempts:
            answer.showers.attempts[:] = self.attempts.tolist()
        answer.makers.extend(self._makers)
        if not with_cells:
            return memoryview(b"")
        return describe_cells(answer.showers.cells_mev, self.cells_mev, self._geometry, encoding)

    def _ordered(self) -> NDArray[np.float32]:
        if self._cells is None:
            self._cells = np.zeros((len(self.part), self._geometry.cells), dtype=np.float32)
        return self._cells


class EventSum:
    """The calorimeter image of a whole event: deposits add (arXiv:1705.02355, section II).

    Added one shower after the other in double precision, so that the sum has the same bits however the event was cut.
    """

    def __init__(self, geometry: Geometry = CALOGAN) -> None:
        self._geometry = geometry
        self._total = np.zeros((1, geometry.cells), dtype=np.float64)

    def add(self, cells_mev: NDArray[np.float32]) -> None:
        """Add showers (n, cells) in their order."""
        # Along the first axis NumPy adds row after row, unlike the pairwise sums it takes along the last.
        self._total = np.add.reduce(np.concatenate([self._total, cells_mev]), axis=0, keepdims=True)

    def write(self, tensor: tensor_pb2.Tensor, encoding: tensor_pb2.Encoding) -> None:
        """Write the sum, shape (cells,), rounded to float32.

        Raises:
            InvalidRequestError: it is too large for that.
        """
        if self._total.max() > np.finfo(np.float32).max:
            raise InvalidRequestError("particles", "their deposits add up to more than a float32 holds")
        write_cells(tensor, self._total[0].astype(np.float32), self._geometry, encoding)
