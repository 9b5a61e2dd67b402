"""Images of showers: the average, and single ones beside their nearest neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm, Normalize

from caloserve.calorimeter import CALOGAN, Layer
from caloserve_training.fidelity.pictures.style import EMPTY, FAINT, INK, SMALL, framed, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from caloserve_training.fidelity.judge import Judgement

    Cells = NDArray[np.floating]

DECADES = 6
SHOWERS = 4
SEED = 4
NEAR = 0.1
PULLS = 6.0


def draw_average(judgement: Judgement) -> Figure:
    """Layers below each other; Geant4, generated, their ratio, and each cell's pull."""
    maps = judgement.maps
    figure = new_figure(5.6)
    grid = figure.subplots(len(CALOGAN.layers), 4, squeeze=False)
    brightest = max(float(maps.true_mean.max()), float(maps.made_mean.max()))
    energy, log_energy = (
        colormaps["magma_r"].with_extremes(bad=EMPTY),
        LogNorm(brightest / 10**DECADES, brightest, clip=True),
    )
    both, ratio = colormaps["RdBu_r"].with_extremes(bad=EMPTY), Normalize(0.0, 2.0, clip=True)
    pull = Normalize(-PULLS, PULLS, clip=True)
    ratios = np.divide(
        maps.made_mean, maps.true_mean, out=np.full_like(maps.true_mean, np.nan), where=maps.true_mean > 0
    )
    columns = (
        ("Geant4", maps.true_mean, energy, log_energy),
        ("generated", maps.made_mean, energy, log_energy),
        ("generated / Geant4", ratios, both, ratio),
        ("pull", maps.pull, both, pull),
    )
    for layer in CALOGAN.layers:
        for column, (title, cells, colours, norm) in enumerate(columns):
            axes = grid[layer.index, column]
            image = CALOGAN.split(np.asarray(cells))[layer.index]
            draw_image(axes, np.ma.masked_invalid(image) if column > 1 else image, layer, colours, norm)
            if layer.index == 0:
                axes.set_title(title, fontsize=SMALL + 1.5, color=INK)
            if column == 0:
                axes.set_ylabel(f"layer {layer.index}\nφ / mm", fontsize=SMALL, color=FAINT)
            if layer.index == len(CALOGAN.layers) - 1:
                axes.set_xlabel("η / mm", fontsize=SMALL, color=FAINT)
    for columns_of, colours, norm, label in (
        (grid[:, :2], energy, log_energy, "mean energy per cell / MeV"),
        (grid[:, 2], both, ratio, "ratio"),
        (grid[:, 3], both, pull, "standard deviations"),
    ):
        bar = figure.colorbar(
            ScalarMappable(norm, colours),
            ax=columns_of.tolist() if columns_of.ndim == 1 else columns_of.ravel().tolist(),
            location="bottom",
            shrink=0.8,
            aspect=40,
            pad=0.02,
        )
        bar.set_label(label, fontsize=SMALL, color=FAINT)
        bar.ax.tick_params(labelsize=SMALL - 1, colors=FAINT, length=2)
        bar.outline.set_visible(False)
    return figure


def draw_neighbours(judgement: Judgement) -> Figure:
    """Each column a Geant4 shower, its three layers, and the generated one that is nearest."""
    case = judgement.case
    chosen = np.random.default_rng(SEED).choice(len(case.reference), SHOWERS, replace=False)
    chosen = chosen[np.argsort(case.reference.energy[chosen])]
    figure = new_figure(7.4)
    parts = figure.subfigures(1, SHOWERS, wspace=0.02, squeeze=False).ravel()
    colours = colormaps["magma_r"].with_extremes(bad=EMPTY)
    for part, row in zip(parts, chosen.tolist(), strict=True):
        energy, true = float(case.reference.energy[row]), case.reference.cells[row]
        near = np.flatnonzero(np.abs(case.generated.energy - energy) < NEAR * energy)
        near = near if len(near) else np.arange(len(case.generated))
        distances = np.linalg.norm(case.generated.cells[near] - true, axis=1)
        best = int(near[int(np.argmin(distances))])
        grid = part.subplots(6, 1)
        brightest = max(float(true.max()), 1e-3)
        norm = LogNorm(brightest / 10**DECADES, brightest, clip=True)
        for start, cells in ((0, true), (3, case.generated.cells[best])):
            for layer in CALOGAN.layers:
                axes = grid[start + layer.index]
                draw_image(axes, CALOGAN.split(cells)[layer.index], layer, colours, norm)
                axes.set_xticks([])
                axes.set_yticks([])
        grid[0].set_title(f"Geant4, {energy:.1f} GeV", fontsize=SMALL + 1, color=INK)
        made = float(case.generated.energy[best])
        grid[3].set_title(f"nearest generated, {made:.1f} GeV", fontsize=SMALL + 1, color=INK)
    return figure


def draw_image(axes: Axes, image: Cells, layer: Layer, colours: Colormap, norm: Normalize) -> None:
    """One layer's image, in millimetres."""
    half_eta = layer.n_eta * layer.cell_eta_mm / 2
    half_phi = layer.n_phi * layer.cell_phi_mm / 2
    axes.imshow(
        np.ma.masked_less_equal(image, 0.0) if isinstance(norm, LogNorm) else image,
        cmap=colours,
        norm=norm,
        extent=(-half_eta, half_eta, -half_phi, half_phi),
        origin="lower",
        aspect="auto",
        interpolation="none",
    )
    axes.set_xticks([-200, 0, 200])
    axes.set_yticks([-200, 0, 200])
    framed(axes)
