"""The response: in bins of energy, and at single energies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from caloserve_training.fidelity.bins import half_width
from caloserve_training.fidelity.pictures.panels import two_panels
from caloserve_training.fidelity.pictures.style import (
    GENERATED,
    INK,
    REFERENCE_EDGE,
    SMALL,
    draw_ratio,
    draw_steps,
    new_figure,
    share_errors,
)
from caloserve_training.fidelity.variables import response

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    from caloserve_training.fidelity.judge import Judgement

    Values = NDArray[np.float64]

BINS = 30
SPAN = 6.0
"""Half-widths shown on each side of a narrow response."""
TAIL = 0.01


def draw_bins(judgement: Judgement) -> Figure | None:
    """One panel per bin."""
    if not judgement.bins:
        return None
    figure = new_figure(2.8)
    parts = figure.subfigures(1, len(judgement.bins), wspace=0.02, squeeze=False).ravel()
    for part, entry in zip(parts, judgement.bins, strict=True):
        made, true = (
            response(sample.select((sample.energy >= entry.low_gev) & (sample.energy < entry.high_gev)))
            for sample in (judgement.case.generated, judgement.case.reference)
        )
        _draw_response(part, made, true, entry.label, hadronic=judgement.case.hadronic)
    return figure


def draw_responses(judgement: Judgement) -> Figure | None:
    """One panel per energy."""
    if not judgement.responses:
        return None
    figure = new_figure(2.8)
    parts = figure.subfigures(1, len(judgement.responses), wspace=0.02, squeeze=False).ravel()
    for part, entry in zip(parts, judgement.responses, strict=True):
        _draw_response(part, entry.made, entry.true, entry.label, hadronic=judgement.case.hadronic)
    return figure


def _draw_response(part: SubFigure, made: Values, true: Values, label: str, *, hadronic: bool) -> None:
    edges = _edges(made, true, hadronic=hadronic)
    counts = [np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / len(values) for values in (made, true)]
    main, below = two_panels(part)
    draw_steps(main, edges, counts[1], counts[0])
    draw_ratio(
        below, edges, counts[1], counts[0], (share_errors(counts[1], len(true)), share_errors(counts[0], len(made)))
    )
    main.set_yticks([])
    main.xaxis.set_major_locator(MaxNLocator(4))
    main.set_title(label, fontsize=SMALL, color=INK, pad=3)
    below.set_xlabel(r"$E_{\mathrm{tot}}/E$", fontsize=SMALL, color=INK, labelpad=1)
    for values, colour, height in ((true, REFERENCE_EDGE, 0.97), (made, GENERATED, 0.87)):
        words = f"{values.mean():.4f} ± {half_width(values):.4f}"
        # A narrow response falls off to the left, pions pile up there.
        at, align = (0.98, "right") if hadronic else (0.02, "left")
        main.text(at, height, words, transform=main.transAxes, fontsize=SMALL - 2, color=colour, va="top", ha=align)


def _edges(made: Values, true: Values, *, hadronic: bool) -> Values:
    if hadronic:
        return np.linspace(0.0, 1.0, BINS + 1)
    middle, half = float(np.median(true)), max(half_width(true), 1e-4)
    low, high = np.quantile(np.concatenate([made, true]), [TAIL, 1.0 - TAIL])
    return np.linspace(max(low, middle - 2 * SPAN * half), min(high, middle + SPAN * half) + 1e-6, BINS + 1)
