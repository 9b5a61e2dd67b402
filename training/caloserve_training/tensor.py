"""Keras tensors."""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

Tensor: TypeAlias = Any
"""An array of whatever backend Keras runs on, which no type checker can name."""


VECTOR = 16
"""Floats in the widest vector register."""


def logarithm(values: Tensor) -> Tensor:
    """Natural logarithm of positive values, ``(batch, n)`` with n up to 16, whose bits do not depend on the batch.

    ONNX Runtime takes logarithms in whole vectors and the remainder one by one, and the two differ in the last bit.
    Rows filled up to whole vectors leave no remainder at any batch size.
    """
    width = values.shape[-1]
    filled = np.eye(width, dtype=np.float32)[:, np.arange(VECTOR) % width]
    return ops.log(ops.matmul(values, filled))[:, :width]


def look_up(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table at non-negative integers of any shape.

    ``ops.take`` also accounts for negative numbers on TensorFlow, in seven operations over all cells that an exported
    graph would keep.
    """
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415

        return tf.gather(table, index)
    return ops.take(table, index, axis=0)
