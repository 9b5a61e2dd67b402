"""The generator: three streams of images, one for each layer of the calorimeter."""

from __future__ import annotations

import keras
from keras import ops

from caloserve.calorimeter import CALOGAN
from caloserve_training.calogan2017.attention import LayerAttention
from caloserve_training.calogan2017.locally_connected import LocallyConnected2D
from caloserve_training.calogan2017.positions import flattened, positions_first
from caloserve_training.tensor import Tensor

LATENT_SIZE = 1024
MOST_ENERGY_GEV = 100.0
MEV_PER_GEV = 1000.0
DENSE_CHANNELS = 36
SLOPE = 0.3
"""Of every leaky rectifier below zero: the default of the Keras of 2017."""


class Stream(keras.Model):  # type: ignore[misc]
    """One layer's image, (rows, columns, batch, 1), linear in its last operation: figure 5 of the paper."""

    def __init__(self, rows: int, columns: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.rows = rows + 2
        self.columns = columns + 2
        self.dense = keras.layers.Dense(self.rows * self.columns * DENSE_CHANNELS, name="dense")
        self.convolution = keras.layers.Conv2D(
            16, (2, 2), padding="same", kernel_initializer="he_uniform", name="convolution"
        )
        self.normalisation = keras.layers.BatchNormalization(name="normalisation")
        self.inner = LocallyConnected2D(6, (2, 2), kernel_initializer="he_uniform", name="inner")
        self.outer = LocallyConnected2D(
            1, (2, 2), kernel_initializer="glorot_normal", bias_initializer=None, name="outer"
        )

    def call(self, hidden: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001, FBT002
        """The image of a hidden vector, (batch, latent size)."""
        images = ops.reshape(self.dense(hidden), (-1, self.rows, self.columns, DENSE_CHANNELS))
        images = ops.leaky_relu(positions_first(self.convolution(images)), SLOPE)
        images = self.normalisation(images, training=training)
        return self.outer(ops.leaky_relu(self.inner(images), SLOPE))


class CaloGAN(keras.Model):  # type: ignore[misc]
    """Cells in MeV, (batch, 504), from standard normals, (batch, latent size), and energies in GeV, (batch, 1).

    Section III of the paper; 29 726 376 parameters at its latent size. Like the paper's it thinks in GeV.
    """

    def __init__(self, latent_size: int = LATENT_SIZE, name: str | None = None) -> None:
        super().__init__(name=name)
        self.latent_size = latent_size
        self.streams = [Stream(*layer.shape, name=f"stream_{layer.index}") for layer in CALOGAN.layers]
        self.attentions = [LayerAttention(name=f"attention_{layer.index}") for layer in CALOGAN.layers[1:]]

    def call(self, latent: Tensor, energy: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001, FBT002
        """Cells in MeV."""
        hidden = latent * (energy / MOST_ENERGY_GEV)
        front, middle, back = (stream(hidden, training=training) for stream in self.streams)
        middle = self.attentions[0](middle, _front_as_middle(front))
        back = self.attentions[1](back, _middle_as_back(middle))
        cells = ops.concatenate([flattened(image) for image in (front, middle, back)], axis=-1)
        return ops.relu(cells) * MEV_PER_GEV

    def parameter_count(self) -> int:
        """Numbers in it, counted like the paper's: with the statistics of the normalisations."""
        return int(self.count_params())


def _front_as_middle(image: Tensor) -> Tensor:
    """An image of layer 0 in the cells of layer 1: each row four times, the mean of eight columns."""
    rows, columns, _, _ = image.shape
    means = ops.mean(ops.reshape(image, (rows, columns // 8, 8, -1, 1)), axis=2)
    return ops.repeat(means, 4, axis=0)


def _middle_as_back(image: Tensor) -> Tensor:
    """An image of layer 1 in the cells of layer 2: the mean of two columns."""
    rows, columns, _, _ = image.shape
    return ops.mean(ops.reshape(image, (rows, columns // 2, 2, -1, 1)), axis=2)


def make_generator(latent_size: int = LATENT_SIZE) -> CaloGAN:
    """An untrained generator with its weights in place."""
    generator = CaloGAN(latent_size)
    generator(ops.zeros((1, latent_size)), ops.ones((1, 1)))
    return generator
