"""A look at a generator in training: average showers beside Geant4's, and how far their shapes are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import ks_2samp

from caloserve.calorimeter import SHOWER_SHAPES
from caloserve_training.data import ShowerSample
from caloserve_training.fidelity.pictures.progress import draw_progress
from caloserve_training.fidelity.variables import response

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Generate = Callable[[NDArray[np.float32], int], NDArray[np.float32]]

MOST = 1000
"""Showers of a look: enough to see, few enough not to hold the training up."""


def look(generate: Generate, validation: ShowerSample, picture: Path, *, title: str) -> dict[str, float]:
    """Draw a picture, and give figures.

    Returns:
        ``response``: mean E_tot/E over Geant4's; ``occupancy_0`` to ``2`` likewise; ``distance``: the mean over all
        shower shapes of the Kolmogorov-Smirnov distance, 0 for equal distributions, 1 for separate ones.
    """
    true = validation.select(slice(MOST))
    made = ShowerSample(true.energy, generate(true.energy, 0), "")
    picture.parent.mkdir(parents=True, exist_ok=True)
    draw_progress(true, made, title=title).savefig(picture, dpi=110)
    distances = [ks_2samp(shape(made.cells), shape(true.cells), method="asymp").statistic for shape in _shapes()]
    figures = {"response": _ratio(response(made), response(true)), "distance": float(np.mean(distances))}
    for number in range(3):
        occupancy = SHOWER_SHAPES[f"occupancy_{number}"]
        figures[f"occupancy_{number}"] = _ratio(occupancy(made.cells), occupancy(true.cells))
    return figures


def _shapes() -> list[Callable[[NDArray[np.float32]], NDArray[np.float64]]]:
    return list(SHOWER_SHAPES.values())


def _ratio(made: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    return float(made.mean() / true.mean())
