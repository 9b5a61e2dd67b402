"""Faults planted into good showers, each with words that the judge must find for it."""

from collections.abc import Callable

import numpy as np

from caloserve.calorimeter import CALOGAN
from caloserve_training.data import ShowerSample
from caloserve_training.fidelity.case import Case

Fault = Callable[[Case], ShowerSample]


def layer_scaled(layer: int, factor: float) -> Fault:
    """All cells of a layer times a factor."""

    def plant(case: Case) -> ShowerSample:
        cells = case.generated.cells.copy()
        cells[:, CALOGAN.layers[layer].span] *= np.float32(factor)
        return _with_cells(case, cells)

    return plant


def cell_dead(layer: int, phi: int, eta: int) -> Fault:
    """A cell that is never hit."""

    def plant(case: Case) -> ShowerSample:
        cells = case.generated.cells.copy()
        cells[:, CALOGAN.layers[layer].offset + phi * CALOGAN.layers[layer].n_eta + eta] = 0.0
        return _with_cells(case, cells)

    return plant


def quarter_repeated(case: Case) -> ShowerSample:
    """The second quarter of the showers is the first once more, energies and all."""
    quarter = len(case.generated) // 4
    energy, cells = case.generated.energy.copy(), case.generated.cells.copy()
    energy[quarter : 2 * quarter], cells[quarter : 2 * quarter] = energy[:quarter], cells[:quarter]
    return ShowerSample(energy, cells, "")


def training_replayed(case: Case) -> ShowerSample:
    """Showers of the training sample, scaled to the energies that were asked for."""
    assert case.training is not None
    rows = np.random.default_rng(7).permutation(len(case.training))[: len(case.generated)]
    factor = case.generated.energy / case.training.energy[rows]
    return _with_cells(case, (case.training.cells[rows] * factor[:, np.newaxis]).astype(np.float32))


FAULTS: tuple[tuple[str, str, Fault, str], ...] = (
    ("eplus", "layer 0 x 1.03", layer_scaled(0, 1.03), "Energy scale of layer 0"),
    ("eplus", "layer 1 x 0.97", layer_scaled(1, 0.97), "Energy scale of layer 1"),
    ("eplus", "layer 2 x 1.3", layer_scaled(2, 1.3), "Energy scale of layer 2"),
    ("gamma", "layer 0 x 0.97", layer_scaled(0, 0.97), "Energy scale of layer 0"),
    ("gamma", "layer 1 x 1.03", layer_scaled(1, 1.03), "Energy scale of layer 1"),
    ("gamma", "layer 2 x 0.7", layer_scaled(2, 0.7), "Energy scale of layer 2"),
    ("piplus", "layer 0 x 1.2", layer_scaled(0, 1.2), "Energy scale of layer 0"),
    ("piplus", "layer 1 x 0.8", layer_scaled(1, 0.8), "Energy scale of layer 1"),
    ("piplus", "layer 2 x 1.2", layer_scaled(2, 1.2), "Energy scale of layer 2"),
    ("eplus", "dead cell of layer 0", cell_dead(0, 1, 48), "dead cell (1, 48)"),
    ("gamma", "dead cell of layer 1", cell_dead(1, 6, 6), "dead cell (6, 6)"),
    ("piplus", "dead cell of layer 2", cell_dead(2, 6, 3), "dead cell (6, 3)"),
    ("gamma", "a quarter repeated", quarter_repeated, "500 repeat an earlier one"),
    ("piplus", "training showers replayed", training_replayed, "100.0 % copy a training shower"),
)


def _with_cells(case: Case, cells: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> ShowerSample:
    return ShowerSample(case.generated.energy, cells, "")
