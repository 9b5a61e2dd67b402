import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caloserve_training.errors import BeamError
from caloserve_training.geant4.beam import MOST_SHOWERS, Beam, beam_from_dict

SEEDS = st.integers(0, 2**64 - 1)


@given(seed=SEEDS, start=st.integers(0, 1000), length=st.integers(1, 20), cut=st.integers(0, 20))
def test_a_particle_does_not_depend_on_those_beside_it(seed: int, start: int, length: int, cut: int) -> None:
    beam = Beam("gamma", (1.0, 100.0), seed)
    middle = start + min(cut, length)
    apart = [*beam.primaries(start, middle), *beam.primaries(middle, start + length)]
    assert apart == list(beam.primaries(start, start + length))


@given(seed=SEEDS, other=SEEDS, index=st.integers(0, MOST_SHOWERS - 1))
def test_engines_are_seeded_alike_for_the_same_shower_only(seed: int, other: int, index: int) -> None:
    def seeds(particle: str, seed: int, index: int) -> tuple[int, ...]:
        return next(Beam(particle, (1.0, 100.0), seed).primaries(index, index + 1)).seeds

    here = seeds("eplus", seed, index)
    assert all(0 < number < 2**32 for number in here)
    assert here == seeds("eplus", seed, index)
    assert here not in {seeds("gamma", seed, index), seeds("piplus", seed, index), seeds("eplus", seed, index + 1)}
    assert (here == seeds("eplus", other, index)) == (seed == other)


def test_energies_fill_the_range_and_are_exact_in_float32() -> None:
    energies = np.array([shot.energy_gev for shot in Beam("piplus", (2.0, 4.0), 5).primaries(0, 4000)])
    assert np.array_equal(energies, energies.astype(np.float32))
    assert 2.0 <= energies.min() < 2.01
    assert 3.99 < energies.max() <= 4.0
    assert energies.mean() == pytest.approx(3.0, abs=0.04)


def test_fixed_energies_come_in_turn() -> None:
    beam = Beam("eplus", (10.0, 20.0, 50.0), 5, fixed=True)
    assert [shot.energy_gev for shot in beam.primaries(1, 6)] == [20, 50, 10, 20, 50]


def test_particles_fly_a_micrometre_off_the_walls_of_cells() -> None:
    impacts = {shot.impact_mm for shot in Beam("gamma", (1.0, 2.0), 1, impact_mm=(3.0, -2.0)).primaries(0, 50)}
    assert impacts == {(3 + phi, -2 + eta) for phi in (-1e-3, 1e-3) for eta in (-1e-3, 1e-3)}


@given(polar=st.floats(0, 89), azimuth=st.floats(-360, 360))
def test_direction(polar: float, azimuth: float) -> None:
    phi, eta, z = Beam("gamma", (1.0, 2.0), 1, polar_deg=polar, azimuth_deg=azimuth).direction
    assert math.hypot(phi, eta, z) == pytest.approx(1)
    assert math.degrees(math.acos(min(z, 1))) == pytest.approx(polar, abs=1e-5)


def test_a_beam_survives_being_written_down() -> None:
    beam = Beam("piplus", (10.0, 20.0), 2**63, fixed=True, impact_mm=(1.0, 2.0), polar_deg=3.0)
    assert beam_from_dict(beam.as_dict()) == beam


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"particle": "muon"}, "none of eplus, gamma, piplus"),
        ({"energies_gev": (10.0, 1.0)}, "the lower first"),
        ({"energies_gev": (0.0, 1.0)}, "above 0"),
        ({"energies_gev": (1.0,)}, "two bounds"),
        ({"energies_gev": (), "fixed": True}, "above 0"),
        ({"seed": -1}, "seed"),
        ({"polar_deg": 90.0}, "below 90"),
        ({"impact_mm": (math.nan, 0.0)}, "finite"),
    ],
)
def test_impossible_beams(changes: dict[str, object], wrong: str) -> None:
    with pytest.raises(BeamError, match=wrong):
        Beam(**({"particle": "eplus", "energies_gev": (1.0, 2.0), "seed": 0} | changes))  # type: ignore[arg-type]
