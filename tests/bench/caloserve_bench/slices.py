"""A slice is a short stretch of one contender's work; a series is all of its slices, from one interleaved run."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Slice:
    """What was done in ``seconds``."""

    seconds: float
    showers: int
    latencies_s: tuple[float, ...]
    """Of the calls that were answered."""
    refused: int
    """Calls that were answered with RESOURCE_EXHAUSTED."""
    failed: int
    """Calls that ended in any other way."""
    server_cpu_s: float
    client_cpu_s: float


class Spread(NamedTuple):
    """A median with its quartiles."""

    low: float
    median: float
    high: float


@dataclass
class Series:
    """The slices of one contender, one per round."""

    name: str
    slices: list[Slice] = field(default_factory=list)

    def rates(self) -> NDArray[np.float64]:
        """Showers per second, of each round."""
        return np.array([part.showers / part.seconds for part in self.slices])

    def rate(self) -> Spread:
        """Showers per second."""
        return spread(self.rates())

    def rate_over(self, baseline: "Series") -> Spread:
        """This contender's rate over another's in the same round."""
        return spread(self.rates() / baseline.rates())

    def cpu_us(self) -> Spread:
        """Processor time of the servers per shower, in microseconds."""
        return spread(self._cpu_us())

    def cpu_saved_over(self, baseline: "Series") -> Spread:
        """Another contender's processor time per shower over this one's, in the same round: more is better."""
        return spread(baseline._cpu_us() / self._cpu_us())

    def client_share(self) -> Spread:
        """How busy the client's process was; at 1 it is what is measured, not the server."""
        return spread(np.array([part.client_cpu_s / part.seconds for part in self.slices]))

    def latency_ms(self, quantile: float) -> float:
        """A quantile of the latencies of all rounds, in milliseconds; NaN where no call was answered."""
        latencies = [latency for part in self.slices for latency in part.latencies_s]
        return 1e3 * float(np.quantile(latencies, quantile)) if latencies else float("nan")

    def median_latencies_ms(self) -> NDArray[np.float64]:
        """Each round's median latency, in milliseconds; NaN where no call was answered."""
        return 1e3 * np.array([np.median(part.latencies_s) if part.latencies_s else np.nan for part in self.slices])

    def latency_over_ms(self, baseline: "Series") -> Spread:
        """How much longer a call takes than another contender's, in the same round."""
        return spread(self.median_latencies_ms() - baseline.median_latencies_ms())

    def calls(self) -> int:
        """How many calls were answered."""
        return sum(len(part.latencies_s) for part in self.slices)

    def failed(self) -> int:
        """How many calls failed."""
        return sum(part.failed for part in self.slices)

    def refused_share(self) -> float:
        """Share of the calls that were refused."""
        refused = sum(part.refused for part in self.slices)
        return refused / max(refused + self.calls(), 1)

    def _cpu_us(self) -> NDArray[np.float64]:
        return 1e6 * np.array([part.server_cpu_s / max(part.showers, 1) for part in self.slices])


def spread(values: NDArray[np.float64]) -> Spread:
    """Quartiles of a quantity that was measured once in each round."""
    if len(values) == 0:
        return Spread(float("nan"), float("nan"), float("nan"))
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
    return Spread(float(low), float(median), float(high))
