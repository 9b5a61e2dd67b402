"""The paper's numbers of parameters and shapes of layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from caloserve.calorimeter import CALOGAN
from caloserve_training.calogan2017.attention import LayerAttention
from caloserve_training.calogan2017.discriminator import Discriminator, make_discriminator
from caloserve_training.calogan2017.generator import CaloGAN, make_generator
from caloserve_training.calogan2017.locally_connected import LocallyConnected2D
from caloserve_training.calogan2017.minibatch import MinibatchDiscrimination

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


@pytest.fixture(scope="module")
def generator() -> CaloGAN:
    return make_generator()


@pytest.fixture(scope="module")
def discriminator() -> Discriminator:
    return make_discriminator()


@pytest.fixture(scope="module")
def soft_discriminator() -> Discriminator:
    return make_discriminator(soft=True)


def test_the_generator_has_the_papers_parameters(generator: CaloGAN) -> None:
    assert generator.count_params() == 29_726_376
    attentions = [0, *(attention.count_params() for attention in generator.attentions)]
    streams = [stream.count_params() for stream in generator.streams]
    assert [sum(pair) for pair in zip(streams, attentions, strict=True)] == [18_241_616, 7_309_622, 4_175_138]


def test_the_discriminator_has_the_papers_but_for_the_biases_that_cancel(discriminator: Discriminator) -> None:
    layers = [layer for layer in discriminator._flatten_layers() if isinstance(layer, MinibatchDiscrimination)]
    assert len(layers) == 7
    assert discriminator.count_params() + 7 * 10 * 10 == 2_744_524


def test_layers_have_the_papers_shapes(generator: CaloGAN, discriminator: Discriminator) -> None:
    for stream, layer in zip(generator.streams, CALOGAN.layers, strict=True):
        rows, columns = layer.shape
        assert stream.dense.units == (rows + 2) * (columns + 2) * 36
        assert stream.convolution.kernel.shape == (2, 2, 36, 16)
        assert stream.inner.kernel.shape == (rows + 1, columns + 1, 2 * 2 * 16, 6)
        assert stream.outer.kernel.shape == (rows, columns, 2 * 2 * 6, 1)
        assert stream.outer.bias is None
    wide = [eyes.filters[0].kernel.shape for eyes in discriminator.eyes]
    assert wide == [(3, 48, 3 * 3 * 64, 16), (12, 6, 3 * 3 * 64, 16), (12, 3, 3 * 3 * 64, 16)]
    last = [eyes.filters[2].kernel.shape for eyes in discriminator.eyes]
    assert last == [(5, 25, 2 * 2 * 8, 8), (14, 4, 2 * 2 * 8, 8), (14, 3, 2 * 2 * 8, 8)]


def test_the_discriminator_sees_1863_features(discriminator: Discriminator) -> None:
    cells, energy = np.ones((3, 504), np.float32), np.full((3, 1), 10.0, np.float32)
    assert discriminator.features(cells, energy).shape == (3, 1863)
    assert discriminator(cells, energy).shape == (3, 1)


def test_cells_are_never_negative_and_scale_with_the_energy(generator: CaloGAN) -> None:
    latent = np.random.default_rng(0).standard_normal((8, 1024), dtype=np.float32)
    cells = np.asarray(generator(latent, np.full((8, 1), 50.0, np.float32)))
    assert cells.shape == (8, 504)
    assert (cells >= 0).all()
    assert (cells > 0).any()
    # At no energy the hidden vector is zero: every latent makes the same shower.
    none = np.asarray(generator(latent, np.zeros((8, 1), np.float32)))
    np.testing.assert_array_equal(none, np.broadcast_to(none[:1], none.shape))


@pytest.mark.parametrize(("window", "stride"), [((2, 2), (1, 1)), ((3, 3), (1, 2)), ((2, 3), (2, 1))])
def test_a_locally_connected_layer_multiplies_each_window_by_its_own_kernel(
    window: tuple[int, int], stride: tuple[int, int]
) -> None:
    layer = LocallyConnected2D(4, window, stride=stride, bias_initializer="he_uniform")
    images = np.random.default_rng(0).standard_normal((6, 9, 5, 3)).astype(np.float32)
    made = np.asarray(layer(images))
    rows, columns = ((size - wide) // step + 1 for size, wide, step in zip((6, 9), window, stride, strict=True))
    assert made.shape == (rows, columns, 5, 4)
    kernel, bias = np.asarray(layer.kernel), np.asarray(layer.bias)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride[0], column * stride[1]
            seen = images[top : top + window[0], left : left + window[1]].transpose(2, 0, 1, 3).reshape(5, -1)
            expected = seen @ kernel[row, column] + bias[row, column]
            np.testing.assert_allclose(made[row, column], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "spread"), [("he_uniform", 2 / 16), ("glorot_normal", 2 / (16 + 28))])
def test_kernels_begin_with_the_spread_of_all_positions_together(name: str, spread: float) -> None:
    keras.utils.set_random_seed(1)
    layer = LocallyConnected2D(7, (2, 2), kernel_initializer=name)
    layer.build((20, 20, 1, 4))
    assert np.asarray(layer.kernel).var() == pytest.approx(spread / 19**2, rel=0.05)


def test_a_layer_is_its_own_until_it_has_learnt_otherwise() -> None:
    chooser = np.random.default_rng(0)
    own, previous = (chooser.standard_normal((5, 4, 3, 1)).astype(np.float32) for _ in range(2))
    attention = LayerAttention()
    attention(own, previous)
    attention.shares.kernel.assign(ops.zeros_like(attention.shares.kernel))
    np.testing.assert_allclose(np.asarray(attention(own, previous)), own, atol=1e-3)
    assert attention.shares.bias is not None
    attention.shares.bias.assign(ops.zeros_like(attention.shares.bias))
    np.testing.assert_allclose(np.asarray(attention(own, previous)), (own + previous) / 2, atol=1e-6)


def test_images_of_other_sizes_do_not_mix() -> None:
    with pytest.raises(ValueError, match="do not mix"):
        LayerAttention().build((5, 4, 1, 1), (4, 4, 1, 1))


def test_minibatch_discrimination_counts_likes_and_itself() -> None:
    layer = MinibatchDiscrimination()
    features = np.array([[0.0, 0.0], [0.0, 0.0], [1e3, 1e3]], dtype=np.float32)
    np.testing.assert_allclose(np.asarray(layer(features)), [[2.0] * 10, [2.0] * 10, [1.0] * 10], atol=1e-5)


def test_only_a_soft_discriminator_lets_gradients_through_the_threshold(
    discriminator: Discriminator, soft_discriminator: Discriminator
) -> None:
    cells = tf.constant(np.full((2, 504), 30.0, np.float32))
    energy = np.full((2, 1), 20.0, np.float32)

    def slope(model: Discriminator) -> float:
        with tf.GradientTape() as tape:
            tape.watch(cells)
            too_far = model.features(cells, energy)[:, -1]
        gradient = tape.gradient(too_far, cells)
        return 0.0 if gradient is None else float(np.abs(gradient).max())

    assert slope(discriminator) == 0.0
    assert slope(soft_discriminator) > 0.0
    for model in (discriminator, soft_discriminator):
        assert float(model.features(cells, energy)[0, -1]) == 0.0
        assert float(model.features(cells, energy + 80.0)[0, -1]) == 10.0
