"""Numbers in int8: how they are chosen, and that sums of them are exact."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from caloserve_training.export.folding import FoldedGenerator, FoldedStream
from caloserve_training.export.fused import fused_graph
from caloserve_training.export.int8 import LATENT_STEP, int8_graph, quantize
from caloserve_training.export.session import OnnxGenerator
from paper_generator import orders


def rounded(latent: NDArray[np.float32], step: float = LATENT_STEP) -> NDArray[np.float32]:
    return np.asarray(np.clip(np.rint(latent / np.float32(step)), -128, 127) * step, dtype=np.float32)


def stream_of(weights: NDArray[np.float64]) -> FoldedStream:
    """A stream of one cell, whose 3 x 3 x 16 activations have these weights."""
    chooser = np.random.default_rng(0)
    return FoldedStream(
        weights=np.resize(weights, (len(weights), 3, 3, 16)),
        bias=chooser.normal(size=(3, 3, 16)),
        inner=chooser.normal(size=(2, 2, 2, 2, 16, 6)),
        inner_bias=chooser.normal(size=(2, 2, 6)),
        outer=chooser.normal(size=(1, 1, 2, 2, 6, 1)),
    )


@given(st.integers(1, 40), st.integers(0, 2**32), st.sampled_from(["normal", "uniform", "equal", "one", "none"]))
def test_two_neighbouring_products_fit_into_16_bits(latent_size: int, seed: int, kind: str) -> None:
    chooser = np.random.default_rng(seed)
    weights = {
        "normal": chooser.normal(size=(latent_size, 144)),
        "uniform": chooser.uniform(-1e-3, 1e-3, (latent_size, 144)),
        "equal": np.full((latent_size, 144), -1e6),
        "one": np.eye(latent_size, 144),
        "none": np.zeros((latent_size, 144)),
    }[kind]
    _, integers = quantize(stream_of(weights))
    pairs = np.pad(integers.astype(int), ((0, latent_size % 2), (0, 0))).reshape(-1, 2, 144)
    assert 255 * np.maximum(pairs, 0).sum(axis=1).max() <= 32767
    assert 255 * np.minimum(pairs, 0).sum(axis=1).min() >= -32768


def test_each_channel_at_each_position_has_its_own_scale(folded: FoldedGenerator) -> None:
    stream = folded.streams[1]
    _, integers = quantize(stream)
    weights = stream.weights.reshape(15, -1)
    steps = np.abs(weights).max(axis=0) / np.abs(integers.astype(int)).max(axis=0)
    assert np.abs(integers * steps - weights).max(axis=0) == pytest.approx(0, abs=np.abs(weights).max() / 64)
    assert (np.abs(integers.astype(int)).max(axis=0) >= 64).all()


def test_the_graph_is_exact_for_what_was_rounded(folded: FoldedGenerator) -> None:
    """The fused graph of the rounded weights, in float32, of rounded latents."""
    streams = []
    for stream in folded.streams:
        quantized, integers = quantize(stream)
        scales = stream.bias / quantized.bias * 100 / LATENT_STEP
        streams.append(replace(stream, weights=integers.reshape(stream.weights.shape) * scales))
    expected = OnnxGenerator(fused_graph(replace(folded, streams=tuple(streams))))
    latent, energy = orders(15)
    cells = OnnxGenerator(int8_graph(folded))(3 * latent, energy)
    wanted = expected(rounded(3 * latent), energy)
    assert np.abs(cells - wanted).max() < 2e-6 * wanted.max()


def test_no_other_step_rounds_normals_better() -> None:
    normal = NormalDist()
    values = np.array([normal.inv_cdf((number + 0.5) / 400_000) for number in range(400_000)])

    def error(step: float) -> float:
        return float(np.mean((np.clip(np.rint(values / step), -128, 127) * step - values) ** 2))

    assert error(LATENT_STEP) == pytest.approx(8.77e-5, rel=0.01)
    assert error(LATENT_STEP) < min(error(0.96 * LATENT_STEP), error(1.04 * LATENT_STEP))
