"""A load kept up for long, or far beyond what can be served: does memory stay, are calls refused or in time?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from caloserve_bench.contenders import Contender
from caloserve_bench.processors import resident_mb
from caloserve_bench.slices import Series

_WARM_UP = 0.2


@dataclass(frozen=True)
class Endurance:
    """How a load was borne."""

    series: Series
    minutes: tuple[float, ...]
    """When memory was looked at, counted from the beginning in minutes of load."""
    resident_mb: tuple[float, ...]

    @property
    def growth_mb_per_minute(self) -> float:
        """Slope of the resident memory, the first fifth of the time left out."""
        first = int(_WARM_UP * len(self.minutes))
        slope, _ = np.polyfit(self.minutes[first:], self.resident_mb[first:], 1)
        return float(slope)


async def endure(
    contender: Contender, pids: Sequence[int], slices: int, seconds: float, measured: Callable[[], None]
) -> Endurance:
    """Measure one contender again and again, and look at the servers' memory after each slice."""
    series, minutes, memory = Series(contender.name), [], []
    elapsed = 0.0
    for _ in range(slices):
        part = await contender.measure(seconds)
        series.slices.append(part)
        elapsed += part.seconds
        minutes.append(elapsed / 60)
        memory.append(resident_mb(pids))
        measured()
    return Endurance(series, tuple(minutes), tuple(memory))
