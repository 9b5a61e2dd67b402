"""The fused graph with its product of the latent in int8, a quarter of the size.

Only that product is quantized: it holds 97 % of the weights. The latent is rounded with one constant step, and the
energy multiplies the result, so that a shower depends on nothing but its own latent and energy. Sums are of integers,
hence the same on every machine.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from caloserve_training.calogan2017.generator import MOST_ENERGY_GEV
from caloserve_training.export.folding import WINDOW, Array, FoldedGenerator, FoldedStream
from caloserve_training.export.fused import finish
from caloserve_training.export.graph import Graph

LATENT_STEP = 0.0308
"""Rounds a normal number to one of 256 levels with the least mean square error, 8.8e-5; beyond 3.9 it is clipped."""

MOST_WEIGHT = 127
MOST_PAIR = 128
"""Of two neighbouring weights of one sign. Processors without VNNI add two products of a latent, up to 255, and a
weight in 16 bits, and would cut the sum off at 32 767."""

_MIDDLE = np.array(128, dtype=np.uint8)


def int8_graph(generator: FoldedGenerator) -> bytes:
    """Weights in int8 with a scale for each channel at each position, latents in uint8, all else in float32."""
    graph = Graph()
    # ONNX Runtime's fast kernels are for unsigned times signed: signed latents take nine times as long.
    latent = graph("QuantizeLinear", "latent", LATENT_STEP, _MIDDLE)
    streams, products = [], []
    for stream in generator.streams:
        quantized, weights = quantize(stream)
        product = graph("Cast", graph("MatMulInteger", latent, weights, _MIDDLE), to=TensorProto.FLOAT)
        # The energy itself, not a multiple: ONNX Runtime takes a product here for two constant scales, and is wrong.
        products.append(graph("Add", graph("Mul", product, "energy"), quantized.bias.ravel()))
        streams.append(quantized)
    return finish(graph, replace(generator, streams=tuple(streams)), products)


def quantize(stream: FoldedStream) -> tuple[FoldedStream, NDArray[np.int8]]:
    """A stream whose latents, weights and energies are integers, integers and GeV, and these weights.

    The scales of its activations are moved behind the LeakyReLU, into the locally connected layer.
    """
    weights = stream.weights.reshape(len(stream.weights), -1)
    steps = np.maximum(np.abs(weights).max(axis=0) / MOST_WEIGHT, _pairs(weights).max(axis=0) / (MOST_PAIR - 1))
    steps[steps == 0] = 1
    integers = np.rint(weights / steps).astype(np.int8)
    scales = (steps * LATENT_STEP / MOST_ENERGY_GEV).reshape(stream.bias.shape)
    return replace(stream, bias=stream.bias / scales, inner=_seen_scaled(stream.inner, scales)), integers


def _pairs(weights: Array) -> Array:
    """Larger sum of one sign of each two neighbouring weights, (latent size / 2, columns)."""
    pairs = np.pad(weights, ((0, len(weights) % 2), (0, 0))).reshape(-1, 2, weights.shape[1])
    sums: Array = np.maximum(np.maximum(pairs, 0).sum(axis=1), np.maximum(-pairs, 0).sum(axis=1))
    return sums


def _seen_scaled(kernel: Array, scales: Array) -> Array:
    """A 2 x 2 kernel whose input is to be multiplied by ``scales``, (rows + 1, columns + 1, channels)."""
    rows, columns = kernel.shape[:2]
    scaled = kernel.copy()
    for down, right in WINDOW:
        scaled[:, :, down, right] *= scales[down : down + rows, right : right + columns, :, np.newaxis]
    return scaled
