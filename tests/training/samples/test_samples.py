"""Files of showers: checked, merged, described, compared, fetched."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from caloserve_training.data import ShowerSample, file_sha256, read_showers
from caloserve_training.errors import DataError, DownloadError
from caloserve_training.samples.check import check_sample
from caloserve_training.samples.commands import data
from caloserve_training.samples.comparison import compare
from caloserve_training.samples.merge import merge
from caloserve_training.samples.public import fetch_public
from caloserve_training.samples.sample import read_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from caloserve_training.progress import Arrival

DATASETS = ("energy", "layer_0", "layer_1", "layer_2", "overflow")


def part(source: Path, target: Path, chosen: slice, **attributes: str) -> Path:
    with h5py.File(source) as showers, h5py.File(target, "w") as file:
        file.attrs.update({**showers.attrs, **attributes})
        for name in DATASETS:
            file[name] = showers[name][chosen]
    return target


@pytest.fixture
def some(eplus_file: Path, tmp_path: Path) -> Path:
    return part(eplus_file, tmp_path / "some.hdf5", slice(0, 100))


@pytest.mark.parametrize("name", ["eplus", "gamma", "piplus"])
def test_the_reference_samples_are_good(eplus_file: Path, name: str) -> None:
    findings = check_sample(read_sample(eplus_file.with_name(f"{name}.hdf5")))
    assert all(finding.good for finding in findings), findings


def _set(name: str, where: tuple[int, ...], value: float) -> Callable[[h5py.File], None]:
    return lambda file: file[name].__setitem__(where, value)


def _scale(factor: float, *names: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        for name in names:
            file[name][...] = file[name][...] * factor

    return change


def _double(file: h5py.File) -> None:
    for name in DATASETS:
        file[name][7] = file[name][3]


@pytest.mark.parametrize(
    ("spoil", "check", "words"),
    [
        (_set("layer_1", (5, 2, 2), np.nan), "cells finite", "not in 1 showers: 5"),
        (_set("layer_2", (6, 2, 2), -1.0), "cells not negative", "not in 1 showers: 6"),
        (_set("energy", (8, 0), 0.0), "energies positive and finite", "not in 1 showers: 8"),
        (_set("overflow", (9, 1), np.inf), "overflow finite, not negative", "not in 1 showers: 9"),
        (_set("layer_1", (5, 6, 6), 1e6), "no more left than brought", "largest E_tot/E is"),
        (_scale(1e-3, "layer_0", "layer_1", "layer_2"), "deposits in MeV", "median E_tot/E is 0.0009"),
        (_scale(1e3, "energy"), "energies in GeV", "to"),
        (_double, "no duplicates", "not in 2 showers: 3, 7"),
    ],
)
def test_what_is_wrong_is_found(some: Path, spoil: Callable[[h5py.File], None], check: str, words: str) -> None:
    with h5py.File(some, "r+") as file:
        spoil(file)
    bad = {finding.check: finding.words for finding in check_sample(read_sample(some)) if not finding.good}
    assert words in bad[check]
    run = CliRunner().invoke(data, ["--check", str(some)])
    assert run.exit_code == 1
    assert f"{some}: {check}" in run.output


def test_shapes_are_checked_in_reading(some: Path) -> None:
    with h5py.File(some, "r+") as file:
        layer = file["layer_1"][...]
        del file["layer_1"]
        file["layer_1"] = layer[:, :, :6]
    with pytest.raises(DataError, match=r"layer_1 has shape \(100, 12, 6\), not \(100, 12, 12\)"):
        read_sample(some)


def test_merged_files_hold_all_showers_in_order(eplus_file: Path, tmp_path: Path) -> None:
    paths = [
        part(eplus_file, tmp_path / "a.hdf5", slice(0, 60), seed="1"),
        part(eplus_file, tmp_path / "b.hdf5", slice(60, 100), seed="2"),
    ]
    run = CliRunner().invoke(data, ["--merge", str(tmp_path / "all.hdf5"), *map(str, paths)])
    assert "100 showers of 2 files" in run.output
    merged, whole = read_sample(tmp_path / "all.hdf5"), read_sample(eplus_file)
    for name in DATASETS:
        np.testing.assert_array_equal(merged.columns[name], whole.columns[name][:100])
    assert "seed" not in merged.attributes
    assert merged.attributes["geant4"] == whole.attributes["geant4"]
    assert json.loads(merged.attributes["merged"]) == [
        {"name": path.name, "sha256": file_sha256(path)} for path in paths
    ]


def test_merging_never_doubles_a_shower(eplus_file: Path, tmp_path: Path) -> None:
    paths = [
        part(eplus_file, tmp_path / "a.hdf5", slice(0, 60)),
        part(eplus_file, tmp_path / "b.hdf5", slice(59, 100)),
    ]
    with pytest.raises(DataError, match="occurs twice"):
        merge(paths, tmp_path / "all.hdf5")
    assert not (tmp_path / "all.hdf5").exists()


def test_other_particles_are_never_merged(eplus_file: Path, tmp_path: Path) -> None:
    paths = [
        part(eplus_file, tmp_path / "a.hdf5", slice(0, 50), particle="eplus"),
        part(eplus_file, tmp_path / "b.hdf5", slice(50, 99), particle="gamma"),
    ]
    with pytest.raises(DataError, match=r"a\.hdf5 and .*b\.hdf5 differ in particle"):
        merge(paths, tmp_path / "all.hdf5")


def test_info(some: Path) -> None:
    output = CliRunner().invoke(data, ["--info", str(some)]).output
    assert "11.4.1 FTFP_BERT" in output
    assert file_sha256(some) in output.replace("\n", "")


def test_two_halves_of_a_sample_agree(eplus_file: Path) -> None:
    sample = read_showers(eplus_file)
    compared = compare(sample.select(slice(0, 500)), sample.select(slice(500, None)))
    assert [shape.name for shape in compared[:4]] == ["containment", "f_0", "f_1", "f_2"]
    assert all(shape.agrees(0.0) for shape in compared)


def test_a_shifted_layer_is_noticed(eplus_file: Path) -> None:
    sample = read_showers(eplus_file)
    cells = sample.cells.copy()
    cells[:, :288] *= 1.2
    compared = compare(ShowerSample(sample.energy, cells, ""), sample)
    assert not next(shape for shape in compared if shape.name == "f_0").agrees(0.02)


def test_comparing_tells_what_differs(eplus_file: Path) -> None:
    run = CliRunner().invoke(data, ["--compare", str(eplus_file), str(eplus_file.with_name("piplus.hdf5"))])
    assert run.exit_code == 1
    assert "containment" in run.output
    assert "DIFFERS" in run.output


@pytest.mark.parametrize("arguments", [[], ["--info"], ["--info", "--check"], ["--fetch", "folder", "--info"]])
def test_one_way_at_a_time(arguments: list[str], some: Path) -> None:
    files = [str(some)] if len(arguments) != 1 else []
    run = CliRunner().invoke(data, [*arguments, *files])
    assert run.exit_code == 2


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def published(some: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Address of a data set's listing, and the folder it is served from."""
    served = tmp_path / "served"
    served.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served)))
    address = f"http://127.0.0.1:{server.server_port}"
    entries = []
    for name in ("gamma.hdf5", "eplus.hdf5", "licence.txt"):
        (served / name).write_bytes(some.read_bytes() + name.encode())
        digest = hashlib.sha256((served / name).read_bytes()).hexdigest()
        entries.append(
            {"filename": name, "content_details": {"download_url": f"{address}/{name}", "sha256_hash": digest}}
        )
    (served / "files.json").write_text(json.dumps(entries))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"{address}/files.json", served
    server.shutdown()
    server.server_close()


