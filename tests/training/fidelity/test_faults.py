from collections.abc import Callable
from dataclasses import replace

import pytest

from caloserve_training.fidelity.case import Case
from caloserve_training.fidelity.checks import weigh
from caloserve_training.fidelity.comparison import compare
from planted_faults import FAULTS, Fault, training_replayed

MakeCase = Callable[[str], Case]
PLANTED = [pytest.param(particle, plant, words, id=f"{particle}: {name}") for particle, name, plant, words in FAULTS]


def findings(case: Case) -> list[str]:
    """What the checks find, in the words of the report."""
    results = weigh(compare(case).checks())
    return [f"{result.check.title}: {result.check.measured}" for result in results if not result.agrees]


@pytest.mark.parametrize("particle", ["eplus", "gamma", "piplus"])
def test_one_law_is_clean(particle: str, make_case: MakeCase) -> None:
    assert findings(make_case(particle)) == []


@pytest.mark.parametrize("particle", ["eplus", "gamma", "piplus"])
def test_geant4_against_geant4_is_clean(particle: str, geant4_halves: MakeCase) -> None:
    assert findings(geant4_halves(particle)) == []


@pytest.mark.parametrize(("particle", "plant", "words"), PLANTED)
def test_a_planted_fault_is_found_and_named(particle: str, plant: Fault, words: str, make_case: MakeCase) -> None:
    case = make_case(particle)
    training = case.training if plant is training_replayed else None
    found = findings(replace(case, generated=plant(case), training=training))
    assert any(words in finding for finding in found), found
