"""Training in three stages: layer energies, the expected cells with their spectrum, then the adversarial game."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import keras
import numpy as np
import tensorflow as tf

from caloserve_training.data import ShowerSample, batch_rows
from caloserve_training.small.game import AdversarialGame
from caloserve_training.small.layer_energies import make_targets
from caloserve_training.small.losses import gamma_deviance
from caloserve_training.small.model import LATENT_SIZE, ShowerGenerator
from caloserve_training.small.settings import SmallSettings
from caloserve_training.small.spectrum import measure_spectrum
from caloserve_training.tensor import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = tuple[NDArray[np.float32], ...]

STAGES = ("layer energies", "expected cells", "adversarial game")
LIKELIHOOD_BATCH = 256
GRADIENT_NORM = 5.0
LAYER_ENERGY_RATE = 2e-3
EXPECTATION_RATE = 3e-3


class Stage(Protocol):
    """One part of the training."""

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """What its steps change beside the generator's weights."""

    def step(self, number: int) -> dict[str, float]:
        """Take step ``number``, counted from 1; its losses."""

    def finish(self) -> None:
        """Leave in the generator what was learnt."""


def make_generator(*, hadronic: bool, hidden: int) -> ShowerGenerator:
    """An untrained generator with its weights in place."""
    generator = ShowerGenerator(hadronic=hadronic, hidden=hidden)
    generator(np.zeros((1, LATENT_SIZE), np.float32), np.full((1, 1), 10.0, np.float32))
    return generator


class SmallTraining:
    """The small generator in training: a ``Training`` of the trainer.

    Its stages build on each other: each begins with what the one before has left in the generator.
    """

    def __init__(self, sample: ShowerSample, settings: SmallSettings, *, hadronic: bool) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.sample = sample
        self.settings = settings
        self.generator = make_generator(hadronic=hadronic, hidden=settings.hidden)
        self.stages = tuple(
            zip(STAGES, (settings.layer_energy_steps, settings.expectation_steps, settings.steps), strict=True)
        )
        self._begun = -1
        self._stage: Stage | None = None

    def step(self, number: int) -> dict[str, float]:
        """Take step ``number`` of all stages together, counted from 1; its losses."""
        index, place = self._locate(number)
        if index != self._begun:
            if self._stage is not None:
                self._stage.finish()
            self._begin(index)
        assert self._stage is not None  # noqa: S101
        return self._stage.step(place)

    def finish(self) -> None:
        """Leave the running average in the generator."""
        if self._stage is not None:
            self._stage.finish()

    def state(self) -> list[NDArray[np.float32]]:
        """All that steps have changed."""
        variables = [*self.generator.weights, *(self._stage.variables if self._stage else ())]
        return [np.asarray(variable.value) for variable in variables]

    def restore(self, number: int, state: Sequence[NDArray[np.float32]]) -> None:
        """Go on after step ``number``, with the state as it was then."""
        own = self.generator.weights
        for variable, value in zip(own, state[: len(own)], strict=True):
            variable.assign(value)
        self._begin(self._locate(number)[0])
        assert self._stage is not None  # noqa: S101
        # Beginning a stage may set weights of the generator; what they had become since is put back with the rest.
        for variable, value in zip([*own, *self._stage.variables], state, strict=True):
            variable.assign(value)

    def generate(self, energy: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        """Cells in MeV, (n, 504), at energies in GeV, (n,)."""
        latent = np.random.default_rng(seed).standard_normal((len(energy), LATENT_SIZE), dtype=np.float32)
        return np.asarray(self.generator(latent, energy[:, np.newaxis]))

    def _locate(self, number: int) -> tuple[int, int]:
        """Stage of a step, and the step's number in it."""
        index = 0
        while number > self.stages[index][1]:
            number -= self.stages[index][1]
            index += 1
        return index, number

    def _begin(self, index: int) -> None:
        makers: tuple[Callable[[], Stage], ...] = (
            lambda: _layer_energies(self.generator, self.sample, self.settings),
            lambda: _expected_cells(self.generator, self.sample, self.settings),
            lambda: AdversarialGame(self.generator.cells, self.sample, self.settings),
        )
        self._begun, self._stage = index, makers[index]()


class Likelihood:
    """A stage that lowers a loss of rows of arrays, with a rate that falls to nothing along a cosine."""

    def __init__(
        self,
        loss_of: Callable[..., Tensor],
        weights: list[Tensor],
        arrays: Arrays,
        *,
        rate: float,
        steps: int,
        seed: int,
        finish: Callable[[], None],
    ) -> None:
        decay = keras.optimizers.schedules.CosineDecay(rate, max(steps, 1))
        self._optimizer = keras.optimizers.AdamW(decay, clipnorm=GRADIENT_NORM)
        self._optimizer.build(weights)
        self._arrays = arrays
        self._seed = seed
        self.finish = finish

        def descend(*rows: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(loss_of(*rows))
            self._optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
            return loss

        self._descend = tf.function(descend)

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """The optimizer's."""
        return list(self._optimizer.variables)

    def step(self, number: int) -> dict[str, float]:
        """Take one step."""
        rows = batch_rows(number, len(self._arrays[0]), LIKELIHOOD_BATCH, self._seed)
        return {"loss": float(self._descend(*(array[rows] for array in self._arrays)))}


def _layer_energies(generator: ShowerGenerator, sample: ShowerSample, settings: SmallSettings) -> Stage:
    model = generator.layer_energies
    targets = make_targets(sample.energy, sample.layer_energies(), hadronic=model.hadronic)
    model.set_knots(targets.knots)
    return Likelihood(
        model.loss_of,
        model.trained_weights,
        (targets.energy, targets.switches, targets.scores),
        rate=LAYER_ENERGY_RATE,
        steps=settings.layer_energy_steps,
        seed=settings.seed,
        finish=lambda: None,
    )


def _expected_cells(generator: ShowerGenerator, sample: ShowerSample, settings: SmallSettings) -> Stage:
    model = generator.cells
    energy, layer_energies = sample.energy[:, np.newaxis], sample.layer_energies()
    model.conditions.adapt(energy, layer_energies)
    mirrored = np.mean([sample.cells[:, flip] for flip in model.flips], axis=0).astype(np.float32)

    def loss_of(incident: Tensor, deposits: Tensor, cells: Tensor) -> Tensor:
        return gamma_deviance(cells, model.log_expected(model.conditions(incident, deposits), deposits))

    def finish() -> None:
        model.symmetrise_mean()
        log_expected = model.log_expected(model.conditions(energy, layer_energies), layer_energies)
        model.set_spectrum(measure_spectrum(sample.cells, np.asarray(log_expected)))

    return Likelihood(
        loss_of,
        model.mean.trainable_weights,
        (energy, layer_energies, mirrored),
        rate=EXPECTATION_RATE,
        steps=settings.expectation_steps,
        seed=settings.seed,
        finish=finish,
    )
