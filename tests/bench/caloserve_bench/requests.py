"""What the clients ask: prepared and serialized beforehand, so that asking costs them little."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from caloserve.calorimeter.particles import PARTICLES
from caloserve.v1 import event_pb2, generator_pb2

SEED: Final = 7
SMALL_SIZES: Final = tuple(int(size) for size in np.random.default_rng(SEED).permutation(np.arange(1, 11).repeat(8)))
"""Showers in each of 80 requests of 1 to 10: the same for every server."""

_ENERGIES_GEV: Final = np.random.default_rng(SEED).uniform(1, 100, 10_000).astype(np.float32)


def energies(count: int, event_id: int) -> list[float]:
    """Kinetic energies from 1 to 100 GeV, others for each event."""
    return [float(energy) for energy in np.take(_ENERGIES_GEV, np.arange(count) + 37 * event_id, mode="wrap")]


def showers(count: int, event_id: int, release: str = "") -> generator_pb2.GenerateShowersRequest:
    """So many e+ showers, of the default release unless told."""
    return generator_pb2.GenerateShowersRequest(
        particle="eplus", energies_gev=energies(count, event_id), seed=SEED, event_id=event_id, release=release
    )


def shower_stream(count: int, event_id: int) -> generator_pb2.GenerateShowersStreamRequest:
    """The same, to come in chunks."""
    return generator_pb2.GenerateShowersStreamRequest(request=showers(count, event_id))


def mixed_event(count: int, event_id: int, output: event_pb2.EventOutput) -> event_pb2.GenerateEventRequest:
    """An event of so many particles, of all kinds in turn."""
    kinds = [particle.pdg_id for particle in PARTICLES.values()]
    particles = [
        event_pb2.Particle(pdg_id=kinds[row % len(kinds)], kinetic_energy_gev=energy)
        for row, energy in enumerate(energies(count, event_id))
    ]
    return event_pb2.GenerateEventRequest(event_id=event_id, seed=SEED, particles=particles, output=output)


def chunk_sizes(count: int, most: int) -> Iterator[int]:
    """How many showers each message of a stream brings."""
    while count > 0:
        yield min(count, most)
        count -= most


def turns(clients: int, count: int) -> list[int]:
    """Where among ``count`` requests each client begins, so that no two are in step."""
    return [client * 7 % count for client in range(clients)]
