"""The RPCs of EventService."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any, Final, TypeAlias, cast

import grpc

from caloserve.calorimeter.errors import RequestError
from caloserve.router.backends import Backend, Backends
from caloserve.router.dispatcher import EventDispatch
from caloserve.router.events import OUTPUTS_WITH_CELLS, OUTPUTS_WITH_SUM, Assembly, EventSum, check_event
from caloserve.router.metrics import RouterMetrics
from caloserve.router.pipeline import in_order
from caloserve.v1 import event_pb2, generator_pb2
from caloserve.wire.channels import SHOWERS_PER_CALL, SHOWERS_PER_CHUNK
from caloserve.wire.options import MAX_ATTEMPTS
from caloserve.wire.rows import split
from caloserve.wire.splicing import CELLS, splice
from caloserve.wire.statuses import status_code

PARTICLES_PER_STREAM: Final = 1_000_000
_EVENTS_AHEAD: Final = 3
_PARTS_AHEAD: Final = 3  # the generators work on these while one is being sent
_DESCRIBE_TIMEOUT_S: Final = 1.0
_SHARE_OF_DEADLINE: Final = 0.8

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Part: TypeAlias = tuple[event_pb2.GenerateEventResponse, memoryview, Assembly]


class EventServicer:
    """Asks the generators for an event's showers, all kinds at once.

    Answers are encoded here, so that cells are copied once on their way from the generators' answers.

    Args:
        backends: the generators.
        metrics: of this process.
        timeout_s: how long a generator may take for one part of an event.
    """

    def __init__(self, backends: Backends, metrics: RouterMetrics, timeout_s: float) -> None:
        self._backends = backends
        self._metrics = metrics
        self._timeout_s = timeout_s

    async def GenerateEvent(self, request: event_pb2.GenerateEventRequest, context: Context) -> bytes:
        """A whole event in one answer."""
        async with self._metrics.call("GenerateEvent", context):
            answer, cells = await self._event(request, self._patience(context))
            return splice(answer, CELLS, cells)

    async def GenerateEventStream(
        self, request: event_pb2.GenerateEventStreamRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """A whole event in chunks; the generators work ahead while one is being sent."""
        async with self._metrics.call("GenerateEventStream", context):
            event = request.request
            check_event(event, most=PARTICLES_PER_STREAM, advice="ask for parts of the event, with indices")
            count = len(event.particles)
            dispatch = EventDispatch(event, self._backends, self._metrics)
            total = EventSum()

            async def parts() -> AsyncIterator[Coroutine[Any, Any, Part]]:
                for rows in split(count, SHOWERS_PER_CHUNK):
                    yield _part(dispatch, event, rows, self._patience(context))

            async with aclosing(in_order(parts(), _PARTS_AHEAD)) as made:
                first_row = 0
                async for chunk, cells, assembly in made:
                    following = first_row + len(assembly.part)
                    if event.output in OUTPUTS_WITH_SUM:
                        total.add(assembly.cells_mev)
                        if following == count:
                            total.write(chunk.sum_cells_mev, event.options.encoding)
                    message = event_pb2.GenerateEventStreamResponse(first_row=first_row, chunk=chunk)
                    yield splice(message, ("chunk", *CELLS), cells)
                    first_row = following

    async def GenerateEvents(
        self, request_iterator: AsyncIterator[event_pb2.GenerateEventsRequest], context: Context
    ) -> AsyncIterator[bytes]:
        """Many events, answered in order; the generators work ahead."""
        async with self._metrics.call("GenerateEvents", context):

            async def events() -> AsyncIterator[Coroutine[Any, Any, bytes]]:
                async for message in request_iterator:
                    yield self._event_or_error(message.request, self._patience(context))

            async with aclosing(in_order(events(), _EVENTS_AHEAD)) as answers:
                async for answer in answers:
                    yield answer

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
                    max_attempts=MAX_ATTEMPTS,
                ),
            )

    def _patience(self, context: Context) -> float:
        """How long to wait for a generator: short of the caller's deadline, so that the others' showers arrive."""
        remaining = cast("float | None", context.time_remaining())  # None without a deadline, whatever its stub says
        return self._timeout_s if remaining is None else min(self._timeout_s, _SHARE_OF_DEADLINE * remaining)

    async def _event(
        self, request: event_pb2.GenerateEventRequest, timeout_s: float
    ) -> tuple[event_pb2.GenerateEventResponse, memoryview]:
        """A whole event in one answer, and its cells."""
        check_event(request, most=SHOWERS_PER_CALL, advice="ask GenerateEventStream for more")
        dispatch = EventDispatch(request, self._backends, self._metrics)
        answer, cells, assembly = await _part(dispatch, request, slice(0, len(request.particles)), timeout_s)
        if request.output in OUTPUTS_WITH_SUM:
            total = EventSum()
            total.add(assembly.cells_mev)
            total.write(answer.sum_cells_mev, request.options.encoding)
        return answer, cells

    async def _event_or_error(self, request: event_pb2.GenerateEventRequest, timeout_s: float) -> bytes:
        """The same; a malformed event is answered with its error, for the others' sake."""
        answer = event_pb2.GenerateEventsResponse(event_id=request.event_id)
        try:
            response, cells = await self._event(request, timeout_s)
        except RequestError as error:
            answer.error.code = status_code(error).value[0]
            answer.error.message = str(error)
            return answer.SerializeToString()
        answer.response.CopyFrom(response)
        return splice(answer, ("response", *CELLS), cells)


async def _part(
    dispatch: EventDispatch, request: event_pb2.GenerateEventRequest, rows: slice, timeout_s: float
) -> Part:
    """The particles ``rows`` of an event, their cells, and what they come from."""
    began = time.perf_counter()
    assembly = await dispatch.make(rows, timeout_s)
    made = time.perf_counter()
    answer = event_pb2.GenerateEventResponse(event_id=request.event_id)
    cells = assembly.write(answer, request.options.encoding, with_cells=request.output in OUTPUTS_WITH_CELLS)
    ended = time.perf_counter()
    answer.timings.encode_ms = 1e3 * (ended - made)
    answer.timings.total_ms = 1e3 * (ended - began)
    return answer, cells, assembly


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
