"""Live physics: mean response and layer fractions of a sample of the showers served, beside full simulation's.

The means depend on energy within a bin too, and nobody knows which energies will be asked for. So beside each shower's
values stand those that full simulation has at its energy, interpolated between the manifest's figures in the logarithm
of the energy, where they are nearly straight lines. Any spectrum, a single energy included, is compared fairly.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.geometry import Geometry
from caloserve.calorimeter.seeds import latents
from caloserve.generator.engine import Engine
from caloserve.generator.manifest import Fidelity
from caloserve.v1 import shower_pb2

ENERGY_BINS_GEV: Final = ((1, 10), (10, 30), (30, 60), (60, 100))
"""Those of the manifest's figures; a bin holds its lower edge."""

BUDGET_SHARE: Final = 0.01
"""Of the time that making showers takes; beyond it nothing is looked at: half of the 2 % that looking may cost, since a
single look can take long where processors are short."""

COST_SHARE: Final = 0.008
"""What the interval is chosen for, so that the budget is seldom what decides."""

_EDGES_GEV: Final = np.array([low for low, _ in ENERGY_BINS_GEV] + [ENERGY_BINS_GEV[-1][1]], dtype=np.float64)
_MEV_PER_GEV: Final = 1000.0
_TIMED_ROWS: Final = (1, 32, 256)
_REPEATS: Final = 7


class LivePhysics:
    """Sums over the showers looked at, by quantity and energy bin. Any thread may look.

    Args:
        fidelity: of the release. A quantity that lacks the figure of any bin has no expectation.
        geometry: of the cells.

    Attributes:
        quantities: ``response``, which is E_tot / E, and ``f_0``, ``f_1``, ... which are E_i / E_tot.
        reference: full simulation's mean per (quantity, bin); NaN where the manifest has none.
        expects: whether the manifest has a quantity's means in all bins, per quantity.
        counts: showers looked at, per bin.
        sums: of each quantity, per (quantity, bin).
        expected: the sums that full simulation would have, likewise.
        interval: one batch in so many is looked at.
        seconds: spent looking.
    """

    def __init__(self, fidelity: Fidelity, geometry: Geometry) -> None:
        self._layers = [layer.span for layer in geometry.layers]
        self.quantities = ("response", *(f"f_{layer.index}" for layer in geometry.layers))
        self.reference = _references(fidelity, self.quantities)
        self.expects = tuple(bool(np.isfinite(means).all()) for means in self.reference)
        self.counts = np.zeros(len(ENERGY_BINS_GEV))
        self.sums = np.zeros((len(self.quantities), len(ENERGY_BINS_GEV)))
        self.expected = np.zeros_like(self.sums)
        self.interval = 1
        self.seconds = 0.0
        self._batches = 0
        self._making_s = 0.0
        self._lock = threading.Lock()

    def due(self, made_in_s: float) -> bool:
        """Whether to look at a batch that was made in so many seconds: the first and every ``interval``-th one.

        Not while looking has cost more than its budget, as it may where processors are short of what was measured.
        """
        with self._lock:
            self._making_s += made_in_s
            due = self._batches % self.interval == 0 and self.seconds <= BUDGET_SHARE * self._making_s
            self._batches += 1
        return due

    def look(
        self, energies_gev: NDArray[np.float32], statuses: NDArray[np.int32], cells_mev: NDArray[np.float32]
    ) -> None:
        """Add a batch's showers of status OK: energies and statuses (n,), cells (n, cells)."""
        began = time.perf_counter()
        energies = energies_gev.astype(np.float64)
        bins = np.searchsorted(_EDGES_GEV, energies, side="right") - 1
        chosen = (statuses == shower_pb2.SHOWER_STATUS_OK) & (bins >= 0) & (bins < len(ENERGY_BINS_GEV))
        if not chosen.all():
            energies, bins, cells_mev = energies[chosen], bins[chosen], cells_mev[chosen]
        values = self._values(energies, cells_mev)
        expected = [_interpolated(energies, reference) for reference in self.reference]
        count = len(ENERGY_BINS_GEV)
        with self._lock:
            self.counts += np.bincount(bins, minlength=count)
            for row in range(len(self.quantities)):
                self.sums[row] += np.bincount(bins, values[row], count)
                self.expected[row] += np.bincount(bins, expected[row], count)
            self.seconds += time.perf_counter() - began

    def calibrate(self, engine: Engine) -> None:
        """Choose how many batches to pass over, from what making and looking at batches of several sizes takes."""
        domain = (_EDGES_GEV[0], _EDGES_GEV[-1])
        trial = LivePhysics(Fidelity("", 0, ()), engine.geometry)
        trial.reference = np.nan_to_num(self.reference)
        intervals = []
        for rows in _TIMED_ROWS:
            energies = np.geomspace(*domain, rows, endpoint=False, dtype=np.float32)
            statuses = np.full(rows, shower_pb2.SHOWER_STATUS_OK, dtype=np.int32)
            cells = np.zeros((rows, engine.geometry.cells), dtype=np.float32)

            def make(energies: NDArray[np.float32] = energies, rows: int = rows) -> None:
                engine.run(latents(0, 0, range(rows), 0, engine.latent_size), energies)

            def look(
                energies: NDArray[np.float32] = energies,
                statuses: NDArray[np.int32] = statuses,
                cells: NDArray[np.float32] = cells,
            ) -> None:
                trial.look(energies, statuses, cells)

            intervals.append(interval_for(_least_seconds(look), _least_seconds(make)))
        self.interval = max(intervals)

    def _values(self, energies_gev: NDArray[np.float64], cells_mev: NDArray[np.float32]) -> NDArray[np.float64]:
        """Each quantity of each shower, shape (quantities, n); fractions of an empty shower are 0."""
        layers = np.stack([cells_mev[:, span].sum(axis=1, dtype=np.float64) for span in self._layers])
        total = layers.sum(axis=0)
        fractions = np.divide(layers, total, out=np.zeros_like(layers), where=total > 0)
        return np.vstack([total / (_MEV_PER_GEV * energies_gev), fractions])


