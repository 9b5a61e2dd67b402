"""The particles shot at the detector. Each follows from (seed, particle, index) alone, whatever else is simulated."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from caloserve.calorimeter import PARTICLES
from caloserve_training.errors import BeamError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = 4  # of Philox4x64, one block of its counter for each shower
_UNIT = 2.0**-53
_OFF_WALL_MM = 1e-3  # photons flying exactly along the wall between two cells are tracked wrongly
_MASK30, _MASK31 = (1 << 30) - 1, (1 << 31) - 1
_RIGHT_ANGLE = 90.0

MOST_SHOWERS = (1 << 32) - 1
"""Showers that one seed can tell apart."""


@dataclass(frozen=True)
class Primary:
    """One particle on its way to the detector.

    Attributes:
        energy_gev: Kinetic energy, exact in float32.
        impact_mm: Where it meets the front face, (phi, eta) from the axis.
        direction: Unit vector (phi, eta, z).
        seeds: Four 32-bit seeds of the random engine, none of them 0, no two showers alike.
    """

    energy_gev: float
    impact_mm: tuple[float, float]
    direction: tuple[float, float, float]
    seeds: tuple[int, int, int, int]


@dataclass(frozen=True)
class Beam:
    """Particles of one kind.

    Attributes:
        particle: ``eplus``, ``gamma`` or ``piplus``.
        energies_gev: Bounds of kinetic energies spread evenly, or, with ``fixed``, the energies taken in turn.
        seed: 0 to 2**64 - 1; another seed, other showers.
        fixed: Whether the energies are fixed.
        impact_mm: Where the particles meet the front face, (phi, eta) from the axis.
        polar_deg: Their angle to the axis.
        azimuth_deg: Its direction, from phi towards eta.
    """

    particle: str
    energies_gev: tuple[float, ...]
    seed: int
    fixed: bool = False
    impact_mm: tuple[float, float] = (0.0, 0.0)
    polar_deg: float = 0.0
    azimuth_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.particle not in PARTICLES:
            raise BeamError(f"particle {self.particle!r} is none of {', '.join(PARTICLES)}")
        if not self.energies_gev or not all(0 < energy < math.inf for energy in self.energies_gev):
            raise BeamError("energies must be above 0 GeV and finite")
        if not self.fixed and (len(self.energies_gev) != 2 or self.energies_gev[0] > self.energies_gev[1]):  # noqa: PLR2004
            raise BeamError("a range of energies needs two bounds, the lower first")
        if not 0 <= self.seed < 1 << 64:
            raise BeamError("the seed must be 0 to 2**64 - 1")
        if not all(math.isfinite(value) for value in (*self.impact_mm, self.polar_deg, self.azimuth_deg)):
            raise BeamError("impact and angles must be finite")
        if not 0 <= self.polar_deg < _RIGHT_ANGLE:
            raise BeamError("the angle to the axis must be 0 to below 90 degrees")

    @property
    def pdg_id(self) -> int:
        """Monte Carlo number of the particles."""
        return PARTICLES[self.particle].pdg_id

    def primaries(self, start: int, stop: int) -> Iterator[Primary]:
        """The particles of showers ``start`` to ``stop - 1``."""
        key = np.array([self.seed, self.pdg_id % (1 << 64)], dtype=np.uint64)
        counter = np.array([start, 0, 0, 0], dtype=np.uint64)
        words = np.random.Philox(key=key, counter=counter).random_raw(_WORDS * (stop - start)).reshape(-1, _WORDS)
        for index, (energy_word, sign_word, _, _) in enumerate(words.tolist(), start):
            yield Primary(
                energy_gev=self._energy_gev(index, energy_word),
                impact_mm=tuple(  # type: ignore[arg-type]
                    value + (_OFF_WALL_MM if sign_word >> bit & 1 else -_OFF_WALL_MM)
                    for bit, value in enumerate(self.impact_mm)
                ),
                direction=self.direction,
                seeds=self._seeds(index),
            )

    @property
    def direction(self) -> tuple[float, float, float]:
        """Unit vector (phi, eta, z) that all fly along."""
        polar, azimuth = math.radians(self.polar_deg), math.radians(self.azimuth_deg)
        return math.sin(polar) * math.cos(azimuth), math.sin(polar) * math.sin(azimuth), math.cos(polar)

    def _energy_gev(self, index: int, word: int) -> float:
        if self.fixed:
            return float(np.float32(self.energies_gev[index % len(self.energies_gev)]))
        low, high = self.energies_gev
        return float(np.float32(low + (high - low) * (word >> 11) * _UNIT))

    def start_mm(self, distance_mm: float) -> tuple[float, float]:
        """Where (phi, eta from the axis) particles start that many mm, along the axis, before the front face."""
        flight_mm = distance_mm / self.direction[2]
        return self.impact_mm[0] - flight_mm * self.direction[0], self.impact_mm[1] - flight_mm * self.direction[1]

    def _seeds(self, index: int) -> tuple[int, int, int, int]:
        """MIXMAX's streams never meet when one bit of its four seeds differs; so all bits of ours go into them."""
        kind = (self.pdg_id & _MASK30) << 2 | self.seed >> 62
        return index + 1, 1 + (self.seed & _MASK31), 1 + (self.seed >> 31 & _MASK31), kind

    def as_dict(self) -> dict[str, Any]:
        """Everything in it, ready for JSON."""
        return asdict(self)


def beam_from_dict(values: dict[str, Any]) -> Beam:
    """The beam that ``as_dict`` described."""
    return Beam(**{**values, "energies_gev": tuple(values["energies_gev"]), "impact_mm": tuple(values["impact_mm"])})
