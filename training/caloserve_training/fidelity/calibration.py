"""The energy scale of each layer.

An electromagnetic shower is contained: its layer energies, each times a constant, add up to the particle's energy
within a few per mille, shower by shower, however the energy is shared between them. The constants are thus known far
better than the mean of a layer's energy, but for the last layer, whose energy speaks also for what leaks out behind it.
A hadron's energy is not contained; its scale is the factor that makes the distributions agree best, which its narrow
minimum-ionising peak decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from caloserve.calorimeter import CALOGAN
from caloserve_training.fidelity.checks import Check, Topic, percent
from caloserve_training.fidelity.variables import MEV_PER_GEV

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample
    from caloserve_training.fidelity.case import Case

    Values = NDArray[np.float64]

TRIMMINGS = 5
OUTLYING = 4.0
"""Deviations from which a shower (a photonuclear one, say) is left out of the fit."""
REPEATS = 100
FREEDOM = 20
"""Of Student's distribution that the fits of a few hundred showers follow; a normal one has too short tails."""
SCALES = np.geomspace(0.5, 2.0, 281)
HADRON_REPEATS = 20
HADRON_SHOWERS = 2000
"""Showers of each sample that the error of a hadron's scale is estimated with."""


@dataclass(frozen=True)
class LayerScale:
    """A layer's energy scale beside Geant4's: 1.03 where the generator deposits 3 % too much."""

    layer: int
    scale: float
    error: float
    p: float


def layer_scales(case: Case) -> list[LayerScale]:
    """One entry per layer."""
    pair = (case.generated, case.reference)
    return _hadronic_scales(*pair) if case.hadronic else _contained_scales(*pair)


def scale_checks(scales: list[LayerScale]) -> list[Check]:
    """One check per layer."""
    return [
        Check(
            f"scale_{entry.layer}",
            Topic.ENERGY,
            f"Energy scale of layer {entry.layer}",
            f"{percent(entry.scale, entry.error)} against Geant4",
            entry.p,
            direct=True,
        )
        for entry in scales
    ]


def calibration(deposits: Values) -> Values:
    """Constants, shape ``(layers,)``, that make layer energies in units of E, ``(n, layers)``, add up to 1."""
    kept = np.ones(len(deposits), dtype=np.bool_)
    constants = np.zeros(deposits.shape[1])
    for _ in range(TRIMMINGS):
        chosen = deposits[kept]
        constants = np.linalg.lstsq(chosen.T @ chosen, chosen.sum(axis=0), rcond=None)[0]
        rest = 1.0 - deposits @ constants
        rest -= np.median(rest)
        kept = np.abs(rest) <= OUTLYING * 1.4826 * max(float(np.median(np.abs(rest))), 1e-9)
    return constants


def _contained_scales(generated: ShowerSample, reference: ShowerSample) -> list[LayerScale]:
    samples = [_deposits(sample) for sample in (generated, reference)]
    chooser = np.random.default_rng(0)
    repeats = [[_log_scales(_resampled(values, chooser)) for values in samples] for _ in range(REPEATS)]
    errors = np.std([made - true for made, true in repeats], axis=0)
    made, true = (_log_scales(values) for values in samples)
    # Of the two ways to know a layer's scale, the one that knows it better here.
    best = np.argmin(errors, axis=0)
    layers = np.arange(len(CALOGAN.layers))
    logs, chosen = (made - true)[best, layers], errors[best, layers]
    return [
        LayerScale(index, float(np.exp(log)), float(error), _two_sided(log, error))
        for index, (log, error) in enumerate(zip(logs, chosen, strict=True))
    ]


def _log_scales(deposits: Values) -> Values:
    """Logarithms of the layers' scales up to a constant, by calibration and by mean, shape ``(2, layers)``."""
    # A constant is inverse to its layer's scale.
    return np.log(np.maximum([1.0 / np.maximum(calibration(deposits), 1e-3), deposits.mean(axis=0)], 1e-9))


def _deposits(sample: ShowerSample) -> Values:
    return np.asarray(sample.layer_energies().astype(np.float64) / (MEV_PER_GEV * sample.energy[:, np.newaxis]))


def _resampled(values: Values, chooser: np.random.Generator) -> Values:
    return values[chooser.integers(len(values), size=len(values))]


def _two_sided(value: float, error: float) -> float:
    return float(2.0 * stats.t.sf(abs(value) / max(error, 1e-9), FREEDOM))


def _hadronic_scales(generated: ShowerSample, reference: ShowerSample) -> list[LayerScale]:
    chooser = np.random.default_rng(0)
    scales = []
    for layer in CALOGAN.layers:
        made, true = (sample.layer_energies()[:, layer.index].astype(np.float64) for sample in (generated, reference))
        few = [values[:HADRON_SHOWERS] for values in (made, true)]
        repeats = [_best_scale(*(_resampled(values, chooser) for values in few)) for _ in range(HADRON_REPEATS)]
        # The error shrinks with the showers that could not be resampled.
        sizes = [1 / min(len(values), HADRON_SHOWERS) for values in (made, true)]
        shrink = np.sqrt((1 / len(made) + 1 / len(true)) / sum(sizes))
        p = float(stats.ks_2samp(made, true, method="asymp").pvalue)
        scales.append(LayerScale(layer.index, _best_scale(made, true), float(np.std(repeats) * shrink), p))
    return scales


def _best_scale(made: Values, true: Values) -> float:
    """The factor by which the generated energies are too large: divided by it, they are nearest the reference's."""
    made, true = np.sort(made), np.sort(true)
    steps = (np.arange(len(true)) + 0.5) / len(true)
    distances = [np.abs(np.searchsorted(made / scale, true) / len(made) - steps).max() for scale in SCALES]
    return float(SCALES[int(np.argmin(distances))])
