"""What all server processes measure alike."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from caloserve.v1 import shower_pb2

BUCKETS_S: Final = tuple(15e-6 * 1.5**k for k in range(35))
"""Geometric, from 15 microseconds to 15 seconds."""


def process_registry() -> CollectorRegistry:
    """A registry of its own that already tells memory, processor time and Python's garbage collection."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def count_statuses(statuses: NDArray[np.int32]) -> Mapping[str, int]:
    """How many showers have each status, by its short name such as ``ok``."""
    values, counts = np.unique(statuses, return_counts=True)
    names = (shower_pb2.ShowerStatus.Name(value).removeprefix("SHOWER_STATUS_").lower() for value in values.tolist())
    return dict(zip(names, counts.tolist(), strict=True))
