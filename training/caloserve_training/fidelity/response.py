"""The response at single energies, as in Fig. 13 of arXiv:1705.02355, and beyond the training domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES
from caloserve_training.fidelity.bins import FEWEST, Measure, half_width, measure
from caloserve_training.fidelity.variables import response

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample
    from caloserve_training.fidelity.case import Case, Pair

    Values = NDArray[np.float64]

ENERGIES_GEV = (1.0, 25.0, 50.0, 100.0, 150.0)
FIXED = 0.005
"""Share of an energy within which a shower is taken to be of that energy."""
WINDOW = 0.1
NARROWEST_GEV = 3.0
STEPS_GEV = ((110.0, 130.0), (130.0, 150.0), (150.0, 170.0), (170.0, 200.001))


@dataclass(frozen=True)
class Response:
    """E_tot/E at one energy.

    Attributes:
        energy_gev: The energy asked for.
        window_gev: Lowest and highest energy of the showers, the same for showers of one energy.
        made: Generated responses.
        true: The reference's.
    """

    energy_gev: float
    window_gev: tuple[float, float]
    made: Values
    true: Values

    @property
    def fixed(self) -> bool:
        """Whether the showers are of one energy."""
        low, high = self.window_gev
        return low == high

    @property
    def label(self) -> str:
        """The energy, or the window that stands for it."""
        low, high = self.window_gev
        return f"{self.energy_gev:g} GeV" if self.fixed else f"{self.energy_gev:g} GeV (from {low:.3g}-{high:.3g})"

    @property
    def measures(self) -> tuple[Measure, Measure]:
        """Mean and half-width."""
        return (
            measure("response_mean", "mean", np.mean, self.made, self.true),
            measure("response_width", "half-width", half_width, self.made, self.true),
        )


@dataclass(frozen=True)
class Beyond:
    """Measures in one window beyond the training domain."""

    window_gev: tuple[float, float]
    made_count: int
    true_count: int
    measures: tuple[Measure, ...]


def responses_of(case: Case) -> list[Response]:
    """One entry per energy of the figure for which there are showers.

    Showers of that energy are taken where they were given; otherwise, within the domain, those of a window about it.
    """
    entries = []
    for energy in ENERGIES_GEV:
        low, high = energy * (1 - FIXED), energy * (1 + FIXED)
        entry = None
        if case.fixed is not None:
            entry = _response(case.fixed, energy, (low, high), (energy, energy))
        if entry is None and case.domain_gev[0] <= energy <= case.domain_gev[1]:
            window = _window(energy, case.domain_gev)
            entry = _response(case, energy, window, window)
        if entry is not None:
            entries.append(entry)
    return entries


def beyond_domain(case: Case) -> list[Beyond]:
    """One entry per window that holds showers of both samples."""
    if case.fixed is None:
        return []
    entries = []
    for low, high in STEPS_GEV:
        made, true = (_between(sample, low, high) for sample in (case.fixed.generated, case.fixed.reference))
        if min(len(made), len(true)) < FEWEST:
            continue
        found = [
            measure("response_mean", "mean response", np.mean, response(made), response(true)),
            measure("response_width", "half-width of the response", half_width, response(made), response(true)),
        ]
        for stem, words in (("f", "fraction in layer"), ("occupancy", "occupancy of layer")):
            for layer in CALOGAN.layers:
                shape = SHOWER_SHAPES[f"{stem}_{layer.index}"]
                found.append(
                    measure(shape.name, f"mean {words} {layer.index}", np.mean, shape(made.cells), shape(true.cells))
                )
        entries.append(Beyond((low, round(high)), len(made), len(true), tuple(found)))
    return entries


def _window(energy: float, domain: tuple[float, float]) -> tuple[float, float]:
    """A tenth to each side, or 3 GeV where that is more, within the domain."""
    half = max(WINDOW * energy, NARROWEST_GEV)
    return max(energy - half, domain[0]), min(energy + half, domain[1])


def _response(pair: Pair, energy: float, bounds: tuple[float, float], window: tuple[float, float]) -> Response | None:
    made, true = (_between(sample, *bounds) for sample in (pair.generated, pair.reference))
    if min(len(made), len(true)) < FEWEST:
        return None
    return Response(energy, window, response(made), response(true))


def _between(sample: ShowerSample, low: float, high: float) -> ShowerSample:
    return sample.select((sample.energy >= low) & (sample.energy <= high))
