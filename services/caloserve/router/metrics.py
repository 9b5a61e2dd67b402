"""What Prometheus is told about the router."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
from prometheus_client import Counter, Histogram

from caloserve.wire.observation import BUCKETS_S, process_registry
from caloserve.wire.statuses import truthful_status


class RouterMetrics:
    """The metrics of the router's process."""

    def __init__(self) -> None:
        self.registry = process_registry()
        self._calls = Histogram(
            "caloserve_router_call_seconds",
            "Time of a whole call",
            ["method", "code"],
            registry=self.registry,
            buckets=BUCKETS_S,
        )
        self._backends = Histogram(
            "caloserve_router_backend_seconds",
            "Time that a generator took to answer the router",
            ["particle", "code"],
            registry=self.registry,
            buckets=BUCKETS_S,
        )
        self._particles = Counter(
            "caloserve_router_particles",
            "Particles of events, by what became of them",
            ["status"],
            registry=self.registry,
        )

    @asynccontextmanager
    async def call(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        """Time a call and end it with the status that fits an error raised inside."""
        began = time.perf_counter()

        def observe(code: grpc.StatusCode) -> None:
            self._calls.labels(method, code.name).observe(time.perf_counter() - began)

        async with truthful_status(context, observe):
            yield

    @contextmanager
    def backend(self, particle: str) -> Iterator[None]:
        """Time a generator's answer; errors pass through."""
        began = time.perf_counter()
        code = grpc.StatusCode.OK
        try:
            yield
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise
        finally:
            self._backends.labels(particle, code.name).observe(time.perf_counter() - began)

    def particles(self, statuses: Mapping[str, int]) -> None:
        """Count an event's particles by status."""
        for status, count in statuses.items():
            self._particles.labels(status).inc(count)
