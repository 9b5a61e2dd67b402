"""The kinds of particle that showers are made for."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Particle:
    """A kind of particle, named as in the CaloGAN data files."""

    name: str
    pdg_id: int
    symbol: str


EPLUS = Particle("eplus", -11, "e⁺")
GAMMA = Particle("gamma", 22, "γ")  # noqa: RUF001 (the Greek letter is meant)
PIPLUS = Particle("piplus", 211, "π⁺")

PARTICLES = MappingProxyType({particle.name: particle for particle in (EPLUS, GAMMA, PIPLUS)})
"""By name."""

PARTICLES_BY_PDG_ID = MappingProxyType({particle.pdg_id: particle for particle in PARTICLES.values()})
