"""Showers of one kind of particle."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter import SHOWER_SHAPES
from caloserve.v1 import generator_pb2
from caloserve_client.batches import Batch, Buffer, Rows, decode_attempts, decode_statuses
from caloserve_client.errors import BadAnswerError
from caloserve_client.provenance import Provenance, decode_provenance, decode_timings, merge_provenance
from caloserve_client.requests import ShowersRequest
from caloserve_client.tensors import Cells, decode_cells


@dataclass(frozen=True, eq=False, kw_only=True)
class Showers(Batch):
    """Showers of one kind, in the order in which they were asked for. Arrays may be read-only."""

    particle: str
    indices: NDArray[np.uint64]
    """Index of every shower in its event, shape (n,)."""
    cells_mev: Cells
    """Deposited energies in MeV, float32, shape (n, cells). The row of a shower that was not made is zero."""
    provenance: Provenance

    @property
    def layers(self) -> tuple[Cells, ...]:
        """Views of ``cells_mev`` as one image (n, n_phi, n_eta) per layer of the geometry."""
        return self.geometry.split(self.cells_mev)

    @property
    def e_tot_mev(self) -> NDArray[np.float64]:
        """Energy deposited in all layers, MeV, shape (n,)."""
        return SHOWER_SHAPES["e_tot"](self.cells_mev)


def decode_showers(
    response: generator_pb2.GenerateShowersResponse, request: ShowersRequest, rows: slice | None = None
) -> Showers:
    """The answer for some rows of a request, all of them by default.

    Raises:
        BadAnswerError: it does not fit the contract or the request.
    """
    rows = rows or slice(0, len(request))
    count = rows.stop - rows.start
    statuses, errors = decode_statuses(response.showers, count)
    cells, geometry = decode_cells(response.showers.cells_mev, (count,), "cells_mev")
    provenance = decode_provenance(response.provenance)
    if len(errors) < count and not provenance.release_version:
        raise BadAnswerError("provenance: does not say which release made the showers")
    return Showers(
        first_row=request.first_row + rows.start,
        seed=request.seed,
        event_id=request.event_id,
        energies_gev=request.energies_gev[rows],
        statuses=statuses,
        errors=errors,
        attempts=decode_attempts(response.showers, statuses),
        options=request.options,
        geometry=geometry,
        timings=decode_timings(response.timings),
        particle=request.particle,
        indices=request.indices[rows],
        cells_mev=cells,
        provenance=provenance,
    )


class ShowersStream:
    """Decodes the chunks of one stream."""

    def __init__(self, request: ShowersRequest) -> None:
        self._request = request
        self._rows = Rows(len(request))

    def decode(self, message: generator_pb2.GenerateShowersStreamResponse) -> Showers:
        """The next chunk; raise BadAnswerError if it does not fit the contract or is not the next."""
        rows = self._rows.take(message.first_row, len(message.chunk.showers.statuses))
        return decode_showers(message.chunk, self._request, rows)

    def finish(self) -> None:
        """Raise BadAnswerError if chunks are missing."""
        self._rows.finish()


class ShowersAssembly:
    """Puts chunks together."""

    def __init__(self, request: ShowersRequest) -> None:
        self._request = request
        self._buffer = Buffer(len(request))
        self._provenances: list[Provenance] = []
        self._last: Showers | None = None

    def add(self, chunk: Showers) -> None:
        """Copy a chunk to its place."""
        self._buffer.add(chunk, chunk.cells_mev)
        if len(chunk.errors) < len(chunk) and chunk.provenance not in self._provenances:
            self._provenances.append(chunk.provenance)
        self._last = chunk

    def result(self) -> Showers:
        """The whole; raise BadAnswerError if no chunk came, or if different models made them."""
        if self._last is None or self._buffer.cells is None:
            raise BadAnswerError("the stream held no showers")
        return Showers(
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
            particle=self._request.particle,
            indices=self._request.indices,
            cells_mev=self._buffer.cells,
            provenance=merge_provenance(self._provenances or [self._last.provenance]),
        )


def assemble_showers(chunks: Iterable[Showers], request: ShowersRequest) -> Showers:
    """All chunks of a request as one result."""
    assembly = ShowersAssembly(request)
    for chunk in chunks:
        assembly.add(chunk)
    return assembly.result()
