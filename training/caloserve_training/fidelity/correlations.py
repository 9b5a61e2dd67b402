"""Correlations between the shower shapes, the energy taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from caloserve_training.fidelity.checks import Check, Topic
from caloserve_training.fidelity.variables import BY_NAME, VARIABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

SHUFFLES = 100
NAMES = (
    "response",
    "f_0",
    "f_2",
    "sigma_sd",
    *(f"{stem}_{layer}" for stem in ("e_ratio", "sigma_phi", "sigma_eta", "occupancy") for layer in (0, 1, 2)),
    *(f"centroid_{way}_{layer}" for way in ("phi", "eta") for layer in (0, 1, 2)),
)
"""One of each set of variables that say the same."""


@dataclass(frozen=True)
class Correlations:
    """Rank correlations of the variables called `NAMES`, and the pull of each pair."""

    made: Values
    true: Values
    pull: Values
    p: float


def compare_correlations(ranks: tuple[Values, Values]) -> Correlations:
    """From ranks given the energy, ``(n, variables)`` and ``(m, variables)``."""
    columns = [VARIABLES.index(BY_NAME[name]) for name in NAMES]
    made, true = (rank[:, columns] for rank in ranks)
    pooled = np.concatenate([made, true])
    chooser = np.random.default_rng(0)
    shuffled = []
    for _ in range(SHUFFLES):
        order = chooser.permutation(len(pooled))
        shuffled.append(_correlate(pooled[order[: len(made)]]) - _correlate(pooled[order[len(made) :]]))
    difference = _correlate(made) - _correlate(true)
    deviation = np.std(shuffled, axis=0)
    pull = np.divide(difference, deviation, out=np.zeros_like(difference), where=deviation > 1e-9)  # noqa: PLR2004
    pairs = len(NAMES) * (len(NAMES) - 1) / 2
    # The deviations come from a finite number of shuffles, hence Student's distribution.
    p = min(float(2.0 * stats.t.sf(np.abs(pull).max(), SHUFFLES - 1)) * pairs, 1.0)
    return Correlations(_correlate(made), _correlate(true), pull, p)


def correlation_check(correlations: Correlations) -> Check:
    """Of the most deviant pair."""
    worst = np.unravel_index(int(np.argmax(np.abs(correlations.pull))), correlations.pull.shape)
    first, second = (BY_NAME[NAMES[index]].description for index in worst)
    return Check(
        "correlations",
        Topic.CORRELATIONS,
        "Correlations between shower shapes at one energy",
        f"furthest: {first} with {second}, {correlations.made[worst]:+.2f} (Geant4 {correlations.true[worst]:+.2f})",
        correlations.p,
    )


def _correlate(ranks: Values) -> Values:
    centred = ranks - ranks.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=0))
    product = centred.T @ centred
    scale = np.outer(norms, norms)
    return np.asarray(np.divide(product, scale, out=np.zeros_like(product), where=scale > 0))
