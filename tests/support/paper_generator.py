"""The paper's generator with weights as after a training, and what to ask of it."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from caloserve_training.calogan2017.generator import CaloGAN, make_generator


def trained_looking(latent_size: int) -> CaloGAN:
    """A generator none of whose weights is as it began: folding them wrongly changes its showers."""
    keras.utils.set_random_seed(1)
    generator = make_generator(latent_size)
    chooser = np.random.default_rng(0)
    for stream in generator.streams:
        normalisation = stream.normalisation
        _draw(chooser, normalisation.gamma, 0.5, 2.0)
        _draw(chooser, normalisation.moving_variance, 0.3, 3.0)
        for weight in (normalisation.beta, normalisation.moving_mean):
            _draw(chooser, weight, -0.4, 0.4)
        for weight in (stream.dense.bias, stream.convolution.bias, stream.inner.bias):
            _draw(chooser, weight, -0.1, 0.1)
    for attention in generator.attentions:
        _draw(chooser, attention.shares.bias, -1.5, 1.5)
    return generator


def orders(latent_size: int, count: int = 200) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Latents and energies in GeV."""
    latent = np.random.default_rng(2).standard_normal((count, latent_size), dtype=np.float32)
    return latent, np.geomspace(1, 100, count, dtype=np.float32)


def made_by_keras(generator: Any, latent: NDArray[np.float32], energy: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(generator(latent, energy[:, np.newaxis]))


def _draw(chooser: np.random.Generator, weight: Any, low: float, high: float) -> None:
    weight.assign(chooser.uniform(low, high, weight.shape))
