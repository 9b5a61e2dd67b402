"""The paper's generator with everything folded that no activation divides; float64, and exact but for rounding.

Dense and Conv become one product per stream, for no activation stands between them: of 31.5 million multiplications
per shower 13.4 are left. Normalisation stands behind the LeakyReLU of the convolution, so it is folded into the locally
connected layer that follows. Attention needs only the difference of its two logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter import CALOGAN
from caloserve_training.calogan2017.attention import LayerAttention
from caloserve_training.calogan2017.generator import CaloGAN, Stream

Array = NDArray[np.float64]

WINDOW = tuple(product((0, 1), (0, 1)))
"""Places in a window of two rows and two columns, and how far each is down and right from the first."""


@dataclass(frozen=True)
class FoldedStream:
    """One layer's image from a hidden vector: a product, and after LeakyReLUs two locally connected layers.

    Attributes:
        weights: (latent size, rows + 2, columns + 2, 16), for an image of rows x columns cells.
        bias: (rows + 2, columns + 2, 16).
        inner: Kernel (rows + 1, columns + 1, 2, 2, 16, 6).
        inner_bias: (rows + 1, columns + 1, 6).
        outer: Kernel (rows, columns, 2, 2, 6, 1), without bias.
    """

    weights: Array
    bias: Array
    inner: Array
    inner_bias: Array
    outer: Array


@dataclass(frozen=True)
class FoldedAttention:
    """How much of its own image a layer keeps, and the previous layer's image in its cells.

    Attributes:
        weights: From own and previous cells in GeV to the logits of the own share, (2 x cells, cells).
        bias: (cells,).
        resize: From the previous layer's cells to this layer's, (previous cells, cells).
    """

    weights: Array
    bias: Array
    resize: Array


@dataclass(frozen=True)
class FoldedGenerator:
    """Streams of the three layers, and attentions of the last two."""

    latent_size: int
    streams: tuple[FoldedStream, ...]
    attentions: tuple[FoldedAttention, ...]


def fold(generator: CaloGAN) -> FoldedGenerator:
    """Fold a generator's weights."""
    layers = pairwise(layer.shape for layer in CALOGAN.layers)
    return FoldedGenerator(
        latent_size=generator.latent_size,
        streams=tuple(_fold_stream(stream) for stream in generator.streams),
        attentions=tuple(_fold_attention(*each) for each in zip(generator.attentions, layers, strict=True)),
    )


def _fold_stream(stream: Stream) -> FoldedStream:
    dense = _array(stream.dense.kernel).reshape(-1, stream.rows, stream.columns, stream.convolution.kernel.shape[2])
    dense_bias = _array(stream.dense.bias).reshape(1, *dense.shape[1:])
    convolution = _array(stream.convolution.kernel)
    factor, offset = _normalisation(stream.normalisation)
    inner = _kernel(stream.inner)
    return FoldedStream(
        weights=_convolved(dense, convolution),
        bias=_convolved(dense_bias, convolution)[0] + _array(stream.convolution.bias),
        inner=inner * factor[:, np.newaxis],
        inner_bias=_array(stream.inner.bias)[:, :, 0] + np.einsum("rcyxif,i->rcf", inner, offset),
        outer=_kernel(stream.outer),
    )


def _convolved(images: Array, kernel: Array) -> Array:
    """Images (n, rows, columns, channels) under a 2 x 2 kernel, padded by zeros at the bottom and on the right."""
    count, rows, columns, _ = images.shape
    padded = np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)))
    total = np.zeros((count, rows, columns, kernel.shape[-1]))
    for down, right in WINDOW:
        total += padded[:, down : down + rows, right : right + columns] @ kernel[down, right]
    return total


def _normalisation(layer: Any) -> tuple[Array, Array]:  # noqa: ANN401 (Keras has no types)
    """Factor and offset of each channel."""
    factor = _array(layer.gamma) / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
    return factor, _array(layer.beta) - factor * _array(layer.moving_mean)


def _kernel(layer: Any) -> Array:  # noqa: ANN401
    """(rows, columns, *window, channels, filters) of a locally connected layer."""
    rows, columns, _, filters = layer.kernel.shape
    return _array(layer.kernel).reshape(rows, columns, *layer.window, -1, filters)


def _fold_attention(attention: LayerAttention, shapes: tuple[tuple[int, int], tuple[int, int]]) -> FoldedAttention:
    kernel = _kernel(attention.shares)
    rows, columns, height, width, images, _ = kernel.shape
    logits = kernel[..., 0] - kernel[..., 1]  # softmax over two channels is the sigmoid of their difference
    weights = np.zeros((images, rows + height - 1, columns + width - 1, rows, columns))
    for row, column in np.ndindex(rows, columns):
        seen = np.moveaxis(logits[row, column], -1, 0)
        weights[:, row : row + height, column : column + width, row, column] = seen
    weights = weights[:, 1:-1, 1:-1]  # the frame of zeros around the images
    bias = _array(attention.shares.bias)[:, :, 0]
    return FoldedAttention(
        weights=weights.reshape(images * rows * columns, rows * columns),
        bias=(bias[..., 0] - bias[..., 1]).ravel(),
        resize=_resize(*shapes),
    )


def _resize(shape: tuple[int, int], target: tuple[int, int]) -> Array:
    """The image of one layer in the next one's cells: rows repeated, the mean of columns."""
    down, across = target[0] // shape[0], shape[1] // target[1]
    repeated = np.repeat(np.eye(shape[0]), down, axis=1)
    mean = np.repeat(np.eye(target[1]), across, axis=0) / across
    return np.asarray(np.kron(repeated, mean), dtype=np.float64)


def _array(variable: Any) -> Array:  # noqa: ANN401
    return np.asarray(variable.value, dtype=np.float64)