def interval_for(look_s: float, make_s: float, share: float = COST_SHARE) -> int:
    """One batch in how many to look at, so that looking takes at most ``share`` of the time that making takes."""
    return max(1, math.ceil(look_s / (share * make_s)))


def _references(fidelity: Fidelity, quantities: tuple[str, ...]) -> NDArray[np.float64]:
    """Full simulation's means in the manifest, shape (quantities, bins), NaN where there is none."""
    known = {figure.name: figure.reference for figure in fidelity.figures if figure.reference is not None}
    return np.array(
        [
            [known.get(f"{quantity}_mean_{low}_{high}_gev", math.nan) for low, high in ENERGY_BINS_GEV]
            for quantity in quantities
        ]
    )


def _mean_logarithm(low: float, high: float) -> float:
    """Mean of ln E over energies spread evenly between ``low`` and ``high``, as the reference's are."""
    return (high * math.log(high) - low * math.log(low)) / (high - low) - 1


_NODES: Final = np.array([_mean_logarithm(low, high) for low, high in ENERGY_BINS_GEV])


def _interpolated(energies_gev: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means (bins,) at given energies (n,): straight lines in ln E, continued at both ends, never below zero."""
    x = np.log(energies_gev)
    segment = np.clip(np.searchsorted(_NODES, x) - 1, 0, len(_NODES) - 2)
    slopes = np.diff(means) / np.diff(_NODES)
    value: NDArray[np.float64] = np.maximum(means[segment] + slopes[segment] * (x - _NODES[segment]), 0.0)
    return value


def _least_seconds(work: Callable[[], None]) -> float:
    """The shortest of several times that ``work`` takes: what it costs when nothing comes between."""
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
