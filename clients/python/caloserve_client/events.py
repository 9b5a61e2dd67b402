"""Whole events: showers of several kinds of particle."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES, Geometry
from caloserve.calorimeter.particles import PARTICLES_BY_PDG_ID
from caloserve.v1 import event_pb2
from caloserve_client.batches import Batch, Buffer, Rows, decode_attempts, decode_statuses
from caloserve_client.errors import BadAnswerError, NotAskedForError
from caloserve_client.provenance import Provenance, Timings, decode_makers, decode_timings, merge_provenance
from caloserve_client.requests import EventRequest, Output
from caloserve_client.statuses import ShowerError
from caloserve_client.tensors import Cells, decode_cells


@dataclass(frozen=True, eq=False, kw_only=True)
class Event(Batch):
    """An event's showers, in the order of its particles. Arrays may be read-only."""

    pdg_ids: NDArray[np.int32]
    """Shape (n,)."""
    output: Output
    cells: Cells | None
    """``cells_mev``, or None where it was not asked for."""
    sum_cells: Cells | None
    """``sum_mev``, or None where it was not asked for, or in a chunk before the last."""
    provenance: Mapping[str, Provenance]
    """What made the showers of each kind, by particle name."""
    generator_timings: Mapping[str, Timings]
    """The generators' times by particle name; ``timings`` is the router's."""

    @property
    def cells_mev(self) -> Cells:
        """Deposited energies in MeV, float32, shape (n, cells). The row of a shower that was not made is zero.

        Raises:
            NotAskedForError: the call asked for ``output="sum"``.
        """
        if self.cells is None:
            raise NotAskedForError(f"cells_mev: the event was asked for with output={self.output!r}")
        return self.cells

    @property
    def layers(self) -> tuple[Cells, ...]:
        """Views of ``cells_mev`` as one image (n, n_phi, n_eta) per layer of the geometry."""
        return self.geometry.split(self.cells_mev)

    @property
    def e_tot_mev(self) -> NDArray[np.float64]:
        """Energy that each shower deposited in all layers, MeV, shape (n,)."""
        return SHOWER_SHAPES["e_tot"](self.cells_mev)

    @property
    def sum_mev(self) -> Cells:
        """Deposits of the showers that were made, added in order, MeV, float32, shape (cells,).

        Raises:
            NotAskedForError: the call asked for ``output="per_shower"``, or this is a chunk before the last.
        """
        if self.sum_cells is None:
            raise NotAskedForError(f"sum_mev: not in this answer, asked for with output={self.output!r}")
        return self.sum_cells

    @property
    def sum_layers(self) -> tuple[Cells, ...]:
        """Views of ``sum_mev`` as one image (n_phi, n_eta) per layer of the geometry."""
        return self.geometry.split(self.sum_mev)


def decode_event(
    response: event_pb2.GenerateEventResponse, request: EventRequest, rows: slice | None = None, *, last: bool = True
) -> Event:
    """The answer for some rows of an event, all of them by default; a sum is expected with the last rows.

    Raises:
        BadAnswerError: it does not fit the contract or the request.
    """
    rows = rows or slice(0, len(request))
    count = rows.stop - rows.start
    if response.event_id != request.event_id:
        raise BadAnswerError(f"event_id: {response.event_id} instead of {request.event_id}")
    statuses, errors = decode_statuses(response.showers, count)
    cells, total, geometry = _decode_outputs(response, request.output, count, last=last)
    provenance, generator_timings = decode_makers(response.makers)
    _check_provenance(provenance, request.pdg_ids[rows], errors)
    return Event(
        first_row=rows.start,
        seed=request.seed,
        event_id=request.event_id,
        energies_gev=request.energies_gev[rows],
        statuses=statuses,
        errors=errors,
        attempts=decode_attempts(response.showers, statuses),
        options=request.options,
        geometry=geometry,
        timings=decode_timings(response.timings),
        pdg_ids=request.pdg_ids[rows],
        output=request.output,
        cells=cells,
        sum_cells=total,
        provenance=MappingProxyType(provenance),
        generator_timings=MappingProxyType(generator_timings),
    )


def _decode_outputs(
    response: event_pb2.GenerateEventResponse, output: Output, count: int, *, last: bool
) -> tuple[Cells | None, Cells | None, Geometry]:
    cells = total = None
    geometry = CALOGAN  # of a chunk without cells
    if output != "sum":
        cells, geometry = decode_cells(response.showers.cells_mev, (count,), "cells_mev")
    if output != "per_shower" and last:
        total, geometry = decode_cells(response.sum_cells_mev, (), "sum_cells_mev")
    return cells, total, geometry


def _check_provenance(
    provenance: Mapping[str, Provenance], pdg_ids: NDArray[np.int32], errors: tuple[ShowerError, ...]
) -> None:
    made = np.delete(pdg_ids, [error.row for error in errors])
    for pdg_id in np.unique(made).tolist():
        particle = PARTICLES_BY_PDG_ID.get(pdg_id)
        if particle is None or particle.name not in provenance:
            raise BadAnswerError(f"makers: does not say what made the showers of PDG id {pdg_id}")


class EventStream:
    """Decodes the chunks of one streamed event."""

    def __init__(self, request: EventRequest) -> None:
        self._request = request
        self._rows = Rows(len(request))

    def decode(self, message: event_pb2.GenerateEventStreamResponse) -> Event:
        """The next chunk; raise BadAnswerError if it does not fit the contract or is not the next."""
        rows = self._rows.take(message.first_row, len(message.chunk.showers.statuses))
        return decode_event(message.chunk, self._request, rows, last=rows.stop == len(self._request))

    def finish(self) -> None:
        """Raise BadAnswerError if chunks are missing."""
        self._rows.finish()


class EventAssembly:
    """Puts chunks of an event together."""

    def __init__(self, request: EventRequest) -> None:
        self._request = request
        self._buffer = Buffer(len(request))
        self._provenance: dict[str, Provenance] = {}
        self._timings: dict[str, Timings] = {}
        self._last: Event | None = None

    def add(self, chunk: Event) -> None:
        """Copy a chunk to its place; raise BadAnswerError if another model made its showers of a kind."""
        self._buffer.add(chunk, chunk.cells)
        for name, provenance in chunk.provenance.items():
            self._provenance[name] = merge_provenance([self._provenance.get(name, provenance), provenance])
        for name, timings in chunk.generator_timings.items():
            self._timings[name] = self._timings.get(name, Timings()) + timings
        self._last = chunk

    def result(self) -> Event:
        """The whole; raise BadAnswerError if no chunk came."""
        if self._last is None:
            raise BadAnswerError("the stream held no showers")
        return Event(
            first_row=0,
            seed=self._request.seed,
            event_id=self._request.event_id,
            energies_gev=self._request.energies_gev,
            statuses=self._buffer.statuses,
            errors=tuple(self._buffer.errors),
            attempts=self._buffer.attempts,
            options=self._request.options,
            geometry=self._last.geometry,
            timings=self._buffer.timings,
            pdg_ids=self._request.pdg_ids,
            output=self._request.output,
            cells=self._buffer.cells,
            sum_cells=self._last.sum_cells,
            provenance=MappingProxyType(self._provenance),
            generator_timings=MappingProxyType(self._timings),
        )


def assemble_event(chunks: Iterable[Event], request: EventRequest) -> Event:
    """All chunks of an event as one result."""
    assembly = EventAssembly(request)
    for chunk in chunks:
        assembly.add(chunk)
    return assembly.result()
