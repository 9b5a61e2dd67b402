"""A picture of an event: what each particle left in each layer, and the event's sum."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caloserve.calorimeter import Layer
from caloserve.calorimeter.particles import PARTICLES_BY_PDG_ID
from caloserve_client.errors import FormatError
from caloserve_client.events import Event
from caloserve_client.extras import require
from caloserve_client.tensors import Cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, LogNorm
    from matplotlib.figure import Figure

MOST_ROWS = 24
"""Particles drawn one by one; the sum holds all."""

_DECADES = 6
_WIDTH_IN, _ROW_IN, _TOP_IN, _BOTTOM_IN, _LEFT_IN, _RIGHT_IN = 9.3, 0.95, 1.05, 0.62, 2.3, 0.25
_ROW_GAP, _COLUMN_GAP = 0.10, 0.07
_DPI = 120
_LONG = 4  # characters of a symbol
_NOT_MADE = "not made"
_EMPTY, _INK, _FAINT, _ALARM = "#eceff3", "#1b2733", "#66727f", "#b3261e"


def save_event_display(event: Event, path: str | os.PathLike[str]) -> Path:
    """Draw an event and write it as PNG.

    One row per particle and one for their sum, one column per layer; eta runs to the right, phi upwards, both in mm.
    All images share one logarithmic colour scale in MeV; cells without energy are grey.

    Args:
        event: asked for with its showers (``output`` "per_shower" or "both").
        path: the file; one that exists is replaced.

    Raises:
        NotAskedForError: the event has no showers, only their sum.
        ExtraMissingError: matplotlib is not installed.
        FormatError: the file cannot be written.
    """
    figure = draw_event(event)
    try:
        figure.savefig(path, format="png", dpi=_DPI, metadata={"Software": "caloserve"})
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror})") from error
    return Path(path)


def draw_event(event: Event) -> "Figure":
    """The picture as a matplotlib figure; see ``save_event_display``."""
    require("matplotlib", "the event display", "display")
    from matplotlib.figure import Figure  # noqa: PLC0415 (slow to import, and optional)

    total = event.cells_mev.sum(axis=0, dtype=np.float32) if event.sum_cells is None else event.sum_cells
    drawn = min(len(event), MOST_ROWS)
    height = _TOP_IN + _BOTTOM_IN + _ROW_IN * (drawn + 1.6)
    figure = Figure(figsize=(_WIDTH_IN, height), facecolor="white")
    grid = figure.add_gridspec(
        drawn + 1,
        len(event.geometry.layers),
        height_ratios=[*[1.0] * drawn, 1.6],
        left=_LEFT_IN / _WIDTH_IN,
        right=1 - _RIGHT_IN / _WIDTH_IN,
        top=1 - _TOP_IN / height,
        bottom=_BOTTOM_IN / height,
        hspace=_ROW_GAP,
        wspace=_COLUMN_GAP,
    )
    colours, norm = _colours(event.cells_mev, total)
    rows = [*event.cells_mev[:drawn], total]
    labels = [_particle_label(event, row) for row in range(drawn)] + [_sum_label(event, total)]
    for row, (cells, label) in enumerate(zip(rows, labels, strict=True)):
        for layer, image in zip(event.geometry.layers, event.geometry.split(cells), strict=True):
            axes = figure.add_subplot(grid[row, layer.index])
            _draw_layer(axes, image, layer, colours, norm)
            _label_axes(axes, layer, first=row == 0, last=row == drawn)
            if layer.index == 0:
                _label_row(axes, *label)
    _draw_scale(figure, height, colours, norm)
    _write_title(figure, height, event, drawn)
    return figure


def _colours(cells: Cells, total: Cells) -> "tuple[Colormap, LogNorm]":
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.colors import LogNorm  # noqa: PLC0415

    brightest = max(float(cells.max(initial=0.0)), float(total.max()), 1.0)
    colours = colormaps["magma_r"].with_extremes(bad=_EMPTY)
    return colours, LogNorm(brightest / 10**_DECADES, brightest, clip=True)


def _draw_layer(axes: "Axes", image: Cells, layer: Layer, colours: "Colormap", norm: "LogNorm") -> None:
    half_eta = layer.n_eta * layer.cell_eta_mm / 2
    half_phi = layer.n_phi * layer.cell_phi_mm / 2
    axes.imshow(
        np.ma.masked_less_equal(image, 0.0),
        cmap=colours,
        norm=norm,
        extent=(-half_eta, half_eta, -half_phi, half_phi),
        origin="lower",
        aspect="auto",
        interpolation="none",
    )


def _label_axes(axes: "Axes", layer: Layer, *, first: bool, last: bool) -> None:
    for side in axes.spines.values():
        side.set(color=_FAINT, linewidth=0.5)
    axes.tick_params(colors=_FAINT, labelsize=7, length=2, width=0.5)
    axes.set_xticks([-200, 0, 200])
    axes.set_yticks([-200, 0, 200])
    axes.tick_params(labelleft=last and layer.index == 0, labelbottom=last)
    if first:
        depth = f"{layer.z_max_mm - layer.z_min_mm:g} mm deep"
        cells = f"{layer.n_phi} × {layer.n_eta}"  # noqa: RUF001 (the multiplication sign is meant)
        axes.set_title(f"layer {layer.index}: {cells} cells, {depth}", fontsize=8.5, color=_INK, pad=5)
    if last:
        axes.set_xlabel("η / mm", fontsize=8, color=_FAINT, labelpad=2)
        if layer.index == 0:
            axes.set_ylabel("φ / mm", fontsize=8, color=_FAINT, labelpad=-4)


def _particle_label(event: Event, row: int) -> tuple[str, str, str]:
    pdg_id = int(event.pdg_ids[row])
    energy = float(event.energies_gev[row])
    known = PARTICLES_BY_PDG_ID.get(pdg_id)
    symbol = known.symbol if known else f"PDG {pdg_id}"
    if not event.ok[row]:
        status = next(error.status.name for error in event.errors if error.row == row)
        return symbol, f"{energy:.4g} GeV", f"{_NOT_MADE}: {status.lower().replace('_', ' ')}"
    deposited = float(event.e_tot_mev[row]) / 1e3
    return symbol, f"{energy:.4g} GeV", f"$E_\\mathrm{{tot}}$ {_three(deposited)} GeV ({deposited / energy:.0%})"


def _sum_label(event: Event, total: Cells) -> tuple[str, str, str]:
    made = event.energies_gev[event.ok]
    deposited = float(total.sum(dtype=np.float64)) / 1e3
    share = f" ({deposited / made.sum():.0%})" if made.size else ""
    return "Σ", f"{made.sum():.4g} GeV", f"$E_\\mathrm{{tot}}$ {_three(deposited)} GeV{share}"


def _three(value: float) -> str:
    """Three significant digits, zeros at the end too."""
    return f"{value:#.3g}".removesuffix(".")


def _label_row(axes: "Axes", symbol: str, energy: str, deposited: str) -> None:
    def write(text: str, x: float, y: float, **style: Any) -> None:  # noqa: ANN401 (matplotlib's settings)
        axes.annotate(
            text, (0, 0.5), (x, y), xycoords="axes fraction", textcoords="offset points", va="center", **style
        )

    write(symbol, -150, 6, fontsize=15 if len(symbol) < _LONG else 9, color=_INK, ha="left")
    write(energy, -42, 7, fontsize=10, color=_INK, ha="right", fontweight="bold")
    colour = _ALARM if deposited.startswith(_NOT_MADE) else _FAINT
    write(deposited, -42, -9, fontsize=7.5, color=colour, ha="right")


def _draw_scale(figure: "Figure", height: float, colours: "Colormap", norm: "LogNorm") -> None:
    from matplotlib.cm import ScalarMappable  # noqa: PLC0415

    axes = figure.add_axes((0.60, 1 - 0.50 / height, 1 - _RIGHT_IN / _WIDTH_IN - 0.60, 0.13 / height))
    scale = figure.colorbar(ScalarMappable(norm, colours), cax=axes, orientation="horizontal", extend="min")
    scale.ax.tick_params(labelsize=7, length=2, width=0.5, colors=_FAINT, pad=1)
    scale.ax.minorticks_off()
    scale.outline.set(linewidth=0.5, edgecolor=_FAINT)
    scale.ax.set_title("energy per cell / MeV   (grey: none)", fontsize=8, color=_INK, pad=3)


def _write_title(figure: "Figure", height: float, event: Event, drawn: int) -> None:
    more = f"; the first {drawn} are drawn" if drawn < len(event) else ""
    left = 0.22 / _WIDTH_IN
    figure.text(
        left,
        1 - 0.30 / height,
        f"Event {event.event_id}: {len(event)} particles",
        fontsize=13,
        color=_INK,
        fontweight="bold",
        va="center",
    )
    made_by = ", ".join(f"{name} {made.release_version}" for name, made in sorted(event.provenance.items()))
    figure.text(left, 1 - 0.53 / height, f"seed {event.seed}; {made_by}{more}", fontsize=8, color=_FAINT, va="center")
