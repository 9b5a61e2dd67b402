"""The adversarial game: the generator's cells against two critics, on the layer energies of real showers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from caloserve.calorimeter import CALOGAN
from caloserve_training.averages import RunningAverage
from caloserve_training.data import ShowerSample, batch_rows, mirrored
from caloserve_training.small.cells import SHAPE_NORMALS
from caloserve_training.small.critic import Features, make_critics
from caloserve_training.small.losses import critic_loss, generator_loss, slope_penalty
from caloserve_training.tensor import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caloserve_training.small.cells import CellModel
    from caloserve_training.small.settings import SmallSettings

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
        self._usual = keras.Variable(1.0, trainable=False)

    @property
    def memory(self) -> list[keras.Variable]:
        """What the optimizer remembers."""
        return [*self._optimizer.variables, self._usual]

    def move(self, tape: Tensor, loss: Tensor) -> None:
        """One step down the loss."""
        gradients = tape.gradient(loss, [weight.value for weight in self.weights])
        longest = LARGEST_GRADIENT * self._usual.value
        gradients, length = tf.clip_by_global_norm(gradients, longest)
        self._usual.assign(USUAL_MEMORY * self._usual.value + (1.0 - USUAL_MEMORY) * tf.minimum(length, longest))
        self._optimizer.apply(gradients, self.weights)


class AdversarialGame:
    """Two critics, their optimizers and a running average of the generator.

    Real and generated showers of a batch share their energies and layer energies, so that the critics are left with
    nothing but the shape to tell them apart by.
    """

    def __init__(self, model: CellModel, sample: ShowerSample, settings: SmallSettings) -> None:
        self.model = model
        self.sample = sample
        self.settings = settings
        self._layer_energies = sample.layer_energies()
        self.features = Features()
        conditions = model.conditions(sample.energy[:, np.newaxis], sample.layer_energies())
        log_expected = model.log_expected(conditions, sample.layer_energies())
        self.features.adapt(sample.cells, conditions, log_expected)
        probe = sample.cells[:2]
        shapes, cells = self.features(tf.constant(probe), tf.ones_like(probe), conditions[:2], log_expected[:2])
        keras.utils.set_random_seed(settings.seed)  # the critics do not depend on what was drawn before
        self.critics = make_critics((shapes.shape[1], cells.shape[1]))
        self.generator = Player(model.adversarial_weights, settings.generator_rate, settings.steps)
        critic_weights = [weight for critic in self.critics for weight in critic.trainable_weights]
        self.judges = Player(critic_weights, settings.critic_rate, settings.steps)
        self.average = RunningAverage(self.generator.weights, settings.averaging)
        self._critic_step = tf.function(self.critic_step)
        self._generator_step = tf.function(self.generator_step)

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """The critics', the optimizers' and the running average."""
        return [*self.judges.weights, *self.judges.memory, *self.generator.memory, *self.average.values]

    def step(self, number: int) -> dict[str, float]:
        """One step of the critics and one of the generator; their losses."""
        sample, settings = self.sample, self.settings
        chooser = np.random.default_rng([settings.seed, number])
        rows = batch_rows(number, len(sample), settings.batch_size, settings.seed)
        cells = mirrored(sample.cells[rows], chooser)
        given = sample.energy[rows, np.newaxis], self._layer_energies[rows]
        penalise = (number - 1) % settings.penalty_interval == 0
        on_critic = self._critic_step(cells, *given, _normals(chooser, len(rows)), penalise)
        on_generator = self._generator_step(*given, _normals(chooser, len(rows)))
        self.average.take(number)
        return {"critic": float(on_critic), "generator": float(on_generator)}

    def finish(self) -> None:
        """Leave the running average in the generator."""
        self.average.leave()

    def fake(
        self, conditions: Tensor, log_expected: Tensor, layer_energies: Tensor, normals: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Generated cells in MeV and straight-through hits, hard forward and smooth backward; both ``(batch, 504)``."""
        scores = self.model.scores(conditions, normals[:, :SHAPE_NORMALS], normals[:, SHAPE_NORMALS:])
        log_deposits, margins = self.model.deposits(scores, log_expected)
        cells = self.model.balance(log_deposits, margins, layer_energies)
        alive = tf.matmul(tf.cast(layer_energies > 0, tf.float32), self.model.to_cells)
        soft = tf.sigmoid(HIT_STEEPNESS * margins) * alive
        hard = tf.cast(cells > 0, tf.float32)
        return cells, soft + tf.stop_gradient(hard - soft)

    def critic_step(
        self,
        cells: Tensor,
        energy: Tensor,
        layer_energies: Tensor,
        normals: Tensor,
        penalise: bool,  # noqa: FBT001
    ) -> Tensor:
        """One step of both critics; now and then with the penalty on their slope, weighted up for the steps without."""
        conditions = self.model.conditions(energy, layer_energies)
        log_expected = self.model.log_expected(conditions, layer_energies)
        real = self.features(cells, tf.cast(cells > 0, tf.float32), conditions, log_expected)
        fake = self.features(*self.fake(conditions, log_expected, layer_energies, normals), conditions, log_expected)
        weight = self.settings.gradient_penalty * self.settings.penalty_interval
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

    def generator_step(self, energy: Tensor, layer_energies: Tensor, normals: Tensor) -> Tensor:
        """One step of the generator."""
        conditions = self.model.conditions(energy, layer_energies)
        log_expected = self.model.log_expected(conditions, layer_energies)
        with tf.GradientTape() as tape:
            features = self.features(
                *self.fake(conditions, log_expected, layer_energies, normals), conditions, log_expected
            )
            loss = sum(generator_loss(critic(part)) for critic, part in zip(self.critics, features, strict=True))
        self.generator.move(tape, loss)
        return loss


def _normals(chooser: np.random.Generator, count: int) -> NDArray[np.float32]:
    """What showers are made of beside their energies: normals of the shape, then one for each cell."""
    return chooser.standard_normal((count, SHAPE_NORMALS + CALOGAN.cells), dtype=np.float32)
