"""The RPCs of ShowerGeneratorService, answered by one generator."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc

from caloserve.calorimeter.errors import NotFoundError, NotServingError, quoted
from caloserve.generator.description import describe, provenance
from caloserve.generator.metrics import GeneratorMetrics
from caloserve.generator.orders import Order, read_order
from caloserve.generator.service import ServedRelease, Service
from caloserve.v1 import generator_pb2, generator_pb2_grpc, shower_pb2, tensor_pb2
from caloserve.wire.channels import SHOWERS_PER_CALL, SHOWERS_PER_CHUNK
from caloserve.wire.tensors import write_cells

Context = grpc.aio.ServicerContext[Any, Any]


class GeneratorServicer(generator_pb2_grpc.ShowerGeneratorServiceServicer):
    """Answers for one kind of particle, once ``service`` is set; until then with UNAVAILABLE and ``not_serving``."""

    def __init__(self, metrics: GeneratorMetrics) -> None:
        self.service: Service | None = None
        self.not_serving = "the release is being loaded"
        self._metrics = metrics

    async def GenerateShowers(
        self, request: generator_pb2.GenerateShowersRequest, context: Context
    ) -> generator_pb2.GenerateShowersResponse:
        """All showers of a request in one answer."""
        async with self._metrics.call("GenerateShowers", context):
            began = time.perf_counter()
            service = self._serving()
            release = service.release(request.release)
            order = read_order(
                request, release.manifest, most=SHOWERS_PER_CALL, advice="ask GenerateShowersStream for more"
            )
            answer = await self._make(service, release, order, request.options.encoding)
            answer.timings.total_ms = 1e3 * (time.perf_counter() - began)
            return answer

    async def GenerateShowersStream(
        self, request: generator_pb2.GenerateShowersStreamRequest, context: Context
    ) -> AsyncIterator[generator_pb2.GenerateShowersStreamResponse]:
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
            make = partial(self._timed_chunk, service, release, order, request.request.options.encoding)
            upcoming = asyncio.ensure_future(make(0))
            try:
                for start in range(0, len(order), SHOWERS_PER_CHUNK):
                    chunk = await upcoming
                    if start + SHOWERS_PER_CHUNK < len(order):
                        upcoming = asyncio.ensure_future(make(start + SHOWERS_PER_CHUNK))
                    yield generator_pb2.GenerateShowersStreamResponse(first_row=start, chunk=chunk)
            finally:
                upcoming.cancel()

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

    async def _timed_chunk(
        self, service: Service, release: ServedRelease, order: Order, encoding: tensor_pb2.Encoding, start: int
    ) -> generator_pb2.GenerateShowersResponse:
        began = time.perf_counter()
        chunk = await self._make(service, release, order.rows(start, start + SHOWERS_PER_CHUNK), encoding)
        chunk.timings.total_ms = 1e3 * (time.perf_counter() - began)
        return chunk

    async def _make(
        self, service: Service, release: ServedRelease, order: Order, encoding: tensor_pb2.Encoding
    ) -> generator_pb2.GenerateShowersResponse:
        began = time.perf_counter()
        showers = await release.make(order)
        made = time.perf_counter()
        answer = generator_pb2.GenerateShowersResponse(
            showers=shower_pb2.ShowerBatch(statuses=order.statuses.tolist(), errors=order.errors()),
            provenance=provenance(service, release, order),
        )
        write_cells(answer.showers.cells_mev, showers.cells_mev, release.engine.geometry, encoding)
        ended = time.perf_counter()
        answer.timings.queue_ms = 1e3 * showers.queue_s
        answer.timings.sampling_ms = 1e3 * showers.sampling_s
        answer.timings.inference_ms = 1e3 * showers.inference_s
        answer.timings.encode_ms = 1e3 * (ended - made)
        self._metrics.made(release.manifest.version, showers, encode_s=ended - made, answer_s=ended - began)
        return answer
