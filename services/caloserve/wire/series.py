"""Prometheus series that cost next to nothing until somebody asks for them.

A call counts and times itself in a dozen series. In ``prometheus_client``'s own that is a seventh of what a small call
costs; these put the work off until they are collected. Observe and count in one thread; any may collect.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, TypeVar

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

BUCKETS_S: Final = tuple(15e-6 * 1.5**k for k in range(35))
"""Geometric, from 15 microseconds to 15 seconds."""

_LABELS_OF_BUCKETS: Final = [*map(floatToGoString, BUCKETS_S), "+Inf"]
_MOST_UNSORTED: Final = 10_000

Child = TypeVar("Child")


class Durations:
    """Durations in seconds, sorted into buckets when they are asked for."""

    def __init__(self) -> None:
        self._unsorted: deque[float] = deque()
        self._counts = np.zeros(len(BUCKETS_S) + 1, dtype=np.int64)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, seconds: float) -> None:
        """Add one."""
        self._unsorted.append(seconds)
        if len(self._unsorted) > _MOST_UNSORTED:
            self._sort()

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """Each bucket's upper bound and how many are not above it, and the sum of all."""
        self._sort()
        return list(zip(_LABELS_OF_BUCKETS, np.cumsum(self._counts).tolist(), strict=True)), self._sum

    def _sort(self) -> None:
        with self._lock:
            unsorted = [self._unsorted.popleft() for _ in range(len(self._unsorted))]  # more may be appended meanwhile
            self._counts += np.bincount(np.searchsorted(BUCKETS_S, unsorted), minlength=len(self._counts))
            self._sum += sum(unsorted)


class Count:
    """A number that goes up, or up and down."""

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """Add ``amount``."""
        self.value += amount


class _Series(Collector, Generic[Child]):
    """One child for each combination of labels' values.

    Args:
        name: of the metric, without unit or ``_total`` added.
        text: what it is, for people.
        labels: their names.
        registry: where the series are shown.
    """

    child: Callable[[], Child]

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._children: dict[tuple[str, ...], Child] = {}
        registry.register(self)

    def of(self, *values: str) -> Child:
        """The child with these labels' values; it is shown from now on."""
        try:
            return self._children[values]
        except KeyError:
            return self._children.setdefault(values, self.child())


class DurationSeries(_Series[Durations]):
    """A histogram family."""

    child = Durations

    def collect(self) -> Iterator[Metric]:
        """The family with all children."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for values, durations in list(self._children.items()):
            buckets, total = durations.buckets()
            family.add_metric(values, buckets, total)
        yield family


class CountSeries(_Series[Count]):
    """A counter family."""

    child = Count
    family: type[CounterMetricFamily | GaugeMetricFamily] = CounterMetricFamily

    def collect(self) -> Iterator[Metric]:
        """The family with all children."""
        family = self.family(self._name, self._text, labels=self._labels)
        for values, count in list(self._children.items()):
            family.add_metric(values, count.value)
        yield family


class LevelSeries(CountSeries):
    """A gauge family."""

    family = GaugeMetricFamily
