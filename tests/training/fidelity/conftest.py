"""Two samples of one law for each particle: its release, drawn from with two seeds at energies of 1 to 100 GeV."""

import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from caloserve.stack.stack import Stack, running_stack, wait_until_loaded
from caloserve_training.data import ShowerSample, read_showers
from caloserve_training.export.session import OnnxGenerator
from caloserve_training.fidelity.case import Case

ROOT = Path(__file__).parents[3]
SHOWERS = 2000


@cache
def draw(particle: str, seed: int, count: int = SHOWERS) -> ShowerSample:
    energy = np.random.default_rng(seed).uniform(1.0, 100.0, count).astype(np.float32)
    model = (ROOT / "services" / particle / "releases" / "0.2.0" / "model.onnx").read_bytes()
    return ShowerSample(energy, OnnxGenerator(model).draw(energy, seed), "")


@pytest.fixture(scope="session")
def make_case() -> Callable[[str], Case]:
    """Reference, generated and training showers of one law."""

    def make(particle: str) -> Case:
        return Case(draw(particle, 1), draw(particle, 2), particle, training=draw(particle, 3))

    return make


@pytest.fixture(scope="session")
def geant4_halves() -> Callable[[str], Case]:
    """Geant4 against Geant4: the reference sample's showers, one to each side by turns."""

    def halves(particle: str) -> Case:
        sample = read_showers(ROOT / "tests" / "data" / f"{particle}.hdf5")
        return Case(sample.select(slice(0, None, 2)), sample.select(slice(1, None, 2)), particle)

    return halves


@pytest.fixture(scope="session")
def released_stack() -> Iterator[Stack]:
    """The whole stack with the releases that the project ships."""
    with running_stack("127.0.0.1:0", "127.0.0.1:0", None) as stack:
        wait_until_loaded(stack, threading.Event())
        yield stack
