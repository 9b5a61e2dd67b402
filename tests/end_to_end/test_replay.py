"""Showers made again by other processes than those that made them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from caloserve.stack.processes import ServerProcess, stop
from caloserve.stack.stack import Stack, wait_until_loaded
from caloserve_client import CaloServeClient
from caloserve_client.commands.generate import generate
from caloserve_client.commands.replay import replay

FREE = "127.0.0.1:0"


@contextmanager
def listening(*commands: tuple[str, ...]) -> Iterator[list[ServerProcess]]:
    started = [ServerProcess(*command, "--address", FREE, "--metrics-address", FREE) for command in commands]
    try:
        for server in started:
            server.wait_until_listening()
        wait_until_loaded(Stack(started[0], tuple(started)), threading.Event())
        yield started
    finally:
        stop(started)


@pytest.fixture
def file(stack: Stack, tmp_path: Path) -> Path:
    """Positrons whose energy is conserved, which takes about two draws."""
    path = tmp_path / "eplus.hdf5"
    arguments = ["--particle", "eplus", "--uniform", "1:60", "--count", "1000", "--seed", "5", "--release", "0.1.0"]
    target = ["--conserve", "--encoding", "bitmap", "--output", str(path), "--target", stack.router.address]
    result = CliRunner().invoke(generate, [*arguments, *target])
    assert result.exit_code == 0, result.output
    assert "acceptance 0." in result.stdout
    return path


def replayed(file: Path, target: str) -> Result:
    return CliRunner().invoke(replay, [str(file), "--target", target])


def test_replicas_started_later_make_the_same_showers(file: Path, releases: Path) -> None:
    generator = ("generator", "--particle", "eplus", "--releases", str(releases / "eplus"))
    with listening(generator, generator) as replicas:
        addresses = ",".join(server.address for server in replicas)
        with listening(("router", f"--backend=eplus=ipv4:{addresses}")) as (router,):
            with CaloServeClient(router.address) as client:
                makers: set[str] = set()
                while len(makers) < 2:
                    makers.add(client.generate_showers("eplus", [10.0]).provenance.instance)
            for _ in range(3):
                result = replayed(file, router.address)
                assert result.exit_code == 0, result.output
                assert result.stdout.endswith("1000 of 1000 showers are identical to the bit.\n")
        alone = replayed(file, replicas[1].address)
        assert alone.exit_code == 0, alone.output


def test_another_release_makes_none(file: Path, releases: Path, tmp_path: Path) -> None:
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "0.2.0").symlink_to(releases / "eplus" / "0.2.0")
    generator = ("generator", "--particle", "eplus", "--releases", str(tmp_path / "newer"))
    with listening(generator) as (server,):
        result = replayed(file, server.address)
    assert result.exit_code == 2
    assert "release 0.1.0 of eplus made the showers and is not served" in result.stderr
    assert "served: 0.2.0" in result.stderr
