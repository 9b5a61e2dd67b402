"""Training in three stages: layer energies, the expected cells with their spectrum, then the adversarial game."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from caloserve_training.data import ShowerSample, batches
from caloserve_training.errors import DivergedError
from caloserve_training.game import AdversarialGame
from caloserve_training.layer_energies import make_targets
from caloserve_training.losses import gamma_deviance
from caloserve_training.model import LATENT_SIZE, ShowerGenerator
from caloserve_training.spectrum import measure_spectrum
from caloserve_training.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from caloserve_training.cells import CellModel
    from caloserve_training.layer_energies import LayerEnergyModel
    from caloserve_training.schedule import Schedule

    Report = Callable[[str, int, dict[str, float]], None]

STAGES = ("layer energies", "expected cells", "adversarial game")
LIKELIHOOD_BATCH = 256
GRADIENT_NORM = 5.0
LAYER_ENERGY_RATE = 2e-3
EXPECTATION_RATE = 3e-3


def make_generator(*, hadronic: bool, hidden: int) -> ShowerGenerator:
    """An untrained generator with its weights in place."""
    generator = ShowerGenerator(hadronic=hadronic, hidden=hidden)
    generator(np.zeros((1, LATENT_SIZE), np.float32), np.full((1, 1), 10.0, np.float32))
    return generator


def train(sample: ShowerSample, *, hadronic: bool, schedule: Schedule, report: Report) -> ShowerGenerator:
    """A generator trained on the sample; ``report`` gets the stage, its step and the losses.

    Raises:
        DivergedError: a loss stopped being a finite number.
    """
    keras.utils.set_random_seed(schedule.seed)
    generator = make_generator(hadronic=hadronic, hidden=schedule.hidden)
    stages = (
        _layer_energy_steps(generator.layer_energies, sample, schedule),
        _expectation_steps(generator.cells, sample, schedule),
        _adversarial_steps(generator.cells, sample, schedule),
    )
    for stage, steps in zip(STAGES, stages, strict=True):
        for number, losses in enumerate(steps, start=1):
            if not np.isfinite(list(losses.values())).all():
                raise DivergedError(f"{stage}, step {number}: the losses are {losses}")
            report(stage, number, losses)
    return generator


def _layer_energy_steps(
    model: LayerEnergyModel, sample: ShowerSample, schedule: Schedule
) -> Iterator[dict[str, float]]:
    targets = make_targets(sample.energy, sample.layer_energies(), hadronic=model.hadronic)
    model.set_knots(targets.knots)
    step = _likelihood_step(model.loss_of, model.trained_weights, LAYER_ENERGY_RATE, schedule.layer_energy_steps)
    rows = batches((targets.energy, targets.switches, targets.scores), LIKELIHOOD_BATCH, schedule.seed)
    for _ in range(schedule.layer_energy_steps):
        yield {"loss": float(step(*next(rows)))}


def _expectation_steps(model: CellModel, sample: ShowerSample, schedule: Schedule) -> Iterator[dict[str, float]]:
    energy, layer_energies = sample.energy[:, np.newaxis], sample.layer_energies()
    model.conditions.adapt(energy, layer_energies)
    mirrored = np.mean([sample.cells[:, flip] for flip in model.flips], axis=0).astype(np.float32)

    def loss_of(incident: Tensor, deposits: Tensor, cells: Tensor) -> Tensor:
        return gamma_deviance(cells, model.log_expected(model.conditions(incident, deposits), deposits))

    step = _likelihood_step(loss_of, model.mean.trainable_weights, EXPECTATION_RATE, schedule.expectation_steps)
    rows = batches((energy, layer_energies, mirrored), LIKELIHOOD_BATCH, schedule.seed)
    for _ in range(schedule.expectation_steps):
        yield {"loss": float(step(*next(rows)))}
    model.symmetrise_mean()
    log_expected = model.log_expected(model.conditions(energy, layer_energies), layer_energies)
    model.set_spectrum(measure_spectrum(sample.cells, np.asarray(log_expected)))


def _adversarial_steps(model: CellModel, sample: ShowerSample, schedule: Schedule) -> Iterator[dict[str, float]]:
    yield from AdversarialGame(model, sample, schedule).steps()


def _likelihood_step(
    loss_of: Callable[..., Tensor], weights: list[Tensor], rate: float, steps: int
) -> Callable[..., Tensor]:
    """One compiled step that lowers a loss, with a rate that falls to nothing along a cosine."""
    decay = keras.optimizers.schedules.CosineDecay(rate, max(steps, 1))
    optimizer = keras.optimizers.AdamW(decay, clipnorm=GRADIENT_NORM)
    optimizer.build(weights)

    def step(*rows: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(loss_of(*rows))
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss

    return tf.function(step)  # type: ignore[no-any-return]
