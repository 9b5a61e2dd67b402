from pathlib import Path

import numpy as np
import pytest

from caloserve.stack.stack import Stack
from caloserve_client import CaloServeClient
from caloserve_training.data import read_showers
from caloserve_training.errors import DataError
from caloserve_training.fidelity.sources import FileSource, ServedSource, gather


@pytest.fixture
def eplus_client(released_stack: Stack) -> CaloServeClient:
    return CaloServeClient(released_stack.router.address)


def test_a_service_is_asked_at_the_energies_of_geant4(eplus_client: CaloServeClient, eplus_file: Path) -> None:
    got: list[int] = []
    with eplus_client as client:
        source = ServedSource(client, "eplus", "0.2.0", 2, got.append)
        gamma = eplus_file.with_name("gamma.hdf5")
        case = gather(
            source, particle="eplus", reference=eplus_file, training=None, fixed=[eplus_file], others={"gamma": gamma}
        )
    np.testing.assert_array_equal(case.generated.energy, np.tile(read_showers(eplus_file).energy, 2))
    assert len(np.unique(case.generated.cells, axis=0)) == 2000  # two draws of each
    assert case.fixed is not None
    assert len(case.fixed.generated) == len(case.others["gamma"].generated) == 1000
    assert sum(got) == 4000
    assert case.source == f"eplus 0.2.0 at {client.target}"


def test_a_training_sample_never_holds_the_reference(eplus_file: Path) -> None:
    source = FileSource(eplus_file, [], {})
    with pytest.raises(DataError, match="every shower of it is in the reference"):
        gather(source, particle="eplus", reference=eplus_file, training=eplus_file, fixed=[], others={})


def test_table_two_needs_both_samples_of_the_other_particle(eplus_file: Path) -> None:
    source = FileSource(eplus_file, [], {})
    with pytest.raises(DataError, match="no generated showers of gamma"):
        gather(source, particle="eplus", reference=eplus_file, training=None, fixed=[], others={"gamma": eplus_file})
