"""What all server processes measure alike."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from caloserve.v1 import shower_pb2
from caloserve.wire.series import Count, CountSeries, Durations, DurationSeries, LevelSeries
from caloserve.wire.statuses import truthful_status

FAILURE_CODES: Final = (
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "RESOURCE_EXHAUSTED",
    "UNIMPLEMENTED",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "CANCELLED",
    "INTERNAL",
)
"""Status codes that are counted from zero, so that the first failure already shows as a rate."""


def process_registry() -> CollectorRegistry:
    """A registry of its own that already tells memory, processor time and Python's garbage collection."""
    # When a counter began would be as many series again, which Prometheus does not use.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


class Calls:
    """The calls to a server: how long they took, how they ended and how many are under way.

    Args:
        prefix: begins the names of the metrics.
        methods: of the services that the server answers for; nothing else becomes a label.
        registry: where the metrics are shown.
        labels: of all these metrics, such as the server's particle.
    """

    def __init__(self, prefix: str, methods: Iterable[str], registry: CollectorRegistry, **labels: str) -> None:
        names, self._labels = tuple(labels), tuple(labels.values())
        self._seconds = DurationSeries(
            f"{prefix}_call_seconds", "Time of a whole call", [*names, "method", "code"], registry
        )
        self._refusals = CountSeries(
            f"{prefix}_refusals", "Calls that ended with another status than OK", [*names, "method", "code"], registry
        )
        self._in_flight = LevelSeries(f"{prefix}_calls_in_flight", "Calls under way", [*names, "method"], registry)
        self._of_method: dict[str, tuple[Count, Durations]] = {}
        for method in methods:
            self._of_method[method] = (
                self._in_flight.of(*self._labels, method),
                self._seconds.of(*self._labels, method, "OK"),
            )
            for code in FAILURE_CODES:
                self._refusals.of(*self._labels, method, code)

    def call(self, method: str, context: "grpc.aio.ServicerContext[Any, Any]") -> "Call":
        """Time a call and end it with the status that fits an error raised inside: ``async with`` it."""
        return Call(self, method, context)

    def begun(self, method: str) -> None:
        """Count a call as under way."""
        in_flight, _ = self._of_method[method]
        in_flight.inc()

    def ended(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        """Count a call as ended."""
        in_flight, answered = self._of_method[method]
        in_flight.inc(-1)
        if code is grpc.StatusCode.OK:
            answered.observe(seconds)
        else:
            self._seconds.of(*self._labels, method, code.name).observe(seconds)
            self._refusals.of(*self._labels, method, code.name).inc()


class Call:
    """One call, while inside."""

    def __init__(self, calls: Calls, method: str, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        self._calls, self._method, self._context = calls, method, context
        self._began = 0.0

    async def __aenter__(self) -> None:
        self._began = time.perf_counter()
        self._calls.begun(self._method)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        seconds = time.perf_counter() - self._began
        if error is None:
            self._calls.ended(self._method, grpc.StatusCode.OK, seconds)
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            self._calls.ended(self._method, grpc.StatusCode.CANCELLED, seconds)
        else:
            code, details = truthful_status(error)
            self._calls.ended(self._method, code, seconds)
            await self._context.abort(code, details)


def count_statuses(statuses: NDArray[np.int32]) -> Mapping[str, int]:
    """How many showers have each status, by its short name such as ``ok``."""
    first = statuses[0]
    if (statuses == first).all():  # as a rule
        return {_short_name(int(first)): len(statuses)}
    values, counts = np.unique(statuses, return_counts=True)
    return dict(zip(map(_short_name, values.tolist()), counts.tolist(), strict=True))


@cache
def _short_name(status: int) -> str:
    if status not in shower_pb2.ShowerStatus.values():  # of a newer version of the contract
        return "unknown"
    return shower_pb2.ShowerStatus.Name(status).removeprefix("SHOWER_STATUS_").lower()


SHOWER_STATUSES: Final = tuple(_short_name(value) for value in shower_pb2.ShowerStatus.values() if value != 0)
"""The short name of every status that a shower can have in the end."""