def ignore(_name: str) -> Arrival:
    return lambda _arrived, _total: None


def test_the_public_data_set_is_fetched_and_verified(published: tuple[str, Path], tmp_path: Path) -> None:
    listing, served = published
    paths = fetch_public(tmp_path / "public", ignore, listing)
    assert [path.name for path in paths] == ["gamma.hdf5", "eplus.hdf5"]
    assert all(path.read_bytes() == (served / path.name).read_bytes() for path in paths)
    (served / "gamma.hdf5").unlink()
    assert fetch_public(tmp_path / "public", ignore, listing) == paths  # nothing is fetched twice


def test_a_file_that_arrives_otherwise_is_not_kept(published: tuple[str, Path], tmp_path: Path) -> None:
    listing, served = published
    (served / "eplus.hdf5").write_bytes(b"something else")
    with pytest.raises(DownloadError, match=r"eplus\.hdf5: sha256 is"):
        fetch_public(tmp_path / "public", ignore, listing)
    assert [path.name for path in (tmp_path / "public").iterdir()] == ["gamma.hdf5"]


@pytest.mark.parametrize("listing", ["{}", "[{}]", "not JSON", "[]", '[{"filename": "../a.hdf5"}]'])
def test_a_listing_that_is_not_one(published: tuple[str, Path], tmp_path: Path, listing: str) -> None:
    (published[1] / "files.json").write_text(listing)
    with pytest.raises(DownloadError):
        fetch_public(tmp_path / "public", ignore, published[0])
