"""Minibatch discrimination."""

from __future__ import annotations

import keras
from keras import ops

from caloserve_training.tensor import Tensor

FEATURES = 10
SIZE = 10


class MinibatchDiscrimination(keras.layers.Layer):  # type: ignore[misc]
    """How near a shower's features are to those of the others in its batch: section III.C of the paper.

    Features (batch, n) are mapped to ten vectors of ten numbers; each makes one new feature, the sum over the batch of
    exp(-L1 distance), the shower itself included: (batch, 10). Salimans et al., arXiv:1606.03498, section 3.2.

    The reference implementation adds a bias to the map, 100 parameters, which every difference cancels. It is left out.
    """

    def build(self, shape: tuple[int, ...]) -> None:
        """Make the weights for so many features."""
        self.kernel = self.add_weight(shape=(shape[-1], FEATURES * SIZE), initializer="glorot_uniform", name="kernel")

    def call(self, features: Tensor) -> Tensor:
        """Nearness to the batch, (batch, 10)."""
        vectors = ops.reshape(ops.matmul(features, self.kernel), (-1, FEATURES, SIZE))
        distances = ops.sum(ops.abs(vectors[:, None] - vectors[None, :]), axis=-1)
        return ops.sum(ops.exp(-distances), axis=1)
