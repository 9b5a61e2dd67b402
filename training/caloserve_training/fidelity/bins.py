"""Physics that averages over all energies hide: response, containment and minimum-ionising pions, in bins of energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES
from caloserve_training.fidelity.checks import Check, Topic, percent
from caloserve_training.fidelity.variables import response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample
    from caloserve_training.fidelity.case import Case

    Values = NDArray[Any]
    Statistic = Callable[[Values], float]

ENERGY_BINS_GEV = ((1, 10), (10, 30), (30, 60), (60, 100))
MINIMUM_IONISING_MEV = 600.0
"""A pion that leaves less has crossed the calorimeter without a hadronic interaction."""
QUANTILES = (0.16, 0.5, 0.84)
REPEATS = 100
FEWEST = 10
"""Showers of a bin, or of a bin's minimum-ionising ones, below which nothing is computed."""


@dataclass(frozen=True)
class Measure:
    """One number of a bin, for generated showers and for the reference, each with its own error.

    Attributes:
        name: ``response_mean``, ``response_width``, ``empty_layer_2``, ``minimum_ionising`` and so on.
        label: In words.
        made: Generated.
        made_error: One standard deviation.
        true: Reference.
        true_error: One standard deviation.
    """

    name: str
    label: str
    made: float
    made_error: float
    true: float
    true_error: float

    @property
    def ratio(self) -> float:
        """Generated over reference; 1 where both are 0."""
        if self.true == 0.0:
            return 1.0 if self.made == 0.0 else float("inf")
        return self.made / self.true

    @property
    def ratio_error(self) -> float:
        """Of the ratio, from both samples."""
        if self.true == 0.0:
            return 0.0
        return float(np.hypot(self.made_error, self.ratio * self.true_error)) / abs(self.true)

    @property
    def pull(self) -> float:
        """Difference in units of its error."""
        error = float(np.hypot(self.made_error, self.true_error))
        return (self.made - self.true) / error if error > 0 else 0.0


@dataclass(frozen=True)
class EnergyBin:
    """Measures and checks of one bin."""

    low_gev: float
    high_gev: float
    made_count: int
    true_count: int
    measures: tuple[Measure, ...]
    checks: tuple[Check, ...]

    @property
    def label(self) -> str:
        """In GeV."""
        return f"{self.low_gev:g}-{self.high_gev:g} GeV"

    @property
    def key(self) -> str:
        """As in the names of figures."""
        return f"{self.low_gev:g}_{self.high_gev:g}_gev"

    def find(self, name: str) -> Measure | None:
        """The measure of that name, None where there was too little to compute it."""
        return next((measure for measure in self.measures if measure.name == name), None)


def measure_bins(case: Case) -> list[EnergyBin]:
    """One entry per bin of energy that holds showers enough."""
    bins = []
    for low, high in ENERGY_BINS_GEV:
        made, true = (
            sample.select((sample.energy >= low) & (sample.energy < high))
            for sample in (case.generated, case.reference)
        )
        if min(len(made), len(true)) < FEWEST:
            continue
        of_kind = _hadronic if case.hadronic else _contained
        measures = tuple(of_kind(made, true))
        checks = tuple(_checks(f"{low}_{high}_gev", f"{low}-{high} GeV", made, true, measures, hadronic=case.hadronic))
        bins.append(EnergyBin(low, high, len(made), len(true), measures, checks))
    return bins


def measure(name: str, label: str, statistic: Callable[[Values], Any], made: Values, true: Values) -> Measure:
    """A statistic of both samples with bootstrap errors."""
    chooser = np.random.default_rng(0)
    return Measure(
        name,
        label,
        float(statistic(made)),
        _error(statistic, made, chooser),
        float(statistic(true)),
        _error(statistic, true, chooser),
    )


def half_width(values: Values) -> float:
    """Half the interval that holds the central 68 %: a width that a few photonuclear showers do not decide."""
    low, high = np.quantile(values, [0.16, 0.84])
    return float(high - low) / 2


def empty_last_layer(sample: ShowerSample) -> NDArray[np.bool_]:
    """Which showers leave nothing in the last layer, shape ``(n,)``."""
    return np.asarray(np.all(sample.cells[:, CALOGAN.layers[-1].span] == 0, axis=1))


def minimum_ionising(sample: ShowerSample) -> NDArray[np.bool_]:
    """Which showers are those of a particle that did not interact, shape ``(n,)``."""
    return np.asarray(SHOWER_SHAPES["e_tot"](sample.cells) < MINIMUM_IONISING_MEV)


