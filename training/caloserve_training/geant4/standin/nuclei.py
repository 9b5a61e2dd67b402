"""Cross sections of neutrons and photons on nuclei: smooth formulas in place of evaluated data. Energies in MeV.

Neutrons up to 20 MeV, photons up to 130 MeV; above, Geant4 has formulas of its own, those for neutrons scaled to meet
the table's end.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import xraylib

from caloserve_training.geant4.standin.vectors import vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

_BARN_MM2 = 1e-22
_MB_MM2 = 1e-25
_FM2_BARN = 0.01
_THERMAL_MEV = 2.53e-8
_HYDROGEN_ELASTIC_BARN = 20.4
_THERMAL_CAPTURE_BARN = MappingProxyType(
    {1: 0.333, 2: 0.0, 6: 0.0035, 18: 0.675, 26: 2.56, 29: 3.78, 74: 18.3, 82: 0.171}
)
_USUAL_CAPTURE_BARN = 1.0
_HEAVY = 100.0
_DEUTERON_MEV = 2.2246
_PHOTONUCLEAR_THRESHOLD_MEV = 7.0
_NEUTRON_MEV = np.geomspace(1e-9, 20.0, 300)
_INELASTIC_MEV = np.geomspace(1e-3, 20.0, 300)
_GAMMA_MEV = np.arange(0.5, 130.25, 0.5)


def neutron_tables(z: int) -> dict[str, str]:
    """The files ``inel``, ``el`` and ``cap`` of an element, mm^2 per atom."""
    return {
        f"inel{z}": vector(_INELASTIC_MEV, _BARN_MM2 * inelastic_barn(z, _INELASTIC_MEV)),
        f"el{z}": vector(_NEUTRON_MEV, _BARN_MM2 * elastic_barn(z, _NEUTRON_MEV)),
        f"cap{z}": vector(_NEUTRON_MEV, _BARN_MM2 * capture_barn(z, _NEUTRON_MEV)),
    }


def photonuclear_table(z: int) -> str:
    """The file ``gamma/inel`` of an element, mm^2 per atom."""
    return vector(_GAMMA_MEV, _MB_MM2 * photonuclear_mb(z, _GAMMA_MEV))


def inelastic_barn(z: int, energy_mev: Values) -> Values:
    """From about 18.4 MeV / sqrt(A) on, where nuclei have levels, the pi (0.12 A^(1/3) + 0.21)^2 barn of 14 MeV."""
    if z == 1:
        return np.zeros_like(energy_mev)
    a = xraylib.AtomicWeight(z)
    plateau = np.pi * (0.12 * a ** (1 / 3) + 0.21) ** 2
    sigma: Values = plateau * -np.expm1(-((energy_mev * np.sqrt(a) / 18.4) ** 3))
    return sigma


def elastic_barn(z: int, energy_mev: Values) -> Values:
    """A sphere of R = 1.58 A^(1/3) fm, lead's 9.4: 4 pi R^2 while the wave is longer, falling to its shadow pi R^2."""
    if z == 1:
        return _HYDROGEN_ELASTIC_BARN / (1 + energy_mev / 0.25)
    radius = 1.58 * xraylib.AtomicWeight(z) ** (1 / 3)
    wave_number2 = 2 * 939.565 * energy_mev / 197.327**2
    sigma: Values = _FM2_BARN * np.pi * radius**2 * (1 + 3 / (1 + wave_number2 * radius**2 / 4))
    return sigma


def capture_barn(z: int, energy_mev: Values) -> Values:
    """The thermal cross section, where it is in the table above, falling as 1/v."""
    thermal = _THERMAL_CAPTURE_BARN.get(z, _USUAL_CAPTURE_BARN)
    return thermal * np.sqrt(_THERMAL_MEV / energy_mev)


def photonuclear_mb(z: int, energy_mev: Values) -> Values:
    """The giant dipole resonance, 1.2 times the Thomas-Reiche-Kuhn sum rule, and quasi-deuterons."""
    if z == 1:
        return np.zeros_like(energy_mev)
    a = xraylib.AtomicWeight(z)
    dipoles = (a - z) * z / a
    peak, width = 31.2 * a ** (-1 / 3) + 20.6 * a ** (-1 / 6), 4.2 if a > _HEAVY else 7.0
    strength = 2 / np.pi * 1.2 * 60 * dipoles / width
    resonance = strength / (1 + ((energy_mev**2 - peak**2) / (energy_mev * width)) ** 2)
    sigma: Values = resonance + 6.5 * dipoles * _deuteron_mb(energy_mev) * _pauli_blocking(energy_mev)
    return np.where(energy_mev > _PHOTONUCLEAR_THRESHOLD_MEV, sigma, 0.0)


def _deuteron_mb(energy_mev: Values) -> Values:
    """Break-up of a free deuteron."""
    sigma: Values = 61.2 * np.maximum(energy_mev - _DEUTERON_MEV, 0.0) ** 1.5 / energy_mev**3
    return sigma


def _pauli_blocking(energy_mev: Values) -> Values:
    """M. B. Chadwick et al., Phys. Rev. C 44 (1991) 814."""
    middle = np.polyval([9.3537e-9, -3.4762e-6, 4.1222e-4, -9.8343e-3, 8.3714e-2], energy_mev)
    return np.where(energy_mev < 20.0, np.exp(-73.3 / energy_mev), middle)  # noqa: PLR2004
