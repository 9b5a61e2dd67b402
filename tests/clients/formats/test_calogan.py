from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from caloserve_client import BadAnswerError, CaloServeClient, ExtraMissingError, FormatError, Options
from caloserve_client.formats.calogan import CaloGANWriter, open_showers, read_energies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

h5py: Any = pytest.importorskip("h5py")

ENERGIES = 1 + np.arange(600) % 90


def write(path: Path, client: CaloServeClient, **changes: Any) -> Path:
    with CaloGANWriter(path) as writer:
        for chunk in client.iter_showers("gamma", ENERGIES, **{"seed": 3, "event_id": 4} | changes):
            writer.append(chunk)
    return path


def test_layout(client: CaloServeClient, tmp_path: Path) -> None:
    showers = client.generate_showers("gamma", ENERGIES, seed=3, event_id=4)
    with h5py.File(write(tmp_path / "showers.hdf5", client)) as file:
        assert set(file) == {"energy", "layer_0", "layer_1", "layer_2", "index", "attempts"}
        np.testing.assert_array_equal(file["energy"][:, 0], ENERGIES)
        for index, layer in enumerate(showers.layers):
            np.testing.assert_array_equal(file[f"layer_{index}"][...], layer)
        assert all(dataset.compression == "gzip" for dataset in file.values())
        assert [file[name].dtype for name in ("energy", "layer_0", "index", "attempts")] == ["<f4", "<f4", "<u8", "<u4"]
        assert (file.attrs["particle"], file.attrs["seed"], file.attrs["event_id"]) == ("gamma", 3, 4)
        assert file.attrs["software"].startswith("caloserve")
        assert json.loads(file.attrs["provenance"])["model_sha256"] == 64 * "a"
    assert [path.name for path in tmp_path.iterdir()] == ["showers.hdf5"]


def test_same_showers_same_bytes(client: CaloServeClient, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.hdf5", client), write(tmp_path / "b.hdf5", client)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != write(tmp_path / "c.hdf5", client, seed=9).read_bytes()


def test_showers_not_made_are_never_written(client: CaloServeClient, tmp_path: Path) -> None:
    path = tmp_path / "showers.hdf5"
    path.write_bytes(b"as it was")
    unwritable = client.generate_showers("gamma", [10.0, 1000.0], partial=True)
    with pytest.raises(FormatError, match="1 showers were not made"), CaloGANWriter(path) as writer:
        writer.append(unwritable)
    assert path.read_bytes() == b"as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_one_file_has_one_origin(client: CaloServeClient, tmp_path: Path) -> None:
    with CaloGANWriter(tmp_path / "a.hdf5") as writer:
        writer.append(client.generate_showers("gamma", [10.0], seed=1))
        with pytest.raises(BadAnswerError, match="seed"):
            writer.append(client.generate_showers("gamma", [10.0], seed=2))


def test_one_file_has_one_set_of_options(client: CaloServeClient, tmp_path: Path) -> None:
    with CaloGANWriter(tmp_path / "a.hdf5") as writer:
        writer.append(client.generate_showers("gamma", [10.0]))
        writer.append(client.generate_showers("gamma", [10.0], encoding="bitmap"))
        with pytest.raises(FormatError, match="domain_policy='flag'"):
            writer.append(client.generate_showers("gamma", [10.0], domain_policy="flag"))


def test_showers_come_back_with_what_made_them(client: CaloServeClient, tmp_path: Path) -> None:
    indices = np.arange(600, dtype=np.uint64)[::-1] + np.uint64(2**64 - 600)
    path = write(tmp_path / "a.hdf5", client, indices=indices, energy_policy="conserve", energy_tolerance=0.5)
    showers = client.generate_showers(
        "gamma", ENERGIES, seed=3, event_id=4, indices=indices, energy_policy="conserve", energy_tolerance=0.5
    )
    with open_showers(path) as recorded:
        assert len(recorded) == 600
        assert recorded.provenance == showers.provenance
        assert recorded.options == showers.options == Options(energy_policy="conserve", energy_tolerance=0.5)
        np.testing.assert_array_equal(recorded.indices, indices)
        np.testing.assert_array_equal(recorded.energies_gev, showers.energies_gev)
        rows = np.array([0, 5, 599])
        assert recorded.cells_mev(rows).tobytes() == showers.cells_mev[rows].tobytes()
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["attempts"], showers.attempts)


def replace_layer_1(file: Any) -> None:
    del file["layer_1"]
    file["layer_1"] = file["layer_0"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda file: file.attrs.pop("provenance"), "does not say what made its showers"),
        (lambda file: file.attrs.modify("options", "[]"), "does not say what made its showers"),
        (lambda file: file.attrs.modify("provenance", '{"seed": 1}'), "does not say what made its showers"),
        (lambda file: file.pop("index"), "has no dataset 'index'"),
        (lambda file: file["index"].resize(3, axis=0), "differ in length"),
        (replace_layer_1, r"'layer_1' is float32 of shape \(600, 3, 96\), not float32 of shape \(n, 12, 12\)"),
    ],
)
def test_files_that_do_not_say_what_made_them(
    client: CaloServeClient, tmp_path: Path, change: Callable[[Any], Any], wrong: str
) -> None:
    path = write(tmp_path / "a.hdf5", client)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(FormatError, match=wrong), open_showers(path):
        pass


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot be written \(No such file"):
        CaloGANWriter(tmp_path / "nowhere" / "a.hdf5").__enter__()


def test_energies_come_back(client: CaloServeClient, tmp_path: Path) -> None:
    energies = read_energies(write(tmp_path / "showers.hdf5", client))
    assert energies.dtype == np.float32
    np.testing.assert_array_equal(energies, ENERGIES)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        (None, "no dataset 'energy'"),
        (np.zeros((2, 2)), r"float64 of shape \(2, 2\)"),
        (np.float64(1), r"shape \(\)"),
        (np.zeros(2, dtype=np.int64), "int64"),
    ],
)
def test_files_without_energies(tmp_path: Path, values: Any, wrong: str) -> None:
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        if values is not None:
            file["energy"] = values
    with pytest.raises(FormatError, match=wrong):
        read_energies(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot be read \(No such file"):
        read_energies(tmp_path / "nothing.hdf5")
    path = tmp_path / "text.hdf5"
    path.write_text("not HDF5")
    with pytest.raises(FormatError, match="not an HDF5 file"):
        read_energies(path)


def test_without_h5py(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ExtraMissingError, match=r'pip install "caloserve\[hdf5\]"'):
        CaloGANWriter(tmp_path / "a.hdf5")
