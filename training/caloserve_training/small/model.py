"""The generator as released: latent normals and the particle's energy in, cells out."""

from __future__ import annotations

import itertools

import keras
import numpy as np
from keras import ops

from caloserve.calorimeter import CALOGAN
from caloserve_training.data import flip_indices
from caloserve_training.small.cells import SHAPE_NORMALS, CellModel
from caloserve_training.small.layer_energies import NORMALS, LayerEnergyModel
from caloserve_training.tensor import Tensor, look_up

FLIP_NORMALS = 2
_EDGES = tuple(itertools.accumulate((CALOGAN.cells, SHAPE_NORMALS, NORMALS, FLIP_NORMALS), initial=0))
LATENT_PARTS = tuple(slice(low, high) for low, high in itertools.pairwise(_EDGES))
LATENT_SIZE = _EDGES[-1]


class ShowerGenerator(keras.Model):  # type: ignore[misc]
    """Showers from standard normals, ``(batch, LATENT_SIZE)``, and energies in GeV, ``(batch, 1)``.

    The latent is one normal per cell, then the shower's shape, its layer energies and its mirror image.
    """

    latent_size = LATENT_SIZE

    def __init__(self, *, hadronic: bool, hidden: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.hadronic = hadronic
        self.layer_energies = LayerEnergyModel(hadronic=hadronic, name="layer_energies")
        self.cells = CellModel(hidden=hidden, name="cells")
        _, phi, eta, _ = flip_indices()
        self.phi_image = phi
        self.eta_image = eta

    def call(self, latent: Tensor, energy: Tensor) -> Tensor:
        """Cells in MeV, ``(batch, 504)``."""
        noise, shape, layers, flips = (latent[:, part] for part in LATENT_PARTS)
        layer_energies = self.layer_energies(energy, layers)
        # Cells first: a row of the transposed array is one copy, where a column of the array is one copy per shower.
        cells = ops.transpose(self.cells(energy, layer_energies, shape, noise))
        flips = ops.transpose(flips)
        cells = ops.where(flips[:1] < 0, look_up(cells, self.phi_image), cells)
        cells = ops.where(flips[1:] < 0, look_up(cells, self.eta_image), cells)
        return ops.transpose(cells)

    def parameter_count(self) -> int:
        """Trained parameters; the measured tables are left out."""
        weights = [*self.layer_energies.trained_weights, *self.cells.trainable_weights]
        return sum(int(np.prod(weight.shape)) for weight in weights)
