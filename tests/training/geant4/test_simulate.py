"""Real Geant4 showers, through the command."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest

from caloserve.calorimeter import CALOGAN, shapes
from caloserve_training.data import read_showers
from caloserve_training.samples.check import check_sample
from caloserve_training.samples.sample import read_sample

pytestmark = pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="Geant4 is not installed")

COMMAND = [sys.executable, "-m", "caloserve", "simulate"]
SHOWERS = 8
RECORD_BYTES = 4 * (1 + CALOGAN.cells + 3)

SMALL = """\
name = "small"
absorber = { name = "lead", density_g_cm3 = 11.35, elements = { Pb = 1 } }
absorber_mm = 5
active = { name = "argon", density_g_cm3 = 1.4, elements = { Ar = 1 } }
active_mm = 5
slabs = 20
width_mm = 400
gap_mm = 10
cut_mm = 0.7
layers = [
    { n_phi = 4, n_eta = 8, cell_phi_mm = 50, cell_eta_mm = 25, z_min_mm = -100, z_max_mm = -3 },
    { n_phi = 2, n_eta = 2, cell_phi_mm = 100, cell_eta_mm = 100, z_min_mm = -3, z_max_mm = 100 },
]
"""


def simulate(
    tables: Path, output: Path, *arguments: str, seed: int = 5, count: int = SHOWERS, energies: str = "1:3"
) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--tables", str(tables), "--output", str(output), "--seed", str(seed)]
    command += ["--count", str(count), "--energies", energies, "--particle", "eplus", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def mean_position(cells: np.ndarray, layer: int, axis: int) -> float:
    """Energy-weighted mean of all showers along phi (0) or eta (1), mm."""
    image = CALOGAN.split(cells)[layer].sum(axis=0)
    positions = (CALOGAN.layers[layer].phi_mm, CALOGAN.layers[layer].eta_mm)[axis]
    return float(np.average(positions, weights=image.sum(axis=1 - axis)))


@pytest.fixture(scope="module")
def showers(standin_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("simulated") / "showers.hdf5"
    run = simulate(standin_tables, output, "--jobs", "1")
    assert run.returncode == 0, run.stderr
    assert "8 eplus showers, 8 of them new" in run.stdout
    assert "showers/s per core" in run.stdout
    return output


def test_positrons_shower(showers: Path) -> None:
    sample = read_showers(showers)
    assert sample.origin == "Geant4 11.4.1 FTFP_BERT, stand-in tables"
    assert len(sample) == SHOWERS
    response = shapes.total_energy(sample.cells) / (1e3 * sample.energy)
    assert response.mean() == pytest.approx(0.99, abs=0.02)
    assert sample.layer_energies()[:, 0].mean() > sample.layer_energies()[:, 2].mean()
    assert all(finding.good for finding in check_sample(read_sample(showers)))


def test_the_file_says_what_made_it(showers: Path) -> None:
    with h5py.File(showers) as file:
        assert file["overflow"].shape == (SHOWERS, 3)
        assert all(dataset.dtype == "<f4" and dataset.compression == "gzip" for dataset in file.values())
        attributes = file.attrs
        assert (attributes["geant4"], attributes["physics_list"]) == ("11.4.1 FTFP_BERT", "FTFP_BERT")
        assert (attributes["tables"], len(attributes["tables_sha256"])) == ("stand-in tables", 64)
        assert (attributes["particle"], attributes["seed"], attributes["geometry"]) == ("eplus", 5, CALOGAN.id)
        assert attributes["command"] == (
            "caloserve simulate --particle eplus --energies 1:3 --count 8 --seed 5 --output showers.hdf5"
        )


def test_two_processes_make_the_same_file(standin_tables: Path, showers: Path, tmp_path: Path) -> None:
    assert simulate(standin_tables, tmp_path / "showers.hdf5", "--jobs", "2").returncode == 0
    assert (tmp_path / "showers.hdf5").read_bytes() == showers.read_bytes()


def test_a_killed_simulation_goes_on_where_it_was(standin_tables: Path, showers: Path, tmp_path: Path) -> None:
    output = tmp_path / "showers.hdf5"
    part = tmp_path / ".showers.hdf5.parts" / "0000000000.showers"
    command = [*COMMAND, "--tables", str(standin_tables), "--output", str(output), "--seed", "5", "--energies", "1:3"]
    with subprocess.Popen([*command, "--count", "2000", "--particle", "eplus", "--jobs", "1"]) as process:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size >= 3 * RECORD_BYTES) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    assert not output.exists()
    time.sleep(1)  # its Geant4 process ends with the shower it is at
    kept = min(part.stat().st_size // RECORD_BYTES, SHOWERS)
    assert kept >= 3
    run = simulate(standin_tables, output)
    assert f"8 eplus showers, {SHOWERS - kept} of them new" in run.stdout
    assert output.read_bytes() == showers.read_bytes()
    assert list(tmp_path.iterdir()) == [output]


def test_a_longer_file_begins_with_the_shorter(standin_tables: Path, showers: Path, tmp_path: Path) -> None:
    output = tmp_path / "showers.hdf5"
    output.write_bytes(showers.read_bytes())
    assert "10 eplus showers, 2 of them new" in simulate(standin_tables, output, count=10).stdout
    np.testing.assert_array_equal(read_showers(output).cells[:SHOWERS], read_showers(showers).cells)


def test_other_showers_are_never_mixed_in(standin_tables: Path, showers: Path, tmp_path: Path) -> None:
    output = tmp_path / "showers.hdf5"
    output.write_bytes(showers.read_bytes())
    run = simulate(standin_tables, output, seed=6, count=10)
    assert run.returncode == 1
    assert "holds other showers: seed is 5, not 6" in run.stderr
    assert output.read_bytes() == showers.read_bytes()


def test_one_simulation_at_a_time(standin_tables: Path, tmp_path: Path) -> None:
    parts = tmp_path / ".showers.hdf5.parts"
    parts.mkdir()
    with (parts / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = simulate(standin_tables, tmp_path / "showers.hdf5")
    assert run.returncode == 1
    assert "another process is simulating into it" in run.stderr


def test_fixed_energies_at_another_place_and_angle(standin_tables: Path, tmp_path: Path) -> None:
    output = tmp_path / "showers.hdf5"
    run = simulate(standin_tables, output, "--impact", "80", "-60", "--angle", "20", "90", count=4, energies="2,5")
    assert run.returncode == 0, run.stderr
    sample = read_showers(output)
    assert sample.energy.tolist() == [2, 5, 2, 5]
    assert mean_position(sample.cells, 1, axis=0) == pytest.approx(80, abs=12)
    drift = np.tan(np.radians(20))
    for layer, depth_mm in ((0, 60), (1, 130)):  # about where the energy of such showers is
        assert mean_position(sample.cells, layer, axis=1) == pytest.approx(-60 + drift * depth_mm, abs=12)


@pytest.mark.parametrize("place", [("--impact", "600", "0"), ("--angle", "89", "0")])
def test_particles_come_from_inside_the_world(standin_tables: Path, tmp_path: Path, place: tuple[str, ...]) -> None:
    run = simulate(standin_tables, tmp_path / "showers.hdf5", *place)
    assert run.returncode == 1
    assert "must start and arrive within 560 mm of the axis" in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_another_detector_from_a_file(standin_tables: Path, tmp_path: Path) -> None:
    detector = tmp_path / "small.toml"
    detector.write_text(SMALL)
    output = tmp_path / "small.hdf5"
    run = simulate(standin_tables, output, "--detector", str(detector), count=3)
    assert run.returncode == 0, run.stderr
    sample = read_sample(output)
    assert [layer.shape for layer in sample.geometry.layers] == [(4, 8), (2, 2)]
    deposited = sample.layer_energies().sum(axis=1) + sample.columns["overflow"].sum(axis=1)
    assert (deposited / (1e3 * sample.energy_gev)).min() > 0.9  # 18 radiation lengths of lead
    assert "--detector small.toml" in sample.attributes["command"]


def test_what_geant4_says_when_it_fails_is_told(standin_tables: Path, tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    for path in standin_tables.rglob("*"):
        target = tables / path.relative_to(standin_tables)
        target.mkdir(parents=True, exist_ok=True) if path.is_dir() else target.write_bytes(path.read_bytes())
    (tables / "G4EMLOW8.8" / "brem_SB" / "br82").write_text("nonsense")
    run = simulate(tables, tmp_path / "showers.hdf5", count=1)
    assert run.returncode == 1
    assert "Geant4 failed at shower 0 or later" in run.stderr
    assert "br82" in run.stderr
