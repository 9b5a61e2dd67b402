"""``caloserve serve`` on a unix socket, as on a node of a cluster."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from caloserve_client import CaloServeClient


@contextmanager
def serving(releases: Path, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "caloserve", "serve", "--releases", str(releases), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), "TMPDIR": str(folder)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=20)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")  # a socket's path has room for 107 characters


def test_a_stack_on_a_socket_serves_and_leaves_nothing_behind(releases: Path, folder: Path) -> None:
    socket = folder / "router.sock"
    with serving(releases, folder, "--address", f"unix:{socket}") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["address"] == f"unix:{socket}"
        with CaloServeClient(f"unix:{socket}") as client:
            event = client.generate_event([("eplus", 10.0), ("gamma", 20.0), ("piplus", 30.0)], seed=1)
        assert event.cells_mev.shape == (3, 504)
        (private,) = folder.glob("caloserve-*")
        assert private.stat().st_mode & 0o777 == 0o700
        assert sorted(path.name for path in private.iterdir()) == ["eplus.sock", "gamma.sock", "piplus.sock"]
        process.terminate()
        _, log = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Traceback" not in log
    assert not list(folder.glob("*caloserve*")) + list(folder.glob("*.sock"))


def test_a_socket_in_use_is_told_and_the_first_stack_goes_on(releases: Path, folder: Path) -> None:
    address = f"unix:{folder / 'router.sock'}"
    with serving(releases, folder, "--address", address) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with serving(releases, folder, "--address", address) as second:
            _, log = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f"cannot listen on {address}" in log
        with CaloServeClient(address) as client:
            assert client.generate_showers("gamma", [10.0]).cells_mev.any()


def test_a_socket_left_by_a_killed_stack_is_used_again(releases: Path, folder: Path) -> None:
    address = f"unix:{folder / 'router.sock'}"
    for _ in range(2):
        with serving(releases, folder, "--address", address) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["address"] == address
            process.kill()
        time.sleep(0.5)


def test_another_address_than_a_socket_is_refused(releases: Path, folder: Path) -> None:
    with serving(releases, folder, "--address", "0.0.0.0:50050") as process:
        _, log = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "is not unix:PATH" in log
