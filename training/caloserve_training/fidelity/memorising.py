"""Whether the showers are new: none a copy of another, none nearer to a training shower than chance brings it.

The distance of two showers is Hellinger's, of their cells as shares of the shower's energy, to the nearest of the four
mirror images. A shower scaled, mirrored, or both, has no distance to the one that it was made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from caloserve_training.data import flip_indices
from caloserve_training.fidelity.checks import Check, Topic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample
    from caloserve_training.fidelity.case import Case

    Values = NDArray[np.float64]

COPY = 0.01
"""Distance below which a shower is another one's copy; the nearest of thousands of Geant4 showers are at 0.03."""
ROWS = 1000
"""Showers compared with all others at a time: the memory of a block."""
DIVERSITY_SHOWERS = 500
SHUFFLES = 100


@dataclass(frozen=True)
class Novelty:
    """What the distances say.

    Attributes:
        copies: Share of the generated showers that have a twin among them.
        equal: Generated showers that repeat an earlier one in every cell, bit for bit.
        nearest_made: Distance of each generated shower to the nearest other generated one.
        nearest_true: The same for the reference.
        diversity_pull: Mean logarithm of those distances beside the reference's, in standard deviations.
        training_made: Distance of each generated shower to the nearest training shower; None without training showers.
        training_true: The same for the reference.
    """

    copies: float
    equal: int
    nearest_made: Values
    nearest_true: Values
    diversity_pull: float
    training_made: Values | None
    training_true: Values | None

    @property
    def training_p(self) -> float | None:
        """Probability that held-out showers would be as much nearer to the training showers; one-sided."""
        if self.training_made is None or self.training_true is None:
            return None
        return float(stats.ks_2samp(self.training_made, self.training_true, "greater", method="asymp").pvalue)

    @property
    def training_copies(self) -> float | None:
        """Share of the generated showers that are copies of a training shower."""
        return None if self.training_made is None else float(np.mean(self.training_made < COPY))


def measure_novelty(case: Case) -> Novelty:
    """Distances within the samples and to the training showers."""
    made, true = case.equal.generated, case.equal.reference
    within_made, within_true = (nearest(_roots(sample), _roots(sample), same=True) for sample in (made, true))
    training = None if case.training is None else _roots(case.training)
    cells = case.generated.cells
    hit = cells[cells.any(axis=1)]  # an empty shower may repeat
    return Novelty(
        copies=float(np.mean(within_made < COPY)),
        equal=len(hit) - len({shower.tobytes() for shower in hit}),
        nearest_made=within_made,
        nearest_true=within_true,
        diversity_pull=_diversity_pull(made, true),
        training_made=None if training is None else nearest(_roots(case.generated), training),
        training_true=None if training is None else nearest(_roots(case.reference), training),
    )


def novelty_checks(novelty: Novelty) -> list[Check]:
    """No copies, no training showers, and as much diversity as the reference has."""
    checks = [
        Check(
            "copies",
            Topic.COPIES,
            "No generated shower is another",
            f"{novelty.equal} repeat an earlier one in every cell; {100 * novelty.copies:.1f} % have a twin up to "
            "scale and mirror image",
            0.0 if novelty.equal or novelty.copies > 0 else 1.0,
            direct=True,
        ),
        Check(
            "diversity",
            Topic.COPIES,
            "Diversity: distance to the nearest other shower",
            f"median {np.median(novelty.nearest_made):.4f} (Geant4 {np.median(novelty.nearest_true):.4f})",
            float(2.0 * stats.t.sf(abs(novelty.diversity_pull), SHUFFLES - 1)),
        ),
    ]
    if novelty.training_made is not None and novelty.training_true is not None and novelty.training_p is not None:
        checks.insert(
            1,
            Check(
                "memorising",
                Topic.COPIES,
                "No training shower is replayed",
                f"{100 * float(np.mean(novelty.training_made < COPY)):.1f} % copy a training shower; median distance "
                f"to the nearest {np.median(novelty.training_made):.4f} "
                f"(unseen Geant4 {np.median(novelty.training_true):.4f})",
                0.0 if np.any(novelty.training_made < COPY) else novelty.training_p,
                direct=True,
            ),
        )
    return checks


def nearest(showers: NDArray[np.float32], others: NDArray[np.float32], *, same: bool = False) -> Values:
    """Distance of each shower to the nearest of the others, shape ``(n,)``, from `_roots`.

    Args:
        showers: Shape ``(n, 504)``.
        others: Shape ``(m, 504)``.
        same: Both are one sample; a shower is not its own neighbour.
    """
    overlap = np.zeros(len(showers))
    for start in range(0, len(showers), ROWS):
        rows = slice(start, start + ROWS)
        products = _overlaps(showers[rows], others)
        if same:
            own = np.arange(len(products))
            products[own, start + own] = 0.0
        overlap[rows] = products.max(axis=1)
    return np.sqrt(np.maximum(1.0 - overlap, 0.0))


def _roots(sample: ShowerSample) -> NDArray[np.float32]:
    """Square roots of each cell's share of the shower's energy; their product is the overlap of two showers."""
    cells = sample.cells.astype(np.float64)
    roots: NDArray[np.float32] = np.sqrt(cells / np.maximum(cells.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return roots


def _overlaps(showers: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Overlap of each pair, the largest of the four mirror images."""
    products = [showers @ others[:, flip].T for flip in flip_indices()]
    return np.asarray(np.stack(products).max(axis=0), dtype=np.float32)


def _diversity_pull(made: ShowerSample, true: ShowerSample) -> float:
    """Which of the two a shower is from is shuffled, so that showers sharing a neighbour do no harm."""
    count = min(len(made), DIVERSITY_SHOWERS)
    pooled = np.concatenate([_roots(sample.select(slice(count))) for sample in (made, true)])
    overlaps = _overlaps(pooled, pooled)
    np.fill_diagonal(overlaps, 0.0)
    order = np.arange(len(pooled))
    value = _log_distances(overlaps, order[:count]) - _log_distances(overlaps, order[count:])
    chooser = np.random.default_rng(0)
    shuffled = []
    for _ in range(SHUFFLES):
        chooser.shuffle(order)
        shuffled.append(_log_distances(overlaps, order[:count]) - _log_distances(overlaps, order[count:]))
    return value / max(float(np.std(shuffled)), 1e-9)


def _log_distances(overlaps: NDArray[np.float32], chosen: NDArray[np.intp]) -> float:
    largest = overlaps[np.ix_(chosen, chosen)].max(axis=1)
    return float(np.log(np.sqrt(np.maximum(1.0 - largest, COPY**2))).mean())
