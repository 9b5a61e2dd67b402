"""Two samples of showers side by side: means of their shapes, and tests corrected for the number of shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import ks_2samp

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES, shapes
from caloserve_training.fidelity.checks import holm

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample

    Values = NDArray[np.float64]

SIGNIFICANCE = 0.01
HADRONIC_TOLERANCE = 0.05
ELECTROMAGNETIC_TOLERANCE = 0.02

_SHAPES = ("f", "occupancy", "sigma_phi", "sigma_eta")


@dataclass(frozen=True)
class ShapeComparison:
    """One shower shape in two samples.

    Attributes:
        name: Its name.
        unit: Its unit.
        mean: In the first sample.
        reference: In the second.
        error: Standard error of the difference of the means.
        p_value: Of the Kolmogorov-Smirnov test, corrected after Holm for all shapes compared.
    """

    name: str
    unit: str
    mean: float
    reference: float
    error: float
    p_value: float

    @property
    def difference(self) -> float:
        """Of the means, relative to the reference's."""
        return self.mean / self.reference - 1 if self.reference else float(self.mean != self.reference)

    def agrees(self, tolerance: float) -> bool:
        """Whether the test finds nothing or the means are within the tolerance."""
        return self.p_value > SIGNIFICANCE or abs(self.difference) <= tolerance


def compare(sample: ShowerSample, reference: ShowerSample) -> list[ShapeComparison]:
    """Containment E_tot / E, and each layer's share of the energy, occupancy and widths."""
    pairs = [("containment", "", _containment(sample), _containment(reference))]
    for name in _SHAPES:
        for layer in CALOGAN.layers:
            shape = SHOWER_SHAPES[f"{name}_{layer.index}"]
            pairs.append((shape.name, shape.unit, shape(sample.cells), shape(reference.cells)))
    p_values = holm(np.array([ks_2samp(made, true, method="asymp").pvalue for _, _, made, true in pairs]))
    return [
        ShapeComparison(name, unit, float(made.mean()), float(true.mean()), _error(made, true), float(p_value))
        for (name, unit, made, true), p_value in zip(pairs, p_values, strict=True)
    ]


def _containment(sample: ShowerSample) -> Values:
    contained: Values = shapes.total_energy(sample.cells) / (1e3 * sample.energy.astype(np.float64))
    return contained


def _error(made: Values, true: Values) -> float:
    return float(np.sqrt(made.var() / len(made) + true.var() / len(true)))
