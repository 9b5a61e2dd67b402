from pathlib import Path

import pytest

from caloserve_training.geant4.standin.tables import write_standin_tables


@pytest.fixture(scope="session")
def standin_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-in tables for lead and argon."""
    folder = tmp_path_factory.mktemp("tables")
    write_standin_tables(folder, ["Pb", "Ar"])
    return folder
