"""What one layer of the calorimeter takes over from the layer before it."""

from __future__ import annotations

import keras
from keras import ops

from caloserve_training.calogan2017.locally_connected import LocallyConnected2D
from caloserve_training.calogan2017.positions import padded
from caloserve_training.tensor import Tensor

OWN_FIRST = (0.0, -10.0)
"""Where the weights of own and previous image begin: a layer is its own until it has learnt otherwise."""


class LayerAttention(keras.layers.Layer):  # type: ignore[misc]
    """A mixture of a layer's image and the previous layer's, cell by cell: section III.B of the paper.

    Both are (rows, columns, batch, 1). A locally connected layer on both together, 3 x 3 cells wide, says how much of
    each every cell has; the two shares add up to one.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self.shares = LocallyConnected2D(2, (3, 3), bias_initializer=_own_first, name="shares")

    def build(self, own_shape: tuple[int, ...], previous_shape: tuple[int, ...]) -> None:
        """Make the weights for images of these shapes, which must be equal."""
        if own_shape[:2] != previous_shape[:2]:
            raise ValueError(f"images of {own_shape[:2]} and {previous_shape[:2]} cells do not mix")
        rows, columns, batch, _ = own_shape
        self.shares.build((rows + 2, columns + 2, batch, 2))

    def call(self, own: Tensor, previous: Tensor) -> Tensor:
        """The mixture, (rows, columns, batch, 1)."""
        both = ops.concatenate([own, previous], axis=-1)
        shares = ops.softmax(self.shares(padded(both)), axis=-1)
        return ops.sum(shares * both, axis=-1, keepdims=True)


def _own_first(shape: tuple[int, ...], dtype: str) -> Tensor:
    return ops.broadcast_to(ops.convert_to_tensor(OWN_FIRST, dtype=dtype), shape)
