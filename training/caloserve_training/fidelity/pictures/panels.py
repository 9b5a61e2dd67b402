"""Each variable's distribution with its ratio, and the cell spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caloserve_training.fidelity.cells import SPECTRUM_EDGES_MEV
from caloserve_training.fidelity.checks import FALSE_ALARM
from caloserve_training.fidelity.distributions import histogram_edges, shares
from caloserve_training.fidelity.pictures.style import (
    FAINT,
    GENERATED,
    INK,
    SMALL,
    draw_ratio,
    draw_steps,
    new_figure,
    plain,
    share_errors,
)
from caloserve_training.fidelity.variables import GLOBAL, VARIABLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    from caloserve_training.fidelity.judge import Judgement

    Values = NDArray[np.float64]

COLUMNS = 4
ROW_IN = 2.15
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def draw_global(judgement: Judgement) -> Figure:
    """Variables of the whole shower."""
    return _draw_group(judgement, GLOBAL)


def draw_first(judgement: Judgement) -> Figure:
    """Variables of layer 0."""
    return _draw_group(judgement, "layer 0")


def draw_middle(judgement: Judgement) -> Figure:
    """Variables of layer 1."""
    return _draw_group(judgement, "layer 1")


def draw_last(judgement: Judgement) -> Figure:
    """Variables of layer 2."""
    return _draw_group(judgement, "layer 2")


def draw_spectra(judgement: Judgement) -> Figure:
    """Cells per shower by energy, one panel per layer."""
    figure = new_figure(2.9)
    columns = figure.subfigures(1, len(judgement.spectra), wspace=0.03, squeeze=False).ravel()
    agrees = _agreement(judgement)
    for part, entry in zip(columns, judgement.spectra, strict=True):
        main, below = two_panels(part)
        draw_steps(main, SPECTRUM_EDGES_MEV, entry.true, entry.made)
        draw_ratio(below, SPECTRUM_EDGES_MEV, entry.true, entry.made, (entry.true_error, entry.made_error))
        main.set_yscale("log")
        main.set_ylim(1e-3, None)
        below.set_xscale("log")
        main.set_xscale("log")
        below.set_xlabel(f"cell energy in layer {entry.layer} / MeV", fontsize=SMALL, color=INK)
        main.set_ylabel("cells / shower" if entry.layer == 0 else "", fontsize=SMALL, color=FAINT)
        _mark(main, f"spectrum_{entry.layer}", agrees)
    return figure


def _draw_group(judgement: Judgement, group: str) -> Figure:
    members = [(column, variable) for column, variable in enumerate(VARIABLES) if variable.group == group]
    rows = -(-len(members) // COLUMNS)
    figure = new_figure(ROW_IN * rows)
    cells = figure.subfigures(rows, COLUMNS, wspace=0.02, hspace=0.02, squeeze=False).ravel()
    agrees = _agreement(judgement)
    for part, (column, variable) in zip(cells, members, strict=False):
        made, true = judgement.made[:, column], judgement.true[:, column]
        edges = histogram_edges(variable, made, true)
        made_shares, true_shares = shares(made, edges), shares(true, edges)
        main, below = two_panels(part)
        draw_steps(main, edges, true_shares, made_shares)
        errors = (share_errors(true_shares, len(true)), share_errors(made_shares, len(made)))
        draw_ratio(below, edges, true_shares, made_shares, errors)
        if edges[0] > 0 and variable.logarithmic:
            main.set_xscale("log")
            below.set_xscale("log")
        main.set_yticks([])
        main.set_ylim(0.0, 1.25 * max(float(made_shares.max()), float(true_shares.max())))
        below.set_xlabel(variable.axis, fontsize=SMALL, color=INK, labelpad=1)
        _mark(main, f"variable_{variable.name}", agrees)
    return figure


def two_panels(part: SubFigure) -> tuple[Axes, Axes]:
    """A distribution above its ratio."""
    main, below = part.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    plain(main)
    main.tick_params(labelbottom=False)
    return main, below


def _agreement(judgement: Judgement) -> dict[str, float]:
    return {result.check.name: result.adjusted for result in judgement.results}


def _mark(axes: Axes, name: str, adjusted: dict[str, float]) -> None:
    """The probability in a corner, in colour where the two do not agree."""
    p = adjusted[name]
    agrees = p >= FALSE_ALARM
    axes.set_title(
        "agrees" if agrees else f"p = {probability(p)}",
        fontsize=SMALL - 1.5,
        color=FAINT if agrees else GENERATED,
        fontweight="normal" if agrees else "bold",
        loc="right",
        pad=1,
    )


def probability(p: float) -> str:
    """In powers of ten where it is small."""
    if p >= 1e-3:  # noqa: PLR2004
        return f"{p:.2g}"
    if p < 1e-300:  # noqa: PLR2004
        return "0"
    return "10" + str(int(np.floor(np.log10(p)))).translate(_SUPERSCRIPT)
