"""Each variable's distribution: a test given the energy, separation power and Wasserstein distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from caloserve_training.fidelity.checks import Check, Topic, with_error
from caloserve_training.fidelity.variables import VARIABLES, Variable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

BINS = 40
EDGE = 0.002
"""Share of the showers beyond the histogram on each side; they are counted in its outer bins."""
SHUFFLES = 20


@dataclass(frozen=True)
class Distribution:
    """How one variable compares.

    Attributes:
        variable: The variable.
        means: Of the generated showers and of the reference.
        error: Of the difference of the means.
        statistic: Largest distance of the distributions of the ranks given the energy (Kolmogorov-Smirnov).
        p: Its probability under one law.
        separation: Separation power, ``1/2 sum (p - q)^2 / (p + q)``: 0 for equal, 1 for disjoint histograms.
        separation_floor: What samples of one law and these sizes would show.
        wasserstein: Wasserstein distance in units of the reference's standard deviation.
        wasserstein_floor: What samples of one law and these sizes would show.
    """

    variable: Variable
    means: tuple[float, float]
    error: float
    statistic: float
    p: float
    separation: float
    separation_floor: float
    wasserstein: float
    wasserstein_floor: float


def compare_distributions(generated: Values, reference: Values, ranks: tuple[Values, Values]) -> list[Distribution]:
    """One entry per variable.

    Args:
        generated: Variables, shape ``(n, variables)``.
        reference: The same, ``(m, variables)``.
        ranks: Their ranks given the energy.
    """
    return [
        _compare(variable, generated[:, column], reference[:, column], tuple(rank[:, column] for rank in ranks))
        for column, variable in enumerate(VARIABLES)
    ]


def histogram_edges(variable: Variable, *values: Values) -> Values:
    """Edges common to the samples, even in the variable or, where it spans decades, in its logarithm."""
    pooled = np.concatenate(values)
    if variable.logarithmic:
        pooled = pooled[pooled > 0]
    low, high = np.quantile(pooled, [EDGE, 1.0 - EDGE]) if len(pooled) else (0.0, 1.0)
    if not low < high:
        low, high = low - 0.5, low + 0.5
    return np.geomspace(low, high, BINS + 1) if variable.logarithmic and low > 0 else np.linspace(low, high, BINS + 1)


def shares(values: Values, edges: Values) -> Values:
    """Share of the values in each bin; those beyond the edges are in the outer bins."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return np.asarray(counts / max(len(values), 1))


def separation_power(first: Values, second: Values) -> float:
    """``1/2 sum (p - q)^2 / (p + q)`` of two histograms of shares."""
    total = first + second
    return float(0.5 * np.sum((first - second)[total > 0] ** 2 / total[total > 0]))


def distribution_checks(distributions: list[Distribution]) -> list[Check]:
    """One check per variable."""
    return [
        Check(
            f"variable_{entry.variable.name}",
            Topic.SHAPES,
            entry.variable.description[0].upper() + entry.variable.description[1:],
            f"mean {_number(entry.means[0])}{_unit(entry.variable)} (Geant4 {_number(entry.means[1])}, difference "
            f"{with_error(entry.means[0] - entry.means[1], entry.error)}), separation "
            f"{entry.separation:.4f} (one law: {entry.separation_floor:.4f})",
            entry.p,
        )
        for entry in distributions
    ]


def _compare(variable: Variable, made: Values, true: Values, ranks: tuple[Values, ...]) -> Distribution:
    test = stats.ks_2samp(*ranks, method="asymp")
    edges = histogram_edges(variable, made, true)
    scale = max(float(true.std()), 1e-12)
    pooled = np.concatenate([made, true])
    chooser = np.random.default_rng(0)
    floors = []
    for _ in range(SHUFFLES):
        chooser.shuffle(pooled)
        first, second = pooled[: len(made)], pooled[len(made) :]
        separation = separation_power(shares(first, edges), shares(second, edges))
        floors.append((separation, stats.wasserstein_distance(first, second) / scale))
    separation_floor, wasserstein_floor = np.mean(floors, axis=0)
    return Distribution(
        variable,
        (float(made.mean()), float(true.mean())),
        float(np.hypot(made.std() / np.sqrt(len(made)), true.std() / np.sqrt(len(true)))),
        float(test.statistic),
        float(test.pvalue),
        separation_power(shares(made, edges), shares(true, edges)),
        float(separation_floor),
        float(stats.wasserstein_distance(made, true) / scale),
        float(wasserstein_floor),
    )


def _unit(variable: Variable) -> str:
    return f" {variable.unit}" if variable.unit else ""


def _number(value: float) -> str:
    return f"{value:.4g}"
