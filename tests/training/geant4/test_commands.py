from importlib import util
from pathlib import Path

import pytest
from click.testing import CliRunner

from caloserve_client import ExtraMissingError
from caloserve_training.geant4.commands import simulate

ARGUMENTS = ["--particle", "eplus", "--count", "1", "--seed", "1", "--output", "showers.hdf5"]


def test_without_geant4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caloserve_training.geant4.commands.find_spec", lambda _name: None)
    run = CliRunner().invoke(simulate, ARGUMENTS)
    assert isinstance(run.exception, ExtraMissingError)
    assert 'pip install "caloserve[geant4]"' in str(run.exception)


@pytest.mark.skipif(util.find_spec("geant4_pybind") is None, reason="Geant4 is not installed")
def test_missing_tables_are_named_before_geant4_starts(tmp_path: Path) -> None:
    run = CliRunner().invoke(simulate, [*ARGUMENTS, "--tables", str(tmp_path)])
    assert "tables missing: G4EMLOW8.8/brem_SB/br1, " in str(run.exception)


@pytest.mark.parametrize("energies", ["1-100", "ten", "1:2:x"])
def test_energies_that_are_none(energies: str) -> None:
    run = CliRunner().invoke(simulate, [*ARGUMENTS, "--energies", energies])
    assert run.exit_code == 2
    assert "neither a range such as 1:100 nor a list such as 10,50" in run.output.replace("\n", " ")
