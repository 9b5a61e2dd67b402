"""A running average of weights, steadier than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from caloserve_training.descent import compiled


class RunningAverage:
    """An exponential average of weights.

    Args:
        weights: What to average.
        memory: Share of the old average in each step. In the first steps it is less, as the beginning counts little.
    """

    def __init__(self, weights: Sequence[Any], memory: float) -> None:
        self.weights = list(weights)
        self.memory = memory
        # A copy: on TensorFlow a variable made of another's value would be the other one.
        self.values = [keras.Variable(np.array(weight.value), trainable=False) for weight in self.weights]
        self._mix = compiled(self._mixed, [])

    def take(self, number: int) -> None:
        """Take in the weights after step ``number``, counted from 1."""
        memory = min(self.memory, number / (number + 10.0))
        pairs = [(value.value, weight.value) for value, weight in zip(self.values, self.weights, strict=True)]
        for value, mixed in zip(self.values, self._mix(pairs, ops.convert_to_tensor(memory, "float32")), strict=True):
            value.assign(mixed)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average in the place of the weights for a while."""
        kept = [ops.copy(weight.value) for weight in self.weights]
        self.leave()
        yield
        for weight, value in zip(self.weights, kept, strict=True):
            weight.assign(value)

    def leave(self) -> None:
        """Put the average in the place of the weights for good."""
        for weight, value in zip(self.weights, self.values, strict=True):
            weight.assign(value)

    @staticmethod
    def _mixed(pairs: list[tuple[Any, Any]], memory: Any) -> list[Any]:  # noqa: ANN401
        return [memory * old + (1.0 - memory) * new for old, new in pairs]
