"""The RPCs of ShowerGeneratorService, answered by one generator."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias, cast

import grpc

from caloserve.calorimeter.errors import NotFoundError, NotServingError, quoted
from caloserve.generator.answers import write_answer
from caloserve.generator.description import describe
from caloserve.generator.metrics import GeneratorMetrics
from caloserve.generator.orders import Order, read_order
from caloserve.generator.service import ServedRelease, Service
from caloserve.generator.showers import Showers
from caloserve.v1 import generator_pb2
from caloserve.wire.channels import SHOWERS_PER_CALL, SHOWERS_PER_CHUNK
from caloserve.wire.splicing import CELLS, splice

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class GeneratorServicer:
    """Answers for one kind of particle, once ``service`` is set; until then with UNAVAILABLE and ``not_serving``.

    Answers with showers are encoded here, so that cells are copied once on their way from the engine.
    """

    def __init__(self, metrics: GeneratorMetrics) -> None:
        self.service: Service | None = None
        self.not_serving = "the release is being loaded"
        self._metrics = metrics

    async def GenerateShowers(self, request: generator_pb2.GenerateShowersRequest, context: Context) -> bytes:
        """All showers of a request in one answer."""
        async with self._metrics.call("GenerateShowers", context):
            began = time.perf_counter()
            service = self._serving()
            release = service.release(request.release)
            order = read_order(
                request, release.manifest, most=SHOWERS_PER_CALL, advice="ask GenerateShowersStream for more"
            )
            return await self._make(release, order, _encode, began, _deadline(context))

    async def GenerateShowersStream(
        self, request: generator_pb2.GenerateShowersStreamRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """The showers of a request in chunks; one is made while the one before it is sent."""
        async with self._metrics.call("GenerateShowersStream", context):
            service = self._serving()
            release = service.release(request.request.release)
            order = read_order(
                request.request,
                release.manifest,
                most=service.settings.showers_per_stream,
                advice="ask in several calls, with indices",
            )
            deadline = _deadline(context)

            def make(start: int) -> Coroutine[Any, Any, bytes]:
                rows, began = order.rows(start, start + SHOWERS_PER_CHUNK), time.perf_counter()

                def encode(answer: generator_pb2.GenerateShowersResponse, cells: memoryview) -> bytes:
                    message = generator_pb2.GenerateShowersStreamResponse(first_row=start, chunk=answer)
                    return splice(message, ("chunk", *CELLS), cells)

                return self._make(release, rows, encode, began, deadline, admitted=start > 0)

            upcoming = asyncio.ensure_future(make(0))
            try:
                for start in range(0, len(order), SHOWERS_PER_CHUNK):
                    chunk = await upcoming
                    if start + SHOWERS_PER_CHUNK < len(order):
                        upcoming = asyncio.ensure_future(make(start + SHOWERS_PER_CHUNK))
                    yield chunk
            finally:
                upcoming.cancel()
                upcoming.add_done_callback(_forget)

    async def DescribeGenerator(
        self, request: generator_pb2.DescribeGeneratorRequest, context: Context
    ) -> generator_pb2.DescribeGeneratorResponse:
        """What this service serves."""
        async with self._metrics.call("DescribeGenerator", context):
            service = self._serving()
            particle = service.settings.particle.name
            if request.particle not in ("", particle):
                raise NotFoundError(
                    "particle", f"{quoted(request.particle)} is not served here; this service makes {particle}"
                )
            return describe(service)

    def _serving(self) -> Service:
        if self.service is None:
            raise NotServingError(self.not_serving)
        return self.service

    async def _make(
        self,
        release: ServedRelease,
        order: Order,
        encode: Callable[[generator_pb2.GenerateShowersResponse, memoryview], bytes],
        began: float,
        deadline: float | None,
        *,
        admitted: bool = False,
    ) -> bytes:
        """Make an order's showers; ``encode`` is given the answer and the cells that belong into it."""
        ordered = time.perf_counter()

        def answer(showers: Showers) -> bytes:
            made = time.perf_counter()
            message, cells = write_answer(release, showers)
            encoded = time.perf_counter()
            message.timings.encode_ms = 1e3 * (encoded - made)
            message.timings.total_ms = 1e3 * (encoded - began)
            self._metrics.made(release.manifest.version, showers, encode_s=encoded - made, answer_s=encoded - ordered)
            return encode(message, cells)

        return await release.make(order, answer, deadline=deadline, admitted=admitted)


def _encode(answer: generator_pb2.GenerateShowersResponse, cells: memoryview) -> bytes:
    return splice(answer, CELLS, cells)


def _forget(unwanted: "asyncio.Future[bytes]") -> None:
    """Look at what became of it, or asyncio would report an error that nobody waits for."""
    if not unwanted.cancelled():
        unwanted.exception()


def _deadline(context: Context) -> float | None:
    """When the caller gives up, on the clock of ``time.perf_counter``; None for never."""
    remaining = cast("float | None", context.time_remaining())  # None without a deadline, whatever its stub says
    return None if remaining is None else time.perf_counter() + remaining
