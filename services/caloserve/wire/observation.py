"""What all server processes measure alike."""

import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from caloserve.v1 import shower_pb2
from caloserve.wire.statuses import truthful_status

BUCKETS_S: Final = tuple(15e-6 * 1.5**k for k in range(35))
"""Geometric, from 15 microseconds to 15 seconds."""

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
        self._seconds = Histogram(
            f"{prefix}_call_seconds",
            "Time of a whole call",
            [*names, "method", "code"],
            registry=registry,
            buckets=BUCKETS_S,
        )
        self._refusals = Counter(
            f"{prefix}_refusals",
            "Calls that ended with another status than OK",
            [*names, "method", "code"],
            registry=registry,
        )
        self._in_flight = Gauge(f"{prefix}_calls_in_flight", "Calls under way", [*names, "method"], registry=registry)
        for method in methods:
            self._in_flight.labels(*self._labels, method)
            self._seconds.labels(*self._labels, method, "OK")
            for code in FAILURE_CODES:
                self._refusals.labels(*self._labels, method, code)

    @asynccontextmanager
    async def call(self, method: str, context: "grpc.aio.ServicerContext[Any, Any]") -> AsyncIterator[None]:
        """Time a call and end it with the status that fits an error raised inside."""
        began = time.perf_counter()

        def observe(code: grpc.StatusCode) -> None:
            self._seconds.labels(*self._labels, method, code.name).observe(time.perf_counter() - began)
            if code is not grpc.StatusCode.OK:
                self._refusals.labels(*self._labels, method, code.name).inc()

        with self._in_flight.labels(*self._labels, method).track_inprogress():
            async with truthful_status(context, observe):
                yield


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
