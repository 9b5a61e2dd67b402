"""One small picture of a generator in training: average showers, and four shapes, beside Geant4's."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES
from caloserve_training.data import ShowerSample
from caloserve_training.fidelity.pictures.showers import draw_image
from caloserve_training.fidelity.pictures.style import EMPTY, FAINT, INK, SMALL, draw_steps, new_figure, plain
from caloserve_training.fidelity.variables import response

DECADES = 5
BINS = 30
_SHAPES = ("f_0", "occupancy_0", "sigma_eta_0")


def draw_progress(true: ShowerSample, made: ShowerSample, *, title: str) -> Figure:
    """Layers below each other, Geant4's and generated; E_tot/E and three shapes."""
    figure = new_figure(4.4)
    figure.suptitle(title, fontsize=SMALL + 2, color=INK)
    images, shapes = figure.subfigures(1, 2, width_ratios=(3, 2), squeeze=False)[0]
    grid = images.subplots(len(CALOGAN.layers), 2, squeeze=False)
    means = [np.mean(sample.cells, axis=0) for sample in (true, made)]
    brightest = float(means[0].max())
    colours, norm = (
        colormaps["magma_r"].with_extremes(bad=EMPTY),
        LogNorm(brightest / 10**DECADES, brightest, clip=True),
    )
    for column, (name, mean) in enumerate(zip(("Geant4", "generated"), means, strict=True)):
        grid[0, column].set_title(name, fontsize=SMALL + 1, color=INK)
        for layer, image in zip(CALOGAN.layers, CALOGAN.split(mean), strict=True):
            draw_image(grid[layer.index, column], image, layer, colours, norm)
    variables = [("E_tot / E", [response(true), response(made)])]
    variables += [(name, [SHOWER_SHAPES[name](sample.cells) for sample in (true, made)]) for name in _SHAPES]
    for axes, (name, values) in zip(shapes.subplots(2, 2).ravel(), variables, strict=True):
        low, high = np.quantile(np.concatenate(values), (0.005, 0.995))
        edges = np.linspace(low, high, BINS + 1)
        draw_steps(axes, edges, *(np.histogram(side, edges)[0].astype(np.float64) for side in values))
        axes.set_title(name, fontsize=SMALL, color=FAINT)
        axes.set_yticks([])
        plain(axes)
    return figure
