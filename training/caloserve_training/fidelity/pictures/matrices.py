"""Correlations as matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caloserve_training.fidelity.correlations import NAMES
from caloserve_training.fidelity.pictures.style import FAINT, INK, SMALL, framed, new_figure
from caloserve_training.fidelity.variables import BY_NAME

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from caloserve_training.fidelity.judge import Judgement

PULLS = 6.0


def draw_correlations(judgement: Judgement) -> Figure:
    """Geant4, generated, and the difference in standard deviations."""
    entry = judgement.correlations
    figure = new_figure(4.4)
    grid = figure.subplots(1, 3)
    labels = [_short(name) for name in NAMES]
    panels = (("Geant4", entry.true, 1.0), ("generated", entry.made, 1.0), ("difference / σ", entry.pull, PULLS))  # noqa: RUF001
    for axes, (title, values, limit) in zip(grid, panels, strict=True):
        image = axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="none")
        axes.set_title(title, fontsize=SMALL + 1, color=INK)
        axes.set_xticks(np.arange(len(labels)), labels, rotation=90)
        axes.set_yticks(np.arange(len(labels)), labels if axes is grid[0] else [])
        framed(axes)
        axes.tick_params(length=0, labelsize=SMALL - 3)
        bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.7, aspect=30, pad=0.02)
        bar.ax.tick_params(labelsize=SMALL - 2, colors=FAINT, length=2)
    return figure


def _short(name: str) -> str:
    variable = BY_NAME[name]
    if name.startswith("occupancy"):
        return f"occupancy {name[-1]}"
    return variable.symbol.replace(" along ", " ")
