"""The cell spectrum: how a cell's deposit spreads about its expectation, as tables measured on real showers.

Faint cells have a law that no smooth density follows (exact 0.511 MeV from annihilation at rest, two modes below 1 MeV,
many exact zeros), so it is tabulated: per layer and level of expectation, log deposit against a normal score.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from caloserve.calorimeter import CALOGAN

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOG_LOW = float(np.log(1e-5))
LOG_HIGH = float(np.log(4e4))
LEVELS = 96
LEVEL_STEP = (LOG_HIGH - LOG_LOW) / (LEVELS - 1)
SCORES = 181
SCORE_RANGE = 4.5
SCORE_STEP = 2 * SCORE_RANGE / (SCORES - 1)
ROWS = len(CALOGAN.layers) * LEVELS * SCORES
COLUMNS = 4
"""Log deposit; its slope to the next score; share of the expectation's offset it follows; score at which hits begin."""
FAINT_MEV = 2.0
"""Up to here a deposit comes from single low-energy particles, and its size does not follow the expectation."""
BRIGHT_MEV = 10.0
"""From here on a deposit follows the expectation in proportion."""
MIDDLE = 0.01
"""How near the middle of a step, on both sides, a value must be found to count as repeating across it."""
NEAREST = 4000
"""Cells behind one level of the table: enough for its last score, few enough to resolve the expectation."""


def measure_spectrum(cells: NDArray[np.float32], log_expected: NDArray[np.float32]) -> NDArray[np.float32]:
    """Table of shape ``(ROWS, COLUMNS)``, layer by layer, level by level, score by score.

    Args:
        cells: Deposits in MeV, ``(n, 504)``.
        log_expected: Logarithm of their expectation in MeV, ``(n, 504)``.
    """
    table = np.zeros((len(CALOGAN.layers), LEVELS, SCORES, COLUMNS))
    for layer in CALOGAN.layers:
        alive = cells[:, layer.span].sum(axis=1) > 0
        deposits = cells[alive, layer.span].reshape(-1).astype(np.float64)
        expected = log_expected[alive, layer.span].reshape(-1).astype(np.float64)
        order = np.argsort(expected, kind="stable")
        deposits, expected = deposits[order], expected[order]
        for level in range(LEVELS):
            centre = LOG_LOW + LEVEL_STEP * level
            table[layer.index, level] = _level_rows(_near(deposits, expected, centre))
    return table.reshape(ROWS, COLUMNS).astype(np.float32)


def _near(deposits: NDArray[np.float64], expected: NDArray[np.float64], centre: float) -> NDArray[np.float64]:
    """Deposits of cells with an expectation near the level's; bright ones are scaled to it, faint ones left."""
    low, high = (int(np.searchsorted(expected, centre + side * LEVEL_STEP / 2)) for side in (-1, 1))
    if high - low < NEAREST:
        middle = int(np.searchsorted(expected, centre))
        low = max(min(middle - NEAREST // 2, len(expected) - NEAREST), 0)
        high = min(low + NEAREST, len(expected))
    near = deposits[low:high]
    return near * np.exp(_share(near) * (centre - expected[low:high]))


def _share(deposits: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 for faint deposits, 1 for bright ones."""
    logs = np.log(np.maximum(deposits, FAINT_MEV) / FAINT_MEV)
    return np.asarray(np.minimum(logs / np.log(BRIGHT_MEV / FAINT_MEV), 1.0), dtype=np.float64)


def _level_rows(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of one level, ``(SCORES, COLUMNS)``, from deposits in MeV."""
    scores = np.linspace(-SCORE_RANGE, SCORE_RANGE, SCORES)
    hits = sample[sample > 0]
    empty = min(max(1.0 - len(hits) / max(len(sample), 1), 1e-7), 1.0 - 1e-7)
    if len(hits) == 0:
        hits = np.exp([LOG_LOW])
    begin = NormalDist().inv_cdf(empty)
    above = min(int(np.searchsorted(scores, begin)), SCORES - 1)
    log_hits = np.log(hits)

    def quantiles(at: NDArray[np.float64]) -> NDArray[np.float64]:
        probabilities = np.array([NormalDist().cdf(score) for score in at])
        return np.asarray(np.quantile(log_hits, np.clip((probabilities - empty) / (1.0 - empty), 0.0, 1.0)))

    logs = np.empty(SCORES)
    logs[above:] = quantiles(scores[above:])
    # Never drawn but between the beginning and the first score above it; falling, so that the brightest cell is a hit.
    logs[:above] = logs[above] - np.arange(above, 0, -1)
    slopes = np.append(np.diff(logs), 0.0)
    # A value that repeats (0.511 MeV) would be smeared between two scores: it gets whole steps, as many as it fills.
    middles = [quantiles(scores + (0.5 + side * MIDDLE) * SCORE_STEP) for side in (-1, 1)]
    repeats = (middles[0] == middles[1]) & (np.arange(SCORES) >= above)
    logs[repeats], slopes[repeats] = middles[0][repeats], 0.0
    return np.stack([logs, slopes, _share(np.exp(logs)), np.full(SCORES, begin)], axis=1)
