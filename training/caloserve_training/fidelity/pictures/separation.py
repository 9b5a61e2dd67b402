"""What tells the samples apart: classifiers' curves, and distances between showers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import roc_curve

from caloserve_training.fidelity.classifiers import BOOSTING
from caloserve_training.fidelity.memorising import COPY
from caloserve_training.fidelity.pictures.style import (
    FAINT,
    GENERATED,
    INK,
    REFERENCE_EDGE,
    RULE,
    SMALL,
    draw_steps,
    legend,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from caloserve_training.fidelity.judge import Judgement

    Values = NDArray[np.float64]

BINS = 40


def draw_curves(judgement: Judgement) -> Figure:
    """One panel per sight."""
    figure = new_figure(3.6, 7.4)
    grid = figure.subplots(1, len(judgement.sights))
    for axes, sight in zip(np.atleast_1d(grid), judgement.sights, strict=True):
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=0.8)
        for contests, colour, name in (
            (sight.floor, REFERENCE_EDGE, "Geant4"),
            (sight.contests, GENERATED, "generated"),
        ):
            for entry in contests:
                false, true, _ = roc_curve(entry.labels, entry.scores)
                style = "-" if entry.method == BOOSTING else "--"
                label = f"{name}, {entry.method}: {entry.auc:.3f} ± {entry.error:.3f}"
                axes.plot(false, true, style, color=colour, linewidth=1.1, label=label)
        axes.set_title(f"on {sight.name}, {sight.best.size} of each", fontsize=SMALL + 1, color=INK)
        axes.set_xlabel("generated taken for Geant4", fontsize=SMALL, color=FAINT)
        axes.set_ylabel("Geant4 taken for Geant4", fontsize=SMALL, color=FAINT)
        axes.set_aspect("equal")
        plain(axes)
        legend(axes, loc="lower right")
        for text in axes.get_legend().get_texts():
            text.set_fontsize(SMALL - 2)
    return figure


def draw_distances(judgement: Judgement) -> Figure:
    """Within the samples, and to the training showers."""
    novelty = judgement.novelty
    pairs = [("nearest other shower of the sample", novelty.nearest_made, novelty.nearest_true)]
    if novelty.training_made is not None and novelty.training_true is not None:
        pairs.append(("nearest training shower", novelty.training_made, novelty.training_true))
    figure = new_figure(2.5, 3.8 * len(pairs))
    for axes, (label, made, true) in zip(np.atleast_1d(figure.subplots(1, len(pairs))), pairs, strict=True):
        _draw_distance(axes, label, made, true)
    return figure


def _draw_distance(axes: Axes, label: str, made: Values, true: Values) -> None:
    low = max(min(float(made.min()), float(true.min())), COPY / 10)
    edges = np.geomspace(low, max(float(made.max()), float(true.max())), BINS + 1)
    counts = [np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / len(values) for values in (made, true)]
    draw_steps(axes, edges, counts[1], counts[0])
    axes.set_xscale("log")
    axes.set_yticks([])
    axes.set_xlabel(f"distance to the {label}", fontsize=SMALL, color=INK)
    plain(axes)
