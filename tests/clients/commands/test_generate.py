from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from caloserve.v1.shower_pb2 import ENERGY_POLICY_CONSERVE
from caloserve.v1.tensor_pb2 import ENCODING_BITMAP
from caloserve_client import CaloServeClient, ShowersFailedError
from caloserve_client.commands.generate import generate
from caloserve_client.energies import uniform_energies

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import FakeServer

h5py: Any = pytest.importorskip("h5py")


def test_a_list_of_energies(server: FakeServer, client: CaloServeClient, tmp_path: Path) -> None:
    output = tmp_path / "showers.hdf5"
    arguments = ["--particle", "gamma", "--energies", "10,50.5", "--seed", "3", "--event-id", "4"]
    result = CliRunner().invoke(
        generate, [*arguments, "--release", "0.1.0", "--output", str(output), "--target", server.target]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("2 gamma showers in ")
    assert result.stdout.endswith(f"/s): {output}\n")
    assert server.requests[0].release == "0.1.0"
    showers = client.generate_showers("gamma", [10.0, 50.5], seed=3, event_id=4)
    with h5py.File(output) as file:
        np.testing.assert_array_equal(file["layer_1"][...], showers.layers[1])


def test_even_energies_and_those_of_a_file(server: FakeServer, tmp_path: Path) -> None:
    first, second = tmp_path / "first.hdf5", tmp_path / "second.hdf5"
    common = ["--particle", "piplus", "--seed", "3", "--target", server.target]
    result = CliRunner().invoke(generate, [*common, "--uniform", "1:100", "--count", "700", "--output", str(first)])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(generate, [*common, "--energies-from", str(first), "--output", str(second)])
    assert result.exit_code == 0, result.output
    with h5py.File(first) as file:
        expected = uniform_energies(1.0, 100.0, 700, seed=3, event_id=0)
        np.testing.assert_array_equal(file["energy"][:, 0], expected)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "exactly one of"),
        (["--energies", "1", "--uniform", "1:2", "--count", "3"], "exactly one of"),
        (["--uniform", "1:2"], "--uniform and --count go together"),
        (["--energies", "1", "--count", "3"], "--uniform and --count go together"),
        (["--energies", "1,x"], "'1,x' is not a list of energies"),
        (["--uniform", "1-2", "--count", "3"], "'1-2' is not a range of energies"),
        (["--energies", "1", "--seed", "-1"], "--seed"),
        (["--energies", "1", "--max-attempts", "3"], "go with --conserve"),
        (["--energies", "1", "--energy-tolerance", "0"], "go with --conserve"),
    ],
)
def test_mistakes_are_told(arguments: list[str], message: str, tmp_path: Path) -> None:
    output = tmp_path / "a.hdf5"
    result = CliRunner().invoke(generate, ["--particle", "gamma", "--output", str(output), *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert not output.exists()


def test_a_shower_not_made_leaves_no_file(server: FakeServer, tmp_path: Path) -> None:
    output = tmp_path / "a.hdf5"
    result = CliRunner().invoke(
        generate,
        ["--particle", "gamma", "--energies", "10,1000", "--output", str(output), "--target", server.target],
    )
    assert isinstance(result.exception, ShowersFailedError)
    assert list(tmp_path.iterdir()) == []


def test_showers_that_conserve_energy_say_what_that_cost(server: FakeServer, tmp_path: Path) -> None:
    arguments = ["--particle", "gamma", "--energies", "10,20,30,40", "--output", str(tmp_path / "a.hdf5")]
    target = ["--target", server.target, "--encoding", "bitmap"]
    limits = ["--conserve", "--energy-tolerance", "0.5", "--max-attempts", "7"]
    result = CliRunner().invoke(generate, [*arguments, *target, *limits])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1] == "acceptance 0.5714: 7 drawn, 3 at most for one shower"
    asked = server.requests[0].options
    assert (asked.energy_policy, asked.encoding) == (ENERGY_POLICY_CONSERVE, ENCODING_BITMAP)
    assert (asked.energy_tolerance, asked.max_attempts) == (0.5, 7)
    result = CliRunner().invoke(generate, [*arguments, *target])
    assert "acceptance" not in result.stdout
