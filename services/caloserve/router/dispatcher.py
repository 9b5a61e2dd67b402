"""Asks the generators for an event's showers, all kinds at once."""

import asyncio
import time
from typing import Final

import grpc

from caloserve.calorimeter.errors import BadTensorError
from caloserve.router.backends import Backend, Backends
from caloserve.router.events import Assembly, shower_request, take_apart
from caloserve.router.metrics import RouterMetrics
from caloserve.v1 import event_pb2, generator_pb2, shower_pb2
from caloserve.wire.observation import count_statuses

_STATUS_OF_CODE: Final = {
    grpc.StatusCode.UNAVAILABLE: shower_pb2.SHOWER_STATUS_UNAVAILABLE,
    grpc.StatusCode.CANCELLED: shower_pb2.SHOWER_STATUS_UNAVAILABLE,  # by a generator that is about to end
    grpc.StatusCode.RESOURCE_EXHAUSTED: shower_pb2.SHOWER_STATUS_RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED: shower_pb2.SHOWER_STATUS_DEADLINE_EXCEEDED,
    grpc.StatusCode.NOT_FOUND: shower_pb2.SHOWER_STATUS_UNKNOWN_RELEASE,
    grpc.StatusCode.UNIMPLEMENTED: shower_pb2.SHOWER_STATUS_UNIMPLEMENTED,
}

_BROKEN_OFF: Final = "Stream removed"
"""gRPC's word for an answer that had begun when its connection ended."""


class EventDispatch:
    """One event on its way; knows which generators have let it down."""

    def __init__(self, request: event_pb2.GenerateEventRequest, backends: Backends, metrics: RouterMetrics) -> None:
        self._request = request
        self._backends = backends
        self._metrics = metrics
        self._silent: set[Backend] = set()

    async def make(self, rows: slice, timeout_s: float) -> Assembly:
        """Make the particles ``rows`` of the event; each generator may take ``timeout_s``."""
        began = time.perf_counter()
        by_pdg_id = self._backends.by_pdg_id
        assembly = Assembly(take_apart(self._request, rows, by_pdg_id))
        await asyncio.gather(*(self._ask(by_pdg_id[pdg_id], assembly, timeout_s) for pdg_id in assembly.part.rows))
        self._metrics.event(count_statuses(assembly.part.statuses), time.perf_counter() - began)
        return assembly

    async def _ask(self, backend: Backend, assembly: Assembly, timeout_s: float) -> None:
        """Get the showers of one kind; whatever goes wrong becomes the status of these showers alone."""
        particle = backend.particle
        if backend in self._silent:  # waiting once is enough: the other kinds' showers are to arrive in time
            assembly.fail(particle, shower_pb2.SHOWER_STATUS_DEADLINE_EXCEEDED, "did not answer in time before")
            return
        try:
            with self._metrics.backend(particle.name):
                answer = await _ask_again_if_broken_off(
                    backend, shower_request(self._request, assembly.part, particle), timeout_s
                )
            assembly.add(particle, answer)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._silent.add(backend)
            status = _STATUS_OF_CODE.get(error.code(), shower_pb2.SHOWER_STATUS_INTERNAL)
            assembly.fail(particle, status, error.details() or error.code().name)
        except BadTensorError as error:
            assembly.fail(particle, shower_pb2.SHOWER_STATUS_INTERNAL, str(error))


async def _ask_again_if_broken_off(
    backend: Backend, request: generator_pb2.GenerateShowersRequest, timeout_s: float
) -> generator_pb2.GenerateShowersResponse:
    """Ask for showers, and once more where a replica was lost in the middle of its answer, which gRPC does not.

    Both together may take ``timeout_s``.
    """
    began = time.perf_counter()
    try:
        return await backend.stub.GenerateShowers(request, timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE or _BROKEN_OFF not in (error.details() or ""):
            raise
    left_s = max(0.0, timeout_s - (time.perf_counter() - began))
    return await backend.stub.GenerateShowers(request, timeout=left_s)
