from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest
from click.testing import CliRunner, Result

from caloserve.v1 import shower_pb2
from caloserve_client.commands.generate import generate
from caloserve_client.commands.replay import replay

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import FakeServer

h5py: Any = pytest.importorskip("h5py")


@pytest.fixture
def file(server: FakeServer, tmp_path: Path) -> Path:
    """700 photons, some of which took several draws."""
    path = tmp_path / "showers.hdf5"
    arguments = ["--particle", "gamma", "--uniform", "1:100", "--count", "700", "--seed", "3", "--event-id", "4"]
    result = CliRunner().invoke(
        generate,
        [*arguments, "--conserve", "--energy-tolerance", "0.1", "--output", str(path), "--target", server.target],
    )
    assert result.exit_code == 0, result.output
    server.requests.clear()
    return path


def run(server: FakeServer, file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(replay, [str(file), "--target", server.target, *arguments])


def change_cells(file: Path, row: int, by: float) -> None:
    """Change one cell of a shower by a share of its largest one."""
    with h5py.File(file, "a") as opened:
        shower = opened["layer_1"][row]
        shower[3, 4] += by * max(opened[f"layer_{layer}"][row].max() for layer in range(3))
        opened["layer_1"][row] = shower


def test_showers_made_again_are_identical(server: FakeServer, file: Path) -> None:
    result = run(server, file)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"{file}: gamma showers of release 0.1.0, seed 3, event 4\n700 of 700 showers are identical to the bit.\n"
    )
    asked = server.requests[-1]
    assert (asked.release, asked.seed, asked.event_id) == ("0.1.0", 3, 4)
    assert asked.options.energy_policy == shower_pb2.ENERGY_POLICY_CONSERVE
    assert asked.options.energy_tolerance == 0.1


def test_a_changed_cell_is_found_and_named(server: FakeServer, file: Path) -> None:
    change_cells(file, 600, 1e-6)
    change_cells(file, 17, 0.25)
    result = run(server, file)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == [
        "698 of 700 showers are identical to the bit.",
        "2 differ, by at most 0.25 of their largest cell (row 17): rows 17, 600.",
        "Nothing that is known to have changed explains that.",
    ]


def test_chosen_rows_are_compared_alone(server: FakeServer, file: Path) -> None:
    change_cells(file, 17, 1e-6)
    result = run(server, file, "--row", "699", "--row", "3", "--row", "3")
    assert result.exit_code == 0
    assert "2 of 2 showers are identical" in result.stdout
    assert list(server.requests[-1].indices) == [3, 699]
    result = run(server, file, "--row", "17")
    assert result.exit_code == 1
    assert "(row 17): row 17.\n" in result.stdout
    result = run(server, file, "--row", "700")
    assert result.exit_code == 2
    assert "--row: 700 is not one of the 700 rows" in result.stderr


@pytest.mark.parametrize(("by", "place"), [(1e-6, "within"), (1e-3, "beyond")])
def test_another_environment_is_told_and_may_explain_a_difference(
    server: FakeServer, file: Path, by: float, place: str
) -> None:
    change_cells(file, 5, by)

    def upgrade(answer: Any) -> None:
        if chunk := getattr(answer, "chunk", None):
            chunk.provenance.onnxruntime_version = "1.99.0"
            chunk.provenance.instance = "elsewhere"

    server.tamper = upgrade
    result = run(server, file)
    assert result.exit_code == 1
    changed = next(line.split() for line in result.stdout.splitlines() if "onnxruntime" in line)
    assert changed == ["onnxruntime", "version", "1.30.0", "1.99.0"]
    assert "elsewhere" not in result.stdout
    says = f"That is {place} the tolerance of 1e-05 that is stated for another onnxruntime version.\n"
    assert result.stdout.endswith(says)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("version", "0.3.0"), "release 0.1.0 of gamma made the showers and is not served by 127.0.0.1"),
        (("model_sha256", 64 * "c"), "another model than the one that made the showers: sha256 cccccccccccc, not aaaa"),
        (("sampler_version", 2), "other random streams than those that made the showers: sampler 2, not 1"),
    ],
)
def test_what_is_not_served_any_more_is_told(
    server: FakeServer, file: Path, change: tuple[str, object], says: str
) -> None:
    def replace(answer: Any) -> None:
        setattr(answer.releases[0], *change)

    server.tamper = replace
    result = run(server, file)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not server.requests[1:], "nothing was made"


def test_a_shower_that_is_not_made_again_is_told(server: FakeServer, file: Path) -> None:
    with h5py.File(file, "a") as opened:
        opened["energy"][650] = 1000.0
    change_cells(file, 2, 0.5)
    result = run(server, file)
    assert result.exit_code == 2
    assert "698 of 700 showers are identical to the bit.\n1 differ, by at most 0.5 " in result.stdout
    assert "Row 650 was not made again: OUT_OF_DOMAIN 1000 GeV is outside 1 to 100 GeV\n" in result.stdout


def test_what_is_no_file_of_ours_is_told(server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    for says in ("cannot be read (No such file", "not an HDF5 file", "does not say what made its showers"):
        if says == "not an HDF5 file":
            path.write_text("hello")
        elif says.startswith("does"):
            with h5py.File(path, "w") as opened:
                opened["energy"] = np.ones((3, 1))
        result = run(server, path)
        assert result.exit_code == 2
        assert says in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_particle_or_server_that_is_not_there(server: FakeServer, file: Path, unused_target: str) -> None:
    server.fail = (grpc.StatusCode.NOT_FOUND, "particle: 'gamma' has no generator here")
    result = run(server, file)
    assert (result.exit_code, "has no generator here" in result.stderr) == (2, True)
    result = CliRunner().invoke(replay, [str(file), "--target", unused_target])
    assert (result.exit_code, unused_target in result.stderr) == (2, True)
