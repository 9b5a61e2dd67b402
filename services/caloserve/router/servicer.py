"""The RPCs of EventService."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final, cast

import grpc

from caloserve.router.backends import Backend, Backends
from caloserve.router.dispatcher import Dispatcher
from caloserve.router.events import OUTPUTS_WITH_CELLS, OUTPUTS_WITH_SUM, Assembly, EventSum, check_event
from caloserve.router.metrics import RouterMetrics
from caloserve.v1 import event_pb2, event_pb2_grpc, generator_pb2
from caloserve.wire.channels import SHOWERS_PER_CALL, SHOWERS_PER_CHUNK

PARTICLES_PER_STREAM: Final = 1_000_000
_EVENTS_AHEAD: Final = 3
_PARTS_AHEAD: Final = 3  # the generators work on these while one is being sent
_DESCRIBE_TIMEOUT_S: Final = 1.0
_SHARE_OF_DEADLINE: Final = 0.8

Context = grpc.aio.ServicerContext[Any, Any]


class EventServicer(event_pb2_grpc.EventServiceServicer):
    """Asks the generators for an event's showers, all kinds at once.

    Args:
        backends: the generators.
        metrics: of this process.
        timeout_s: how long a generator may take for one part of an event.
    """

    def __init__(self, backends: Backends, metrics: RouterMetrics, timeout_s: float) -> None:
        self._backends = backends
        self._metrics = metrics
        self._dispatcher = Dispatcher(backends, metrics)
        self._timeout_s = timeout_s

    async def GenerateEvent(
        self, request: event_pb2.GenerateEventRequest, context: Context
    ) -> event_pb2.GenerateEventResponse:
        """A whole event in one answer."""
        async with self._metrics.call("GenerateEvent", context):
            return await self._event(request, self._patience(context))

    async def GenerateEventStream(
        self, request: event_pb2.GenerateEventStreamRequest, context: Context
    ) -> AsyncIterator[event_pb2.GenerateEventStreamResponse]:
        """A whole event in chunks; the generators work ahead while one is being sent."""
        async with self._metrics.call("GenerateEventStream", context):
            event = request.request
            check_event(event, most=PARTICLES_PER_STREAM, otherwise="split the event")
            total = EventSum()
            starts = deque(range(0, len(event.particles), SHOWERS_PER_CHUNK))
            under_way: deque[tuple[int, asyncio.Task[tuple[event_pb2.GenerateEventResponse, Assembly]]]] = deque()
            try:
                while starts or under_way:
                    while starts and len(under_way) < _PARTS_AHEAD:
                        start = starts.popleft()
                        part = slice(start, min(start + SHOWERS_PER_CHUNK, len(event.particles)))
                        under_way.append((start, asyncio.create_task(self._part(event, part, self._patience(context)))))
                    start, task = under_way.popleft()
                    chunk, assembly = await task
                    if event.output in OUTPUTS_WITH_SUM:
                        total.add(assembly.cells_mev)
                        if not starts and not under_way:
                            total.write(chunk.sum_cells_mev)
                    yield event_pb2.GenerateEventStreamResponse(first_row=start, chunk=chunk)
            finally:
                for _, task in under_way:
                    task.cancel()

    async def GenerateEvents(
        self, request_iterator: AsyncIterator[event_pb2.GenerateEventsRequest], context: Context
    ) -> AsyncIterator[event_pb2.GenerateEventsResponse]:
        """Many events, answered in order; the generators work ahead."""
        async with self._metrics.call("GenerateEvents", context):
            under_way: asyncio.Queue[asyncio.Task[event_pb2.GenerateEventResponse] | None] = asyncio.Queue(
                _EVENTS_AHEAD
            )

            async def read() -> None:
                try:
                    async for message in request_iterator:
                        event = self._event(message.request, self._patience(context))
                        await under_way.put(asyncio.create_task(event))
                finally:
                    await under_way.put(None)

            reading = asyncio.create_task(read())
            try:
                while (task := await under_way.get()) is not None:
                    yield event_pb2.GenerateEventsResponse(response=await task)
            finally:
                reading.cancel()
                while not under_way.empty():
                    if (task := under_way.get_nowait()) is not None:
                        task.cancel()

    async def ListGenerators(
        self,
        request: event_pb2.ListGeneratorsRequest,  # noqa: ARG002 (it is empty)
        context: Context,
    ) -> event_pb2.ListGeneratorsResponse:
        """All generators, and the state each is in."""
        async with self._metrics.call("ListGenerators", context):
            generators = await asyncio.gather(*(_describe(backend) for backend in self._backends.by_name.values()))
            return event_pb2.ListGeneratorsResponse(
                generators=generators,
                limits=generator_pb2.Limits(
                    showers_per_call=SHOWERS_PER_CALL,
                    showers_per_stream=PARTICLES_PER_STREAM,
                    showers_per_chunk=SHOWERS_PER_CHUNK,
                ),
            )

    def _patience(self, context: Context) -> float:
        """How long to wait for a generator: short of the caller's deadline, so that the others' showers arrive."""
        remaining = cast("float | None", context.time_remaining())  # None without a deadline, whatever its stub says
        return self._timeout_s if remaining is None else min(self._timeout_s, _SHARE_OF_DEADLINE * remaining)

    async def _event(
        self, request: event_pb2.GenerateEventRequest, timeout_s: float
    ) -> event_pb2.GenerateEventResponse:
        """A whole event in one answer."""
        check_event(request, most=SHOWERS_PER_CALL, otherwise="ask GenerateEventStream for more")
        answer, assembly = await self._part(request, slice(0, len(request.particles)), timeout_s)
        if request.output in OUTPUTS_WITH_SUM:
            total = EventSum()
            total.add(assembly.cells_mev)
            total.write(answer.sum_cells_mev)
        return answer

    async def _part(
        self, request: event_pb2.GenerateEventRequest, rows: slice, timeout_s: float
    ) -> tuple[event_pb2.GenerateEventResponse, Assembly]:
        """The particles ``rows`` of an event."""
        began = time.perf_counter()
        assembly = await self._dispatcher.make(request, rows, timeout_s)
        made = time.perf_counter()
        answer = event_pb2.GenerateEventResponse(event_id=request.event_id)
        assembly.write(answer, with_cells=request.output in OUTPUTS_WITH_CELLS)
        ended = time.perf_counter()
        answer.timings.encode_ms = 1e3 * (ended - made)
        answer.timings.total_ms = 1e3 * (ended - began)
        return answer, assembly


async def _describe(backend: Backend) -> event_pb2.Generator:
    generator = event_pb2.Generator(particle=backend.particle.name)
    try:
        description = await backend.stub.DescribeGenerator(
            generator_pb2.DescribeGeneratorRequest(particle=backend.particle.name), timeout=_DESCRIBE_TIMEOUT_S
        )
    except grpc.aio.AioRpcError as error:
        generator.message = error.details() or error.code().name
        generator.state = (
            event_pb2.GENERATOR_STATE_NOT_SERVING
            if await backend.answers(_DESCRIBE_TIMEOUT_S)
            else event_pb2.GENERATOR_STATE_UNREACHABLE
        )
    else:
        generator.state = event_pb2.GENERATOR_STATE_SERVING
        generator.description.CopyFrom(description)
    return generator
