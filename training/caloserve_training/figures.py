"""Figures of merit of a generator against showers it was never trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES
from caloserve.generator.manifest import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample

    Statistic = Callable[[NDArray[np.float64]], np.floating | float]

ENERGY_BINS_GEV = ((1, 10), (10, 30), (30, 60), (60, 100))
MEV_PER_GEV = 1000.0
FOLDS = 5


def compute_figures(generated: NDArray[np.float32], reference: ShowerSample) -> tuple[Figure, ...]:
    """All figures.

    Args:
        generated: Cells in MeV, ``(n, 504)``, made at the reference's energies, in its order.
        reference: Full simulation.
    """
    return (*_by_energy(generated, reference), *_overall(generated, reference))


def _by_energy(generated: NDArray[np.float32], reference: ShowerSample) -> Iterator[Figure]:
    """Response, its width, layer fractions and empty layers, in bins of energy."""
    response, true_response = (_response(cells, reference.energy) for cells in (generated, reference.cells))
    for low, high in ENERGY_BINS_GEV:
        chosen = (reference.energy >= low) & (reference.energy < high)
        count = int(chosen.sum())
        where = f"{low}_{high}_gev"
        ratio = response[chosen].mean() / true_response[chosen].mean()
        yield Figure(f"e_tot_ratio_{where}", _rounded(ratio), 1.0, "", count)
        yield _compare(f"response_mean_{where}", np.mean, response[chosen], true_response[chosen])
        yield _compare(f"response_width_{where}", half_width, response[chosen], true_response[chosen])
        made, true = generated[chosen], reference.cells[chosen]
        for layer in CALOGAN.layers:
            fraction = SHOWER_SHAPES[f"f_{layer.index}"]
            yield _compare(f"f_{layer.index}_mean_{where}", np.mean, fraction(made), fraction(true))
        last = CALOGAN.layers[-1]
        empty = [(cells[:, last.span].sum(axis=1) == 0).astype(np.float64) for cells in (made, true)]
        yield _compare(f"empty_layer_{last.index}_{where}", np.mean, *empty)


def _overall(generated: NDArray[np.float32], reference: ShowerSample) -> Iterator[Figure]:
    """Occupancies, energy above the particle's, and classifiers, over all energies."""
    for layer in CALOGAN.layers:
        occupancy = SHOWER_SHAPES[f"occupancy_{layer.index}"]
        yield _compare(f"occupancy_{layer.index}_mean", np.mean, occupancy(generated), occupancy(reference.cells))
    above = [(_response(cells, reference.energy) > 1.0).astype(np.float64) for cells in (generated, reference.cells)]
    yield _compare("e_tot_above_e", np.mean, *above)
    count = len(reference)
    shapes = classifier_auc(_shape_table(generated, reference), _shape_table(reference.cells, reference))
    yield Figure("auc_shapes", _rounded(shapes), None, "", count)
    energy = reference.energy[:, np.newaxis]
    cells = classifier_auc(np.hstack([generated, energy]), np.hstack([reference.cells, energy]))
    yield Figure("auc_cells", _rounded(cells), None, "", count)


def half_width(values: NDArray[np.float64]) -> float:
    """Half the interval that holds the central 68 %: a width that a few photonuclear showers do not decide."""
    low, high = np.quantile(values, [0.16, 0.84])
    return float(high - low) / 2


def classifier_auc(generated: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Area under the ROC curve of gradient boosting, cross-validated: 0.5 for samples it cannot tell apart.

    It grows with the sample, so it means nothing without the sample's size.
    """
    features = np.vstack([generated, reference])
    labels = np.repeat([0, 1], [len(generated), len(reference)])
    classifier = HistGradientBoostingClassifier(
        learning_rate=0.08, max_iter=150, max_leaf_nodes=15, early_stopping=False, random_state=0
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(classifier, features, labels, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(labels, scores))


def _shape_table(cells: NDArray[np.float32], reference: ShowerSample) -> NDArray[np.float64]:
    """Table IV's variables and the particle's energy, one row per shower."""
    columns = [shape(cells) for shape in SHOWER_SHAPES.values()]
    return np.stack([reference.energy.astype(np.float64), *columns], axis=1)


def _response(cells: NDArray[np.float32], energy: NDArray[np.float32]) -> NDArray[np.float64]:
    return SHOWER_SHAPES["e_tot"](cells) / (MEV_PER_GEV * energy)


def _compare(name: str, statistic: Statistic, made: NDArray[np.float64], true: NDArray[np.float64]) -> Figure:
    return Figure(name, _rounded(statistic(made)), _rounded(statistic(true)), "", len(made))


def _rounded(value: float | np.floating) -> float:
    """Six significant digits: more would only be noise in the comparison of two manifests."""
    return float(f"{float(value):.6g}")
