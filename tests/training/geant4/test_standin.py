import numpy as np
import pytest

from caloserve_training.geant4.standin.bremsstrahlung import scaled_spectrum
from caloserve_training.geant4.standin.nuclei import elastic_barn, inelastic_barn, photonuclear_mb
from caloserve_training.geant4.standin.photons import photoelectric_barn, photoelectric_tables

AVOGADRO = 6.02214e23
MB_CM2 = 1e-27


@pytest.mark.parametrize(("z", "a", "x0_g_cm2"), [(18, 39.948, 19.55), (29, 63.546, 12.86), (82, 207.2, 6.37)])
def test_bremsstrahlung_gives_the_radiation_length(z: int, a: float, x0_g_cm2: float) -> None:
    """Radiation lengths: Particle Data Group."""
    fractions = np.linspace(0.0, 1.0, 2001)
    spectrum = scaled_spectrum(z, np.array([[1e5]]), fractions)[0]
    radiated = AVOGADRO / a * z**2 * MB_CM2 * np.trapezoid(spectrum, fractions)
    assert 1 / radiated == pytest.approx(x0_g_cm2, rel=0.02)


@pytest.mark.parametrize(
    ("z", "expected_mb"),
    [
        (18, {0.5: (12.5, 4.18), 1.0: (13.4, 4.17), 5.0: (15.1, 5.87)}),
        (82, {0.5: (11.5, 5.72), 1.0: (11.9, 5.23), 5.0: (11.6, 5.39)}),
    ],
)
def test_bremsstrahlung_of_slow_electrons(z: int, expected_mb: dict[float, tuple[float, float]]) -> None:
    """Seltzer and Berger's values for photons of no energy and of half the electron's."""
    for energy_mev, expected in expected_mb.items():
        spectrum = scaled_spectrum(z, np.array([[energy_mev]]), np.array([0.0, 0.5]))[0]
        np.testing.assert_allclose(spectrum, expected, rtol=0.12)


def test_slow_electrons_never_radiate_less_than_nothing() -> None:
    assert (scaled_spectrum(82, np.geomspace(1e-3, 1e4, 50)[:, np.newaxis], np.linspace(0, 1, 50)) > 0).all()


@pytest.mark.parametrize(("energy_mev", "barn"), [(0.1, 1800.0), (1.0, 6.2), (2.0, 1.87), (5.0, 0.55)])
def test_photoelectric_effect_of_lead(energy_mev: float, barn: float) -> None:
    """Round figures of NIST's XCOM; the last two lie beyond what xraylib knows."""
    assert photoelectric_barn(82, np.array([energy_mev]))[0] == pytest.approx(barn, rel=0.12)


@pytest.mark.parametrize("z", [1, 18, 82])
def test_formula_and_table_of_the_photoelectric_effect_meet(z: int) -> None:
    formula = [float(number) for number in photoelectric_tables(z)[f"pe-high-{z}.dat"].split()[4:]]
    energies = np.array([2.0, 10.0, 50.0])
    sigma = sum(number * energies ** -(power + 1.0) for power, number in enumerate(formula))
    np.testing.assert_allclose(sigma, photoelectric_barn(z, energies), rtol=2e-3)


def test_cross_sections_of_nuclei_are_about_what_is_measured() -> None:
    """Lead: neutrons of 14 MeV 2.5 b inelastic, 2.9 b elastic; the giant dipole resonance 0.6 b at 13.6 MeV."""
    assert inelastic_barn(82, np.array([14.0]))[0] == pytest.approx(2.5, rel=0.1)
    assert elastic_barn(82, np.array([14.0]))[0] == pytest.approx(2.9, rel=0.15)
    energies = np.linspace(8.0, 30.0, 400)
    sigma = photonuclear_mb(82, energies)
    assert energies[sigma.argmax()] == pytest.approx(13.6, abs=0.5)
    assert sigma.max() == pytest.approx(600, rel=0.15)
