"""The adversarial game: the generator's cells against two critics, on the layer energies of real showers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from caloserve.calorimeter import CALOGAN
from caloserve_training.cells import SHAPE_NORMALS
from caloserve_training.critic import Features, make_critics
from caloserve_training.data import ShowerSample, batches, flip_indices
from caloserve_training.losses import critic_loss, generator_loss, slope_penalty
from caloserve_training.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from caloserve_training.cells import CellModel
    from caloserve_training.schedule import Schedule

HIT_STEEPNESS = 3.0
LAST_RATE = 0.05
USUAL_MEMORY = 0.99
LARGEST_GRADIENT = 3.0


class Player:
    """Weights and the optimizer that moves them.

    One huge gradient, from a shower with next to nothing in a layer, would fill Adam's memory of squares and hold the
    weights still for a thousand steps: a gradient is cut to a few times its usual length.
    """

    def __init__(self, weights: list[Tensor], rate: float, steps: int) -> None:
        self.weights = weights
        decay = keras.optimizers.schedules.CosineDecay(rate, steps, alpha=LAST_RATE)
        self._optimizer = keras.optimizers.Adam(decay, beta_1=0.0, beta_2=0.99)
        self._optimizer.build(weights)
        self._usual = tf.Variable(1.0)

    def move(self, tape: Tensor, loss: Tensor) -> None:
        """One step down the loss."""
        gradients = tape.gradient(loss, [weight.value for weight in self.weights])
        longest = LARGEST_GRADIENT * self._usual
        gradients, length = tf.clip_by_global_norm(gradients, longest)
        self._usual.assign(USUAL_MEMORY * self._usual + (1.0 - USUAL_MEMORY) * tf.minimum(length, longest))
        self._optimizer.apply(gradients, self.weights)


class AdversarialGame:
    """Two critics, their optimizers and a running average of the generator.

    Real and generated showers of a batch share their energies and layer energies, so that the critics are left with
    nothing but the shape to tell them apart by.
    """

    def __init__(self, model: CellModel, sample: ShowerSample, schedule: Schedule) -> None:
        self.model = model
        self.sample = sample
        self.schedule = schedule
        self.features = Features()
        conditions = model.conditions(sample.energy[:, np.newaxis], sample.layer_energies())
        log_expected = model.log_expected(conditions, sample.layer_energies())
        self.features.adapt(sample.cells, conditions, log_expected)
        probe = sample.cells[:2]
        shapes, cells = self.features(tf.constant(probe), tf.ones_like(probe), conditions[:2], log_expected[:2])
        self.critics = make_critics((shapes.shape[1], cells.shape[1]))
        steps = schedule.adversarial_steps
        self.generator = Player(model.adversarial_weights, schedule.generator_rate, steps)
        critic_weights = [weight for critic in self.critics for weight in critic.trainable_weights]
        self.judges = Player(critic_weights, schedule.critic_rate, steps)
        self.averages = [tf.Variable(weight.value) for weight in self.generator.weights]
        self._critic_step = tf.function(self.critic_step)
        self._generator_step = tf.function(self.generator_step)

    def steps(self) -> Iterator[dict[str, float]]:
        """Play the game, the losses of each step in turn, then leave the running average in the generator."""
        schedule = self.schedule
        flips = flip_indices()
        chooser = np.random.default_rng(schedule.seed)
        sample = self.sample
        rows = batches(
            (sample.cells, sample.energy[:, np.newaxis], sample.layer_energies()), schedule.batch_size, schedule.seed
        )
        for number in range(schedule.adversarial_steps):
            cells, energy, layer_energies = next(rows)
            mirrored = np.take_along_axis(cells, flips[chooser.integers(len(flips), size=len(cells))], axis=1)
            penalise = number % schedule.penalty_interval == 0
            on_critic = self._critic_step(mirrored, energy, layer_energies, penalise)
            on_generator = self._generator_step(energy, layer_energies)
            yield {"critic": float(on_critic), "generator": float(on_generator)}
        for average, weight in zip(self.averages, self.generator.weights, strict=True):
            weight.assign(average)

    def fake(self, conditions: Tensor, log_expected: Tensor, layer_energies: Tensor) -> tuple[Tensor, Tensor]:
        """Generated cells in MeV and straight-through hits, hard forward and smooth backward; both ``(batch, 504)``."""
        size = tf.shape(conditions)[0]
        scores = self.model.scores(
            conditions, tf.random.normal((size, SHAPE_NORMALS)), tf.random.normal((size, CALOGAN.cells))
        )
        log_deposits, margins = self.model.deposits(scores, log_expected)
        cells = self.model.balance(log_deposits, margins, layer_energies)
        alive = tf.matmul(tf.cast(layer_energies > 0, tf.float32), self.model.to_cells)
        soft = tf.sigmoid(HIT_STEEPNESS * margins) * alive
        hard = tf.cast(cells > 0, tf.float32)
        return cells, soft + tf.stop_gradient(hard - soft)

    def critic_step(self, cells: Tensor, energy: Tensor, layer_energies: Tensor, penalise: bool) -> Tensor:  # noqa: FBT001
        """One step of both critics; now and then with the penalty on their slope, weighted up for the steps without."""
        conditions = self.model.conditions(energy, layer_energies)
        log_expected = self.model.log_expected(conditions, layer_energies)
        real = self.features(cells, tf.cast(cells > 0, tf.float32), conditions, log_expected)
        fake = self.features(*self.fake(conditions, log_expected, layer_energies), conditions, log_expected)
        weight = self.schedule.gradient_penalty * self.schedule.penalty_interval
        with tf.GradientTape() as tape:
            loss = sum(
                critic_loss(critic(real_part), critic(fake_part))
                for critic, real_part, fake_part in zip(self.critics, real, fake, strict=True)
            )
            if penalise:
                loss += weight * sum(
                    slope_penalty(critic, real_part) for critic, real_part in zip(self.critics, real, strict=True)
                )
        self.judges.move(tape, loss)
        return loss

    def generator_step(self, energy: Tensor, layer_energies: Tensor) -> Tensor:
        """One step of the generator and of its running average."""
        conditions = self.model.conditions(energy, layer_energies)
        log_expected = self.model.log_expected(conditions, layer_energies)
        with tf.GradientTape() as tape:
            features = self.features(*self.fake(conditions, log_expected, layer_energies), conditions, log_expected)
            loss = sum(generator_loss(critic(part)) for critic, part in zip(self.critics, features, strict=True))
        self.generator.move(tape, loss)
        for average, weight in zip(self.averages, self.generator.weights, strict=True):
            average.assign(self.schedule.averaging * average + (1.0 - self.schedule.averaging) * weight.value)
        return loss
