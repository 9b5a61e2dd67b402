"""Scaled bremsstrahlung spectra chi(T, k/T) = (beta^2 / Z^2) k dsigma/dk in mb, in place of Seltzer and Berger's.

Y.-S. Tsai, Rev. Mod. Phys. 46 (1974) 815, eqs. (3.82) and (3.38)-(3.41): screened nuclei and electrons, and the Coulomb
correction, coming in over some MeV. Slower electrons radiate more than that, the more so the heavier the nucleus:
two terms add what Seltzer and Berger, At. Data Nucl. Data Tables 35 (1986) 345, have more for argon and lead on the
average. That leaves a tenth from 0.5 MeV on, but for the hardest photons. Geant4 reads this table up to 1 GeV.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_ELECTRON_MEV = 0.51099895
_ALPHA = 7.2973525693e-3
_ALPHA_R2_MB = _ALPHA * 79.40787  # alpha r_e^2
_FLOOR_MB = 1e-4
_COULOMB_MEV = 5.0

_FRACTIONS = np.concatenate(
    [np.arange(0.0, 0.951, 0.05), [0.97, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999, 1.0]]
)
_LOG_ENERGIES = np.linspace(np.log(1e-3), np.log(1e4), 57)


def bremsstrahlung_table(z: int) -> str:
    """The file ``brem_SB/br{Z}``: the sizes, the grids of k/T and ln(T/MeV), one row of chi per T."""
    energies = np.exp(_LOG_ENERGIES)[:, np.newaxis]
    rows = [_FRACTIONS, _LOG_ENERGIES, *scaled_spectrum(z, energies, _FRACTIONS)]
    lines = [" ".join(f"{value:.10g}" for value in row) for row in rows]
    return "\n".join([f"2 {len(_FRACTIONS)} {len(_LOG_ENERGIES)}", *lines]) + "\n"


def scaled_spectrum(z: int, energy_mev: Values, fraction: Values) -> Values:
    """Chi in mb at kinetic energies T and photon energies ``fraction`` T; the two broadcast."""
    total = energy_mev + _ELECTRON_MEV
    photon = np.maximum(fraction * energy_mev, 1e-9 * energy_mev)
    y = photon / total
    momentum_transfer = 100 * _ELECTRON_MEV * photon / (total * (total - photon))
    gamma, epsilon = momentum_transfer / z ** (1 / 3), momentum_transfer / z ** (2 / 3)
    phi, phi_step = _nucleus(gamma)
    psi, psi_step = _electrons(epsilon)
    log_z = np.log(z)
    coulomb = coulomb_correction(z) * energy_mev / (energy_mev + _COULOMB_MEV)
    whole = phi - 4 / 3 * log_z - 4 * coulomb + (psi - 8 / 3 * log_z) / z
    steps = phi_step + psi_step / z
    beta2 = energy_mev * (energy_mev + 2 * _ELECTRON_MEV) / total**2
    tsai = beta2 * _ALPHA_R2_MB * ((4 / 3 - 4 / 3 * y + y**2) * whole + 2 / 3 * (1 - y) * steps)
    chi: Values = tsai + 8.0 * (_ALPHA * z) ** 2 / (1 + energy_mev / 0.95) + 5.0 * np.exp(-energy_mev / 0.2)
    return np.maximum(chi, _FLOOR_MB)


def coulomb_correction(z: int) -> float:
    """f(alpha Z), eq. (3.3)."""
    a2 = (_ALPHA * z) ** 2
    return a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3)


def _nucleus(gamma: Values) -> tuple[Values, Values]:
    """phi_1 and phi_1 - phi_2, eqs. (3.38) and (3.39)."""
    falling = 1 - 0.6 * np.exp(-0.9 * gamma) - 0.4 * np.exp(-1.5 * gamma)
    phi = 20.863 - 2 * np.log1p((0.55846 * gamma) ** 2) - 4 * falling
    return phi, 2 / 3 / (1 + 6.5 * gamma + 6 * gamma**2)


def _electrons(epsilon: Values) -> tuple[Values, Values]:
    """psi_1 and psi_1 - psi_2, eqs. (3.40) and (3.41)."""
    falling = 1 - 0.7 * np.exp(-8 * epsilon) - 0.3 * np.exp(-29.2 * epsilon)
    psi = 28.340 - 2 * np.log1p((3.621 * epsilon) ** 2) - 4 * falling
    return psi, 2 / 3 / (1 + 40 * epsilon + 400 * epsilon**2)
