"""How the report's pictures look: one grey for Geant4, one colour for the generator, thin lines, few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

INK, FAINT, RULE = "#1b2733", "#66727f", "#d5dbe1"
REFERENCE, REFERENCE_EDGE, GENERATED = "#dfe4ea", "#7b8894", "#c2410c"
EMPTY = "#eceff3"
SMALL = 8.0
WIDTH_IN = 10.0
RATIO_RANGE = (0.5, 1.5)
SURE = 0.6
"""Largest relative error of Geant4 in a bin whose ratio is drawn."""


def new_figure(height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """An empty white figure."""
    return Figure(figsize=(width_in, height_in), facecolor="white", layout="constrained")


def plain(axes: Axes) -> None:
    """Two thin spines, small ticks."""
    for name, spine in axes.spines.items():
        spine.set_visible(name in {"left", "bottom"})
        spine.set(color=FAINT, linewidth=0.6)
    axes.tick_params(colors=FAINT, labelsize=SMALL - 1, length=2.5, width=0.6, which="both")
    axes.tick_params(length=1.5, which="minor")


def framed(axes: Axes) -> None:
    """An image's thin frame."""
    for spine in axes.spines.values():
        spine.set(color=FAINT, linewidth=0.5)
    axes.tick_params(colors=FAINT, labelsize=SMALL - 1.5, length=2, width=0.5)


def draw_steps(axes: Axes, edges: Values, true: Values, made: Values) -> None:
    """Geant4 as a grey area, generated showers as a coloured line."""
    axes.stairs(true, edges, fill=True, color=REFERENCE)
    axes.stairs(true, edges, color=REFERENCE_EDGE, linewidth=0.8, baseline=None)
    axes.stairs(made, edges, color=GENERATED, linewidth=1.1, baseline=None)


def draw_ratio(axes: Axes, edges: Values, true: Values, made: Values, errors: tuple[Values, Values]) -> None:
    """Generated over Geant4, each with its own statistical error: Geant4's as a band about 1."""
    band, bars = errors
    known = (true > 0) & (band < SURE * true)
    ratio = np.divide(made, true, out=np.full_like(true, np.nan), where=known)
    width = np.divide(band, true, out=np.zeros_like(true), where=known)
    axes.stairs(
        np.where(known, 1 + width, 1.0), edges, baseline=np.where(known, 1 - width, 1.0), fill=True, color=REFERENCE
    )
    axes.axhline(1.0, color=REFERENCE_EDGE, linewidth=0.6)
    centres = np.sqrt(edges[:-1] * edges[1:]) if _even_in_logarithm(edges) else (edges[:-1] + edges[1:]) / 2
    shown = np.clip(ratio, *RATIO_RANGE)
    bar = np.divide(bars, true, out=np.zeros_like(true), where=known)
    axes.errorbar(centres, shown, yerr=bar, fmt="o", markersize=1.8, color=GENERATED, elinewidth=0.6, clip_on=True)
    axes.set_ylim(*RATIO_RANGE)
    axes.set_yticks([0.75, 1.0, 1.25])
    plain(axes)


def share_errors(shares: Values, count: int) -> Values:
    """Binomial errors of shares of ``count`` showers."""
    return np.asarray(np.sqrt(shares * (1 - shares) / max(count, 1)))


def legend(axes: Axes, **settings: Any) -> None:  # noqa: ANN401 (matplotlib's settings)
    """Which is which."""
    axes.legend(frameon=False, fontsize=SMALL, labelcolor=INK, handlelength=1.4, **settings)


def _even_in_logarithm(edges: Values) -> bool:
    return bool(edges[0] > 0 and np.isclose(edges[1] / edges[0], edges[-1] / edges[-2], rtol=1e-3))
