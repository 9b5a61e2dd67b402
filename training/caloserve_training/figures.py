"""Figures of merit of a generator against showers it was never trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES
from caloserve.generator.manifest import Figure
from caloserve_training.data import ShowerSample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Statistic = Callable[[NDArray[Any]], np.floating | float]

ENERGY_BINS_GEV = ((1, 10), (10, 30), (30, 60), (60, 100))
MEV_PER_GEV = 1000.0
REPEATS = 20
FOLDS = 5


def compute_figures(
    draw: Callable[[NDArray[np.float32], int], NDArray[np.float32]], reference: ShowerSample
) -> tuple[Figure, ...]:
    """All figures.

    The generator is drawn from `REPEATS` times at each of the reference's energies, so that the uncertainty of a mean
    is the reference's own; the classifiers see one draw, as many showers as the reference has. The size that stands
    with a figure is the reference's.

    Args:
        draw: Makes cells in MeV, ``(n, 504)``, from energies in GeV, ``(n,)``, and a seed.
        reference: Full simulation.
    """
    draws = [draw(reference.energy, seed) for seed in range(REPEATS)]
    generated = ShowerSample(np.tile(reference.energy, REPEATS), np.concatenate(draws), "")
    once = generated.select(slice(len(reference)))
    return (*_by_energy(generated, reference), *_overall(generated, reference), *_classifiers(once, reference))


def _by_energy(generated: ShowerSample, reference: ShowerSample) -> Iterator[Figure]:
    """Response, its width, layer fractions and empty layers, in bins of energy."""
    last = CALOGAN.layers[-1]
    for low, high in ENERGY_BINS_GEV:
        where = f"{low}_{high}_gev"
        made, true = (
            sample.select((sample.energy >= low) & (sample.energy < high)) for sample in (generated, reference)
        )
        responses = [_response(sample) for sample in (made, true)]
        ratio = responses[0].mean() / responses[1].mean()
        yield Figure(f"e_tot_ratio_{where}", _rounded(ratio), 1.0, "", len(true))
        yield _compare(f"response_mean_{where}", np.mean, *responses)
        yield _compare(f"response_width_{where}", half_width, *responses)
        for layer in CALOGAN.layers:
            fraction = SHOWER_SHAPES[f"f_{layer.index}"]
            yield _compare(f"f_{layer.index}_mean_{where}", np.mean, fraction(made.cells), fraction(true.cells))
        empty = [np.all(sample.cells[:, last.span] == 0, axis=1) for sample in (made, true)]
        yield _compare(f"empty_layer_{last.index}_{where}", np.mean, *empty)


def _overall(generated: ShowerSample, reference: ShowerSample) -> Iterator[Figure]:
    """Occupancies and energy above the particle's, over all energies."""
    for layer in CALOGAN.layers:
        occupancy = SHOWER_SHAPES[f"occupancy_{layer.index}"]
        yield _compare(f"occupancy_{layer.index}_mean", np.mean, occupancy(generated.cells), occupancy(reference.cells))
    above = [_response(sample) > 1.0 for sample in (generated, reference)]
    yield _compare("e_tot_above_e", np.mean, *above)


def _classifiers(generated: ShowerSample, reference: ShowerSample) -> Iterator[Figure]:
    """How well gradient boosting tells the two apart by Table IV's variables and by the cells, energy given."""
    shapes = [
        np.stack([sample.energy, *(shape(sample.cells) for shape in SHOWER_SHAPES.values())], axis=1)
        for sample in (generated, reference)
    ]
    yield Figure("auc_shapes", _rounded(classifier_auc(*shapes)), None, "", len(reference))
    cells = [np.hstack([sample.energy[:, np.newaxis], sample.cells]) for sample in (generated, reference)]
    yield Figure("auc_cells", _rounded(classifier_auc(*cells)), None, "", len(reference))


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


def _response(sample: ShowerSample) -> NDArray[np.float64]:
    return SHOWER_SHAPES["e_tot"](sample.cells) / (MEV_PER_GEV * sample.energy)


def _compare(name: str, statistic: Statistic, made: NDArray[Any], true: NDArray[Any]) -> Figure:
    return Figure(name, _rounded(statistic(made)), _rounded(statistic(true)), "", len(true))


def _rounded(value: float | np.floating) -> float:
    """Six significant digits: more would only be noise in the comparison of two manifests."""
    return float(f"{float(value):.6g}")
