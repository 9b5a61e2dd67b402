from caloserve.calorimeter import PARTICLES
from caloserve.calorimeter.particles import PARTICLES_BY_PDG_ID


def test_the_three_kinds_and_their_monte_carlo_numbers() -> None:
    assert {name: particle.pdg_id for name, particle in PARTICLES.items()} == {"eplus": -11, "gamma": 22, "piplus": 211}


def test_both_registries_hold_the_same() -> None:
    assert set(PARTICLES_BY_PDG_ID.values()) == set(PARTICLES.values())
