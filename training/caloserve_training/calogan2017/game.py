"""The paper's game: the discriminator on Geant4's showers, then on generated ones, then the generator twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from caloserve_training.averages import RunningAverage
from caloserve_training.calogan2017.discriminator import deposited_gev, make_discriminator
from caloserve_training.calogan2017.generator import MEV_PER_GEV, make_generator
from caloserve_training.calogan2017.losses import VERDICTS, energy_distance
from caloserve_training.calogan2017.settings import CaloGANSettings, EnergyTarget
from caloserve_training.data import ShowerSample, batch_rows, mirrored
from caloserve_training.descent import compiled, descent
from caloserve_training.errors import DataError
from caloserve_training.tensor import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_MOMENT = 0.5
LOW_GEV, HIGH_GEV = 1.0, 100.0


class CaloGANGame:
    """Generator and discriminator in training.

    Every step's random numbers follow from the seed and its number, so a training that was interrupted goes on as if
    it had not been.

    Raises:
        DataError: there are fewer showers than a batch needs.
    """

    def __init__(self, sample: ShowerSample, settings: CaloGANSettings) -> None:
        if len(sample) < settings.batch_size:
            raise DataError(f"{len(sample)} showers are fewer than a batch of {settings.batch_size}")
        keras.utils.set_random_seed(settings.seed)
        self.sample = sample
        self.settings = settings
        self.generator = make_generator(settings.latent_size)
        self.discriminator = make_discriminator(soft=settings.soft)
        self.optimizers = [
            keras.optimizers.Adam(rate, beta_1=FIRST_MOMENT, epsilon=1e-8)
            for rate in (settings.generator_rate, settings.discriminator_rate)
        ]
        self.average = RunningAverage(self.generator.weights, settings.averaging)
        self.verdicts = VERDICTS[settings.loss]
        self._compile()

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the sample."""
        return len(self.sample) // self.settings.batch_size

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.settings.epochs * self.steps_per_epoch

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """There is one."""
        return (("adversarial game", self.steps),)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a step changes."""
        models = (self.generator, self.discriminator)
        return [
            *(weight for model in models for weight in model.weights),
            *(variable for optimizer in self.optimizers for variable in optimizer.variables),
            *self.average.values,
        ]

    def step(self, number: int) -> dict[str, float]:
        """Step ``number`` of the training, counted from 1; its losses."""
        chooser = np.random.default_rng([self.settings.seed, number])
        cells, energy = self._batch(number, chooser)
        on_real = self._see_real(cells, energy)
        latent, incident, _ = self._order(chooser)
        on_made = self._see_made(self._make(latent, incident), incident)
        for _ in range(self.settings.generator_steps):
            of_generator = self._deceive(*self._order(chooser))
        self.average.take(number)
        return {"real": float(on_real), "made": float(on_made), "generator": float(of_generator)}

    def finish(self) -> None:
        """Leave the running average in the generator."""
        self.average.leave()

    def state(self) -> list[NDArray[np.float32]]:
        """All that steps have changed."""
        return [np.asarray(variable.value) for variable in self.variables]

    def restore(self, number: int, state: Sequence[NDArray[np.float32]]) -> None:  # noqa: ARG002 (no stages)
        """Go on after step ``number``, with the state as it was then."""
        for variable, value in zip(self.variables, state, strict=True):
            variable.assign(value)

    def generate(self, energy: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        """Cells in MeV, (n, 504), of the generator's running average, at energies in GeV, (n,)."""
        chooser = np.random.default_rng(seed)
        size = self.settings.batch_size
        made = []
        with self.average.in_place():
            for start in range(0, len(energy), size):
                incident = np.resize(energy[start : start + size], (size, 1)).astype(np.float32)
                latent = chooser.standard_normal((size, self.settings.latent_size), dtype=np.float32)
                made.append(np.asarray(self._make(latent, incident)))
        return np.concatenate(made)[: len(energy)]

    def _batch(self, number: int, chooser: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Geant4's showers of a step: cells in MeV and energies in GeV."""
        rows = batch_rows(number, len(self.sample), self.settings.batch_size, self.settings.seed)
        cells = self.sample.cells[rows]
        return mirrored(cells, chooser) if self.settings.flips else cells, self.sample.energy[rows, np.newaxis]

    def _order(self, chooser: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        """What to generate: latents, energies, and what showers of these deposit if that is the target, in GeV."""
        size = self.settings.batch_size
        latent = chooser.standard_normal((size, self.settings.latent_size), dtype=np.float32)
        if self.settings.energy_target is EnergyTarget.INCIDENT:
            incident = chooser.uniform(LOW_GEV, HIGH_GEV, (size, 1)).astype(np.float32)
            return latent, incident, incident
        rows = chooser.integers(len(self.sample), size=size)
        deposited = self.sample.cells[rows].sum(axis=1, keepdims=True) / np.float32(MEV_PER_GEV)
        return latent, self.sample.energy[rows, np.newaxis], deposited

    def _generator_loss(self, latent: Tensor, incident: Tensor, deposited: Tensor) -> Tensor:
        cells = self.generator(latent, incident, training=True)
        distance = energy_distance(deposited_gev(cells), incident, deposited, self.settings.energy_target)
        logits = self.discriminator(cells, incident, training=True)
        return self.verdicts.of_generator(logits) + self.settings.energy_weight * distance

    def _compile(self) -> None:
        generator, discriminator = self.generator, self.discriminator
        trained = (generator.trainable_weights, discriminator.trainable_weights)
        statistics = (generator.non_trainable_weights, discriminator.non_trainable_weights)
        self._make = compiled(lambda latent, energy: generator(latent, energy, training=False), generator.weights)
        self._see_real = descent(
            lambda cells, energy: self.verdicts.on_real(discriminator(cells, energy, training=True)),
            trained[1],
            statistics[1],
            self.optimizers[1],
        )
        self._see_made = descent(
            lambda cells, energy: self.verdicts.on_made(discriminator(cells, energy, training=True)),
            trained[1],
            statistics[1],
            self.optimizers[1],
        )
        self._deceive = descent(
            self._generator_loss, trained[0], [*statistics[0], *discriminator.weights], self.optimizers[0]
        )
