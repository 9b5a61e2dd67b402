"""Photo-electric and Rayleigh cross sections from xraylib, in place of EPICS2017's.

xraylib knows the photo-electric effect up to 0.8 or 1 MeV. Above, it falls much as that of K electrons does: F. Sauter,
Ann. Phys. 403 (1931) 454. All shells are one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xraylib

from caloserve_training.geant4.standin.vectors import vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

_BARN_MM2 = 1e-22
_ELECTRON_MEV = 0.51099895
_FORMULA_MEV = 2.0  # Geant4 takes the table below and the six numbers above
_FITTED_MEV = np.geomspace(0.79, 100.0, 200)
_TERMS = 6


def photoelectric_tables(z: int) -> dict[str, str]:
    """The files ``pe-cs`` (E^3 sigma, MeV^3 barn), ``pe-high`` and ``pe-low`` (numbers of a sum over powers of 1/E)."""
    energies = np.geomspace(1e-3, 100.0, 700)
    shell = " ".join(f"{number:.8g}" for number in [1e-3, *_fit(z)])
    formula = f"1 1 {_FORMULA_MEV}\n{shell}\n"
    table = vector(energies, photoelectric_barn(z, energies) * energies**3)
    return {f"pe-cs-{z}.dat": table, f"pe-high-{z}.dat": formula, f"pe-low-{z}.dat": formula}


def rayleigh_table(z: int) -> str:
    """The file ``re-cs``: E^2 sigma, MeV^2 mm^2; beyond its end Geant4 goes on with 1/E^2."""
    energies = np.geomspace(1e-3, 0.8, 600)
    sigma = np.array([xraylib.CSb_Rayl(z, 1e3 * energy) for energy in energies])
    return vector(energies, sigma * energies**2 * _BARN_MM2)


def photoelectric_barn(z: int, energies_mev: Values) -> Values:
    """All shells' cross section: xraylib's as far as it goes, then Sauter's times c + d/E, fitted to xraylib's end."""
    known_mev = _known_mev(z)
    overlap = np.geomspace(0.85 * known_mev, known_mev, 20)
    slope, constant = np.polyfit(1 / overlap, _xraylib_barn(z, overlap) / _sauter(z, overlap), 1)
    sigma = np.empty_like(energies_mev)
    known = energies_mev < known_mev
    sigma[known] = _xraylib_barn(z, energies_mev[known])
    sigma[~known] = _sauter(z, energies_mev[~known]) * (constant + slope / energies_mev[~known])
    return sigma


def _known_mev(z: int) -> float:
    """Up to where xraylib knows an element, light ones less far."""
    try:
        xraylib.CSb_Photo(z, 990.0)
    except ValueError:
        return 0.79
    return 0.99


def _xraylib_barn(z: int, energies_mev: Values) -> Values:
    return np.array([xraylib.CSb_Photo(z, 1e3 * energy) for energy in energies_mev])


def _sauter(z: int, energies_mev: Values) -> Values:
    """How the cross section of K electrons falls with energy; the scale is left open."""
    gamma = 1 + (energies_mev - 1e-3 * xraylib.EdgeEnergy(z, xraylib.K_SHELL)) / _ELECTRON_MEV
    momentum = np.sqrt(gamma**2 - 1)
    bracket = 1 - np.log((gamma + momentum) / (gamma - momentum)) / (2 * gamma * momentum)
    shape: Values = momentum**3 / energies_mev**5 * (4 / 3 + gamma * (gamma - 2) / (gamma + 1) * bracket)
    return shape


def _fit(z: int) -> Values:
    """Numbers of powers 1 to 6 of 1/E that miss the cross section by the smallest squares, relatively."""
    powers = _FITTED_MEV[:, np.newaxis] ** -np.arange(1.0, _TERMS + 1)
    sigma = photoelectric_barn(z, _FITTED_MEV)
    return np.linalg.lstsq(powers / sigma[:, np.newaxis], np.ones_like(sigma))[0].astype(np.float64)
