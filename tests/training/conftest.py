from pathlib import Path

import h5py
import pytest

REFERENCE = Path(__file__).parents[1] / "data"
DATASETS = ("energy", "layer_0", "layer_1", "layer_2", "overflow")


def copy_showers(source: Path, target: Path, chosen: slice) -> Path:
    """Write some of a file's showers to a new one."""
    with h5py.File(source) as showers, h5py.File(target, "w") as file:
        file.attrs.update(showers.attrs)
        for name in DATASETS:
            file[name] = showers[name][chosen]
    return target


@pytest.fixture(scope="session")
def eplus_file() -> Path:
    return REFERENCE / "eplus.hdf5"


@pytest.fixture(scope="session")
def training_file(eplus_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 showers, the last 100 of which are also in the reference file."""
    return copy_showers(eplus_file, tmp_path_factory.mktemp("data") / "showers.hdf5", slice(0, 400))


@pytest.fixture(scope="session")
def reference_file(eplus_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_showers(eplus_file, tmp_path_factory.mktemp("reference") / "reference.hdf5", slice(300, 600))
