"""A Keras generator as it is, turned into an ONNX graph by tf2onnx."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf
import tf2onnx

from caloserve_training.export.graph import OPSET, finished
from caloserve_training.tensor import Tensor


class Generator(Protocol):
    """A Keras model that makes showers."""

    latent_size: int

    def __call__(self, latent: Tensor, energy: Tensor, /) -> Tensor:
        """Cells in MeV, (batch, 504), from standard normals, (batch, latent size), and energies in GeV, (batch, 1)."""


def export_onnx(generator: Generator) -> bytes:
    """The generator as a graph from ``latent`` and ``energy`` to ``cells``, the batch dimension named ``batch``."""

    def make_cells(latent: Tensor, energy: Tensor) -> dict[str, Tensor]:
        return {"cells": generator(latent, energy)}

    signature = [
        tf.TensorSpec((None, generator.latent_size), tf.float32, name="latent"),
        tf.TensorSpec((None, 1), tf.float32, name="energy"),
    ]
    model, _ = tf2onnx.convert.from_function(tf.function(make_cells), input_signature=signature, opset=OPSET)
    return finished(model)
