"""The discriminator: what it sees of a shower, and what it thinks of it."""

from __future__ import annotations

import keras
from keras import ops

from caloserve.calorimeter import CALOGAN
from caloserve_training.calogan2017.generator import MEV_PER_GEV, MOST_ENERGY_GEV, SLOPE
from caloserve_training.calogan2017.locally_connected import LocallyConnected2D
from caloserve_training.calogan2017.minibatch import MinibatchDiscrimination
from caloserve_training.calogan2017.positions import flattened, padded, positions_first
from caloserve_training.tensor import Tensor

TOO_FAR_GEV = 5.0
SOFTNESS_GEV = 1e-3
"""Deposits of this size are halfway to a hit, to the gradient of a soft occupancy."""


class LayerEyes(keras.Model):  # type: ignore[misc]
    """Features of one layer's image: figure 6 of the paper.

    Args:
        soft: Let a gradient through the occupancy.
        name: Of the model.
    """

    def __init__(self, *, soft: bool, name: str | None = None) -> None:
        super().__init__(name=name)
        self.soft = soft
        self.convolution = keras.layers.Conv2D(64, (2, 2), padding="same", name="convolution")
        self.filters = [
            LocallyConnected2D(16, (3, 3), stride=(1, 2), name="wide"),
            LocallyConnected2D(8, (2, 2), name="narrow"),
            LocallyConnected2D(8, (2, 2), stride=(1, 2), name="last"),
        ]
        self.normalisations = [
            keras.layers.BatchNormalization(name=f"normalisation_{layer.name}") for layer in self.filters
        ]
        self.variety = MinibatchDiscrimination(name="variety")
        self.occupancy_variety = MinibatchDiscrimination(name="occupancy_variety")

    def call(self, images: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001, FBT002
        """Features, (batch, n), of cells in GeV, (batch, rows, columns)."""
        seen = positions_first(ops.leaky_relu(self.convolution(images[..., None]), SLOPE))
        for layer, normalisation in zip(self.filters, self.normalisations, strict=True):
            seen = normalisation(ops.leaky_relu(layer(padded(seen)), SLOPE), training=training)
        features = flattened(seen)
        occupancy = self._occupancy(images)
        return ops.concatenate(
            [features, ops.tanh(self.variety(features)), occupancy, ops.tanh(self.occupancy_variety(occupancy))],
            axis=-1,
        )

    def _occupancy(self, images: Tensor) -> Tensor:
        """Share of cells with a deposit, (batch, 1); the paper calls it sparsity."""
        hits = ops.cast(images > 0, "float32")
        if self.soft:
            hits = hard_forward(hits, images / (images + SOFTNESS_GEV))
        return ops.mean(hits, axis=(1, 2))[:, None]


class Discriminator(keras.Model):  # type: ignore[misc]
    """A logit, (batch, 1), of whether showers are Geant4's: section III.C of the paper.

    It sees 1863 features of cells in MeV, (batch, 504), and energies in GeV, (batch, 1). The reference's sigmoid is
    part of the loss here, and its second output is ``deposited_gev``. It has 2 743 824 parameters, 700 fewer than the
    reference: see ``MinibatchDiscrimination``.

    Args:
        soft: Let gradients through occupancies and the threshold on the energy balance, which are casts in the
            reference: no gradient of theirs reaches the generator.
        name: Of the model.
    """

    def __init__(self, *, soft: bool = False, name: str | None = None) -> None:
        super().__init__(name=name)
        self.soft = soft
        self.eyes = [LayerEyes(soft=soft, name=f"eyes_{layer.index}") for layer in CALOGAN.layers]
        self.energy_variety = MinibatchDiscrimination(name="energy_variety")
        self.verdict = keras.layers.Dense(1, name="verdict")

    def call(self, cells: Tensor, energy: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001, FBT002
        """Logits."""
        return self.verdict(self.features(cells, energy, training=training))

    def features(self, cells: Tensor, energy: Tensor, *, training: bool = False) -> Tensor:
        """Everything the verdict rests on, (batch, 1863)."""
        gev = cells / MEV_PER_GEV
        images = [ops.reshape(gev[:, layer.span], (-1, *layer.shape)) for layer in CALOGAN.layers]
        seen = [eyes(image, training=training) for eyes, image in zip(self.eyes, images, strict=True)]
        layer_energies = ops.concatenate([ops.sum(image, axis=(1, 2))[:, None] for image in images], axis=-1)
        total = ops.sum(layer_energies, axis=-1, keepdims=True)
        imbalance = ops.abs(total - energy)
        too_far = ops.cast(imbalance > TOO_FAR_GEV, "float32")
        if self.soft:
            too_far = hard_forward(too_far, ops.sigmoid(imbalance - TOO_FAR_GEV))
        return ops.concatenate(
            [
                *seen,
                layer_energies / 10.0,
                ops.tanh(self.energy_variety(layer_energies)),
                total / MOST_ENERGY_GEV,
                imbalance,
                10.0 * too_far,
            ],
            axis=-1,
        )


def deposited_gev(cells: Tensor) -> Tensor:
    """E_tot in GeV, (batch, 1), of cells in MeV."""
    return ops.sum(cells, axis=-1, keepdims=True) / MEV_PER_GEV


def hard_forward(hard: Tensor, soft: Tensor) -> Tensor:
    """A step with the gradient of a slope."""
    return soft + ops.stop_gradient(hard - soft)


def make_discriminator(*, soft: bool = False) -> Discriminator:
    """An untrained discriminator with its weights in place."""
    discriminator = Discriminator(soft=soft)
    discriminator(ops.zeros((2, CALOGAN.cells)), ops.ones((2, 1)))
    return discriminator
