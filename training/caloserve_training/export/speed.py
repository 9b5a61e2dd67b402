"""How long exported graphs take for a shower, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from caloserve.generator.manifest import Speed
from caloserve_training.export.session import OnnxGenerator

BATCHES = (1, 10, 128, 1024)
"""Batch sizes of the paper's Table III."""
PAPER_MS = dict(zip(BATCHES, (13.1, 5.11, 2.19, 2.03), strict=True))
"""Milliseconds per shower on a CPU of 2017: the paper's Table III."""
ROUNDS = 7

_SHOWERS_AT_LEAST = 64
"""In one timing, so that the clock's step is small beside it."""

Name = TypeVar("Name")


def measure(
    generators: Mapping[Name, OnnxGenerator], report: Callable[[], object] = lambda: None
) -> dict[Name, tuple[Speed, ...]]:
    """Milliseconds per shower of each generator, one thread, in batches of each size.

    In every round each runs once at each size, so that all see the same machine; the shortest of the rounds counts,
    because whatever else runs there can only add to it.

    Args:
        generators: What to measure.
        report: Called after each round.
    """
    shortest = {(name, batch): np.inf for name in generators for batch in BATCHES}
    for _ in range(ROUNDS):
        for batch in BATCHES:
            for name, generator in generators.items():
                shortest[name, batch] = min(shortest[name, batch], _milliseconds(generator, batch))
        report()
    return {
        name: tuple(Speed(batch=batch, ms_per_shower=float(f"{shortest[name, batch]:.3g}")) for batch in BATCHES)
        for name in generators
    }


def _milliseconds(generator: OnnxGenerator, batch: int) -> float:
    """For each shower."""
    latent = np.random.default_rng(batch).standard_normal((batch, generator.latent_size), dtype=np.float32)
    energy = np.linspace(1.0, 100.0, batch, dtype=np.float32)
    times = -(-_SHOWERS_AT_LEAST // batch)
    generator(latent, energy)
    began = time.perf_counter()
    for _ in range(times):
        generator(latent, energy)
    return 1e3 * (time.perf_counter() - began) / (times * batch)
