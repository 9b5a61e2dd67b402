"""The kinds of generator that can be trained, exported and released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from caloserve_training.calogan2017.settings import CaloGANSettings
from caloserve_training.data import ShowerSample
from caloserve_training.errors import ConfigError
from caloserve_training.small.settings import SmallSettings

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

HADRONS = frozenset({"piplus"})


class Training(Protocol):
    """A generator in training."""

    generator: keras.Model

    @property
    def stages(self) -> Sequence[tuple[str, int]]:
        """Names of its stages and their steps, in order."""

    def step(self, number: int) -> dict[str, float]:
        """Take step ``number`` of all stages together, counted from 1; its losses."""

    def finish(self) -> None:
        """Leave in the generator what is to be published."""

    def state(self) -> Sequence[NDArray[np.float32]]:
        """All that steps have changed."""

    def restore(self, number: int, state: Sequence[NDArray[np.float32]]) -> None:
        """Go on after step ``number``, with the state as it was then."""

    def generate(self, energy: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        """Cells in MeV, (n, 504), of the generator as it would be published now, at energies in GeV, (n,)."""


@dataclass(frozen=True)
class Family:
    """One kind of generator.

    Attributes:
        settings: What its training can be told.
        begin: A training of a sample with these settings, of that particle.
        untrained: A generator with its weights in place, of these settings and that particle.
    """

    settings: type[Any]
    begin: Callable[[ShowerSample, Any, str], Training]
    untrained: Callable[[Any, str], Any]


def family_named(name: str) -> Family:
    """The family of that name; raise ConfigError for another."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise ConfigError(f"family is {name!r}, known are {', '.join(FAMILIES)}") from None


def load_generator(family: str, settings: Any, particle: str, weights: Path) -> Any:  # noqa: ANN401 (of any family)
    """A trained generator: a Keras model from latents and energies in GeV, (batch, 1), to cells in MeV."""
    generator = family_named(family).untrained(settings, particle)
    generator.load_weights(weights)
    return generator


# Keras and TensorFlow take seconds to import: only when they are needed.
def _begin_small(sample: ShowerSample, settings: SmallSettings, particle: str) -> Training:
    from caloserve_training.small.training import SmallTraining  # noqa: PLC0415

    return SmallTraining(sample, settings, hadronic=particle in HADRONS)


def _untrained_small(settings: SmallSettings, particle: str) -> Any:  # noqa: ANN401
    from caloserve_training.small.training import make_generator  # noqa: PLC0415

    return make_generator(hadronic=particle in HADRONS, hidden=settings.hidden)


def _begin_calogan(sample: ShowerSample, settings: CaloGANSettings, particle: str) -> Training:  # noqa: ARG001
    from caloserve_training.calogan2017.game import CaloGANGame  # noqa: PLC0415

    return CaloGANGame(sample, settings)


def _untrained_calogan(settings: CaloGANSettings, particle: str) -> Any:  # noqa: ANN401, ARG001
    from caloserve_training.calogan2017.generator import make_generator  # noqa: PLC0415

    return make_generator(settings.latent_size)


FAMILIES = {
    "small": Family(SmallSettings, _begin_small, _untrained_small),
    "calogan2017": Family(CaloGANSettings, _begin_calogan, _untrained_calogan),
}
