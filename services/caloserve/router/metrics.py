"""What Prometheus is told about the router."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import grpc

from caloserve.calorimeter.particles import PARTICLES
from caloserve.v1 import event_pb2, generator_pb2
from caloserve.wire.observation import FAILURE_CODES, SHOWER_STATUSES, Call, Calls, process_registry
from caloserve.wire.series import CountSeries, DurationSeries, LevelSeries

_METHODS: Final = tuple(
    method.name
    for file, service in (
        (event_pb2.DESCRIPTOR, "EventService"),
        (generator_pb2.DESCRIPTOR, "ShowerGeneratorService"),
    )
    for method in file.services_by_name[service].methods
)


class RouterMetrics:
    """The metrics of the router's process."""

    def __init__(self) -> None:
        self.registry = process_registry()
        self._calls = Calls("caloserve_router", _METHODS, self.registry)
        self._backends = DurationSeries(
            "caloserve_router_backend_seconds",
            "Time that a generator took to answer the router",
            ["particle", "code"],
            self.registry,
        )
        self._failures = CountSeries(
            "caloserve_router_backend_failures",
            "Calls to a generator that ended with another status than OK",
            ["particle", "code"],
            self.registry,
        )
        self._in_flight = LevelSeries(
            "caloserve_router_backend_calls_in_flight",
            "Calls to a generator that are under way",
            ["particle"],
            self.registry,
        )
        self._bytes = CountSeries(
            "caloserve_router_passed_bytes",
            "Bytes of generators' answers that went through unread",
            ["particle"],
            self.registry,
        )
        self._parts = DurationSeries(
            "caloserve_router_event_seconds",
            "Time until the generators made an event, or a part of one that is streamed",
            [],
            self.registry,
        )
        self._particles = CountSeries(
            "caloserve_router_particles", "Particles of events, by what became of them", ["status"], self.registry
        )
        self._start_at_zero()

    def _start_at_zero(self) -> None:
        self._parts.of()
        for status in SHOWER_STATUSES:
            self._particles.of(status)
        for particle in PARTICLES:
            self._in_flight.of(particle)
            self._bytes.of(particle)
            self._backends.of(particle, "OK")
            for code in FAILURE_CODES:
                self._failures.of(particle, code)

    def call(self, method: str, context: "grpc.aio.ServicerContext[Any, Any]") -> Call:
        """Time a call and end it with the status that fits an error raised inside."""
        return self._calls.call(method, context)

    @contextmanager
    def backend(self, particle: str) -> Iterator[None]:
        """Time a generator's answer; errors pass through."""
        began = time.perf_counter()
        code = grpc.StatusCode.OK
        self._in_flight.of(particle).inc()
        try:
            yield
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise
        except (asyncio.CancelledError, GeneratorExit):
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            self._in_flight.of(particle).inc(-1)
            self._backends.of(particle, code.name).observe(time.perf_counter() - began)
            if code is not grpc.StatusCode.OK:
                self._failures.of(particle, code.name).inc()

    def passed(self, particle: str, size: int) -> None:
        """Count the bytes of an answer that went through unread."""
        self._bytes.of(particle).inc(size)

    def event(self, statuses: Mapping[str, int], seconds: float) -> None:
        """Count an event, or a part of one: its particles by status, and the time until all were made."""
        self._parts.of().observe(seconds)
        for status, count in statuses.items():
            self._particles.of(status).inc(count)
