"""Losses of the expectation and of the adversarial game."""

from __future__ import annotations

import tensorflow as tf
from keras import ops

from caloserve_training.tensor import Tensor

SMALL_MEV = 1e-3


def gamma_deviance(cells: Tensor, log_expected: Tensor) -> Tensor:
    """Deviance of cells in MeV from their expectation under a gamma law: relative errors count, in faint cells too."""
    expected = ops.exp(log_expected) + SMALL_MEV
    ratio = (cells + SMALL_MEV) / expected
    return ops.mean(ratio + ops.log(expected))


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Non-saturating loss of a critic from its logits on Geant4's and the generator's showers."""
    return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))


def generator_loss(fake: Tensor) -> Tensor:
    """Non-saturating loss of the generator."""
    return ops.mean(ops.softplus(-fake))


def slope_penalty(critic: Tensor, real: Tensor) -> Tensor:
    """Mean squared slope of a critic on real showers: R1 of Mescheder et al., arXiv:1801.04406, section 4.1."""
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = critic(real)
    slope = tape.gradient(logits, real)
    return tf.reduce_mean(tf.reduce_sum(slope * slope, axis=1))
