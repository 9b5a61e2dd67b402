"""Ranks given the energy: where a shower's variable stands among the showers of nearly its energy, from both samples.

Most variables move with the energy far more than they spread at one energy; ranks take that out without a model of it.
If both samples follow one law, which of them a shower is from has nothing to do with its rank, so that any two-sample
test on the ranks is an exact one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

NEIGHBOURS = 100
"""Showers a shower is ranked among."""


def conditional_ranks(energies: tuple[Values, Values], variables: tuple[Values, Values]) -> tuple[Values, Values]:
    """Ranks from 0 to 1 of two samples, shapes ``(n, variables)`` and ``(m, variables)``.

    Args:
        energies: Of each sample, shapes ``(n,)`` and ``(m,)``.
        variables: Of each sample, shapes ``(n, variables)`` and ``(m, variables)``.
    """
    order = np.argsort(np.concatenate(energies), kind="stable")
    values = np.concatenate(variables)[order]
    count = len(values)
    half = min(NEIGHBOURS // 2, count - 1)
    below = np.zeros(values.shape)
    compared = np.zeros((count, 1))
    for step in range(1, half + 1):
        near, far = values[:-step], values[step:]
        # Equal values share the difference, as in any rank statistic.
        higher = (far > near) + 0.5 * (far == near)
        below[step:] += higher
        below[:-step] += 1.0 - higher
        compared[step:] += 1
        compared[:-step] += 1
    ranks = np.empty_like(values)
    ranks[order] = (below + 0.5) / (compared + 1.0)
    return ranks[: len(energies[0])], ranks[len(energies[0]) :]
