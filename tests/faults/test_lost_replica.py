"""A replica is killed while calls are under way: the other one makes the same bits, and nobody notices."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from caloserve.stack.processes import ServerProcess, stop
from caloserve.stack.stack import Stack, wait_until_loaded
from caloserve_client import CaloServeClient

FREE: Final = ("--address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0")
PARTICLES: Final = [("eplus", 1.0 + row % 60) for row in range(4000)]
CALLERS: Final = 4


@pytest.fixture
def replicas(releases: Path) -> Iterator[list[ServerProcess]]:
    folder = str(releases / "eplus")
    started = [ServerProcess("generator", "--particle", "eplus", "--releases", folder, *FREE) for _ in range(2)]
    try:
        for server in started:
            server.wait_until_listening()
        wait_until_loaded(Stack(started[0], tuple(started)), threading.Event())
        yield started
    finally:
        stop(started)


@pytest.fixture
def router(replicas: list[ServerProcess]) -> Iterator[str]:
    addresses = ",".join(server.address for server in replicas)
    server = ServerProcess("router", f"--backend=eplus=ipv4:{addresses}", *FREE)
    try:
        server.wait_until_listening()
        yield server.address
    finally:
        stop([server])


def test_events_under_way_are_made_by_the_other_one_to_the_bit(replicas: list[ServerProcess], router: str) -> None:
    killed = threading.Event()

    def ask(caller: int) -> list[bytes]:
        """The same long event until one has begun after the loss; each in parts, which go round the replicas."""
        made = []
        with CaloServeClient(router) as client:
            last = False
            while not last:
                last = killed.is_set()
                event = client.generate_event(
                    PARTICLES, seed=3, event_id=caller, energy_policy="conserve", energy_tolerance=0.5
                )
                made.append(event.cells_mev.tobytes())
        return made

    with CaloServeClient(router) as client:
        expected = {
            caller: client.generate_event(
                PARTICLES, seed=3, event_id=caller, energy_policy="conserve", energy_tolerance=0.5
            ).cells_mev.tobytes()
            for caller in range(CALLERS)
        }
        makers: set[str] = set()
        while len(makers) < 2:
            makers.add(client.generate_showers("eplus", [10.0]).provenance.instance)
    with ThreadPoolExecutor(CALLERS) as callers:
        asking = [callers.submit(ask, caller) for caller in range(CALLERS)]
        threading.Event().wait(0.3)  # they are in the middle of it
        replicas[0].process.kill()
        replicas[0].process.wait()
        killed.set()
        for caller, asked in enumerate(asking):
            assert set(asked.result()) == {expected[caller]}
