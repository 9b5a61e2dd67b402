"""Classifiers that try to tell generated showers from Geant4's: one number for all that is wrong, and its floor."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from caloserve_training.fidelity import variables
from caloserve_training.fidelity.checks import Check, Topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample
    from caloserve_training.fidelity.case import Case

    Values = NDArray[np.float64]

FOLDS = 5
RESAMPLINGS = 100
FAINT_MEV = 0.1
"""Cells go to the network as the logarithm of one plus their energy in this unit."""
BOOSTING, NETWORK = "gradient boosting", "network"


@dataclass(frozen=True)
class Contest:
    """One classifier on one sight of the showers.

    Attributes:
        sight: ``shapes`` or ``cells``.
        method: `BOOSTING` or `NETWORK`.
        auc: Area under the ROC curve, cross-validated: 0.5 where it cannot tell the two apart.
        error: Bootstrap error.
        size: Showers of each kind. The area grows with it, so it means nothing alone.
        labels: 1 for the reference, 0 for the generated, shape ``(2 size,)``.
        scores: The classifier's, each from a fold that was not trained on the shower.
    """

    sight: str
    method: str
    auc: float
    error: float
    size: int
    labels: NDArray[np.intp]
    scores: Values


@dataclass(frozen=True)
class Sight:
    """Both classifiers on one sight, and what they make of Geant4 against Geant4."""

    name: str
    contests: tuple[Contest, ...]
    floor: tuple[Contest, ...]

    @property
    def best(self) -> Contest:
        """The one that tells more."""
        return max(self.contests, key=lambda contest: contest.auc)

    @property
    def best_floor(self) -> Contest:
        """The same for Geant4 against Geant4."""
        return max(self.floor, key=lambda contest: contest.auc)


def contests_of(case: Case, tick: Callable[[], None] = lambda: None) -> tuple[Sight, ...]:
    """Gradient boosting and a network, on shapes and on cells; ``tick`` is called after each of the eight.

    The floor is the reference against training showers where there are as many, otherwise one half of the reference
    against the other.
    """
    made, true = case.equal.generated, case.equal.reference
    if case.training is not None and len(case.training) >= len(true):
        floor = case.training.select(slice(len(true))), true
    else:
        floor = true.select(slice(0, None, 2)), true.select(slice(1, None, 2))
    sights = []
    for name, features, boosting, network in (
        ("shapes", shape_features, _boosting(1.0), _network(QuantileTransformer, (64, 64))),
        ("cells", cell_features, _boosting(0.2), _network(StandardScaler, (128, 64))),
    ):
        contests = []
        for pair in ((made, true), floor):
            for method, make in ((BOOSTING, boosting), (NETWORK, network)):
                contests.append(contest(name, method, make, features(pair[0]), features(pair[1])))
                tick()
        sights.append(Sight(name, tuple(contests[:2]), tuple(contests[2:])))
    return tuple(sights)


CONTESTS = 8


def classifier_checks(sights: tuple[Sight, ...]) -> list[Check]:
    """One check per sight: whether the better classifier tells more than chance."""
    checks = []
    for sight in sights:
        best, floor = sight.best, sight.best_floor
        # Under one law, the area of a rank statistic; two classifiers were tried.
        deviation = np.sqrt((2 * best.size + 1) / (12.0 * best.size**2))
        p = min(2.0 * float(stats.norm.sf((best.auc - 0.5) / deviation)), 1.0)
        checks.append(
            Check(
                f"auc_{sight.name}",
                Topic.CLASSIFIERS,
                f"Classifier on {'shower shapes' if sight.name == 'shapes' else 'cells'}",
                f"AUC {best.auc:.3f} ± {best.error:.3f} ({best.method}, n = {best.size}; Geant4 against Geant4 "
                f"{floor.auc:.3f} ± {floor.error:.3f}, n = {floor.size})",
                p,
            )
        )
    return checks


def shape_features(sample: ShowerSample) -> Values:
    """Energy and all variables, shape ``(n, 1 + variables)``."""
    return np.column_stack([sample.energy, variables.matrix(sample)])


def cell_features(sample: ShowerSample) -> Values:
    """Logarithms of energy and cells, shape ``(n, 505)``."""
    return np.column_stack([np.log(sample.energy), np.log1p(sample.cells / FAINT_MEV)])


def contest(sight: str, method: str, make: Callable[[], Any], generated: Values, reference: Values) -> Contest:
    """Cross-validate a classifier on equal numbers of both."""
    size = min(len(generated), len(reference))
    features = np.concatenate([generated[:size], reference[:size]])
    labels = np.repeat([0, 1], size)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    # One thread: where other work runs too, threads that wait for each other take many times as long.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # thirty epochs are what it gets
        scores = cross_val_predict(make(), features, labels, cv=folds, method="predict_proba")[:, 1]
    chooser = np.random.default_rng(0)
    resampled = []
    for _ in range(RESAMPLINGS):
        rows = np.concatenate([start + chooser.integers(size, size=size) for start in (0, size)])
        resampled.append(roc_auc_score(labels[rows], scores[rows]))
    return Contest(sight, method, float(roc_auc_score(labels, scores)), float(np.std(resampled)), size, labels, scores)


def _boosting(share: float) -> Callable[[], Any]:
    """``share`` of the features is tried at each split: with 505 cells, fewer are as good and faster."""
    return lambda: HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=100,
        max_leaf_nodes=15,
        max_features=share,
        early_stopping=False,
        random_state=0,
    )


def _network(scaler: Callable[..., Any], hidden: tuple[int, ...]) -> Callable[[], Any]:
    settings = {"output_distribution": "normal", "n_quantiles": 100, "random_state": 0}
    scale = scaler(**settings) if scaler is QuantileTransformer else scaler()
    return lambda: make_pipeline(
        scale,
        MLPClassifier(
            hidden,
            alpha=1e-2,
            batch_size=128,
            learning_rate_init=1e-3,
            max_iter=30,
            random_state=0,
        ),
    )