def _contained(made: ShowerSample, true: ShowerSample) -> Iterator[Measure]:
    responses = (response(made), response(true))
    yield measure("response_mean", "mean response E_tot/E", np.mean, *responses)
    yield measure("response_width", "half-width of the response (16-84 %)", half_width, *responses)
    yield from _fractions(made, true)
    yield measure(
        "empty_layer_2", "showers with an empty layer 2", np.mean, empty_last_layer(made), empty_last_layer(true)
    )


def _hadronic(made: ShowerSample, true: ShowerSample) -> Iterator[Measure]:
    responses = (response(made), response(true))
    yield measure("response_mean", "mean response E_tot/E", np.mean, *responses)
    yield measure("response_width", "half-width of the response (16-84 %)", half_width, *responses)
    for quantile in QUANTILES:
        name = f"response_quantile_{100 * quantile:.0f}"
        yield measure(name, f"{100 * quantile:.0f} % quantile of the response", _quantile(quantile), *responses)
    yield from _fractions(made, true)
    yield measure(
        "empty_layer_2", "showers with an empty layer 2", np.mean, empty_last_layer(made), empty_last_layer(true)
    )
    crossing = (minimum_ionising(made), minimum_ionising(true))
    yield measure("minimum_ionising", "minimum-ionising showers (E_tot < 0.6 GeV)", np.mean, *crossing)
    left = [SHOWER_SHAPES["e_tot"](sample.cells)[chosen] for sample, chosen in zip((made, true), crossing, strict=True)]
    if min(len(values) for values in left) >= FEWEST:
        yield measure("minimum_ionising_peak_mev", "their median E_tot / MeV", np.median, *left)


def _fractions(made: ShowerSample, true: ShowerSample) -> Iterator[Measure]:
    for layer in CALOGAN.layers:
        fraction = SHOWER_SHAPES[f"f_{layer.index}"]
        yield measure(
            f"f_{layer.index}_mean",
            f"mean fraction in layer {layer.index}",
            np.mean,
            fraction(made.cells),
            fraction(true.cells),
        )


def _checks(
    key: str, where: str, made: ShowerSample, true: ShowerSample, measures: tuple[Measure, ...], *, hadronic: bool
) -> Iterator[Check]:
    """Tests that hold for any distribution, small bins included."""
    named = {measure.name: measure for measure in measures}
    mean, width = named["response_mean"], named["response_width"]
    words = f"mean {percent(mean.ratio, mean.ratio_error)}, width {percent(width.ratio, width.ratio_error)}"
    p = float(stats.ks_2samp(response(made), response(true), method="asymp").pvalue)
    yield Check(f"response_{key}", Topic.ENERGY, f"Response at {where}", f"{words} against Geant4", p)
    share = named["empty_layer_2"]
    yield Check(
        f"empty_layer_2_{key}",
        Topic.ENERGY,
        f"Empty layer 2 at {where}",
        _shares_in_words(share),
        _fisher(empty_last_layer(made), empty_last_layer(true)),
    )
    if not hadronic:
        return
    yield Check(
        f"minimum_ionising_{key}",
        Topic.ENERGY,
        f"Minimum-ionising pions at {where}",
        _shares_in_words(named["minimum_ionising"]),
        _fisher(minimum_ionising(made), minimum_ionising(true)),
    )
    if "minimum_ionising_peak_mev" in named:
        peak = named["minimum_ionising_peak_mev"]
        left = [SHOWER_SHAPES["e_tot"](sample.cells)[minimum_ionising(sample)] for sample in (made, true)]
        yield Check(
            f"minimum_ionising_peak_{key}",
            Topic.ENERGY,
            f"Minimum-ionising peak at {where}",
            f"median {peak.made:.0f} ± {peak.made_error:.0f} MeV (Geant4 {peak.true:.0f} ± {peak.true_error:.0f})",
            float(stats.ks_2samp(*left, method="asymp").pvalue),
        )


def _shares_in_words(share: Measure) -> str:
    return (
        f"{100 * share.made:.1f} ± {100 * share.made_error:.1f} % of the showers "
        f"(Geant4 {100 * share.true:.1f} ± {100 * share.true_error:.1f} %)"
    )


def _fisher(made: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    table = [[int(made.sum()), int((~made).sum())], [int(true.sum()), int((~true).sum())]]
    return float(stats.fisher_exact(table).pvalue)


def _quantile(share: float) -> Statistic:
    return lambda values: float(np.quantile(values, share))


def _error(statistic: Callable[[Values], Any], values: Values, chooser: np.random.Generator) -> float:
    """Bootstrap error; of a share, one that knows that none seen is not none."""
    if values.dtype == np.bool_:
        share = (int(values.sum()) + 0.5) / (len(values) + 1.0)
        return float(np.sqrt(share * (1.0 - share) / len(values)))
    repeats = [float(statistic(values[chooser.integers(len(values), size=len(values))])) for _ in range(REPEATS)]
    return float(np.std(repeats))
