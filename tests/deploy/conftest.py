import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from caloserve.generator.manifest import Fidelity, Figure
from caloserve.generator.physics import ENERGY_BINS_GEV
from caloserve.stack.stack import Stack, running_stack, wait_until_loaded
from caloserve.v1 import event_pb2, event_pb2_grpc, generator_pb2, generator_pb2_grpc, shower_pb2
from standin_release import NAN_GEV, NEGATIVE_GEV, write_release

DEPLOY = Path(__file__).parents[2] / "deploy"


def program(name: str) -> str:
    """Where a program of Prometheus is; skips the test, saying why, where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on PATH; Debian's package prometheus has it")
    return found


@pytest.fixture(scope="session")
def promtool() -> str:
    return program("promtool")


@pytest.fixture(scope="session")
def prometheus_server() -> str:
    return program("prometheus")


class Prometheus:
    """A running server, asked over HTTP."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://{self._address}{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def series(self, expression: str) -> list[Any]:
        """The series that an expression has now, those that are not a number left out."""
        result = self.get("/api/v1/query", query=expression)["result"]
        return [series for series in result if series["value"][1] != "NaN"]

    @property
    def ready(self) -> bool:
        try:
            urllib.request.urlopen(f"http://{self._address}/-/ready", timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def running_prometheus(executable: str, stack: Stack, folder: Path) -> Iterator[Prometheus]:
    """Prometheus with the rules as they are deployed; the stack's addresses stand in for names in DNS."""
    scraped = [
        {
            "job_name": job,
            "static_configs": [
                {"targets": [server.metrics_address], "labels": {"service": server.name}} for server in servers
            ],
        }
        for job, servers in (("generators", stack.generators), ("router", (stack.router,)))
    ]
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus" / "rules" / "*.yml")],
        "scrape_configs": scraped,
    }
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(configuration))  # JSON is YAML too
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                executable,
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        server = Prometheus(address)
        wait_for(lambda: server.ready or process.poll() is not None, "Prometheus did not start")
        assert process.poll() is None, (folder / "log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(20)


def wait_for(true: Callable[[], object], otherwise: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def load(stack: Stack, seconds: float) -> None:
    """Ask for everything that can be asked, wrong things too, some dozen times a second."""
    with grpc.insecure_channel(stack.router.address) as channel:
        asker = Asker(event_pb2_grpc.EventServiceStub(channel), generator_pb2_grpc.ShowerGeneratorServiceStub(channel))
        asker.ask_once_in_a_while()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            asker.ask()
            time.sleep(0.02)


class Asker:
    """A client of the router."""

    def __init__(
        self, events: event_pb2_grpc.EventServiceStub, showers: generator_pb2_grpc.ShowerGeneratorServiceStub
    ) -> None:
        self._events = events
        self._showers = showers
        self._random = np.random.default_rng(1)

    def ask(self) -> None:
        """An event of all kinds, showers of each release, one bad cell of each sort, and refused requests."""
        kinds = self._random.choice([-11, 22, 211, 13], 20).tolist()
        energies = [*self._energies(18), NAN_GEV, NEGATIVE_GEV]
        particles = [
            event_pb2.Particle(pdg_id=kind, kinetic_energy_gev=energy)
            for kind, energy in zip(kinds, energies, strict=True)
        ]
        self._events.GenerateEvent(event_pb2.GenerateEventRequest(particles=particles))
        for particle, release in (("eplus", "0.1.0"), ("eplus", ""), ("gamma", ""), ("piplus", "")):
            self._showers.GenerateShowers(shower_request(particle, self._energies(10), release))
        for request in (shower_request("gamma", []), shower_request("eplus", [5.0], "7.7.7")):
            refused(partial(self._showers.GenerateShowers, request))
        refused(lambda: self._events.GenerateEvent(event_pb2.GenerateEventRequest()))

    def ask_once_in_a_while(self) -> None:
        """Streams and descriptions."""
        event = event_pb2.GenerateEventRequest(
            particles=[event_pb2.Particle(pdg_id=22, kinetic_energy_gev=energy) for energy in self._energies(1000)]
        )
        list(self._events.GenerateEventStream(event_pb2.GenerateEventStreamRequest(request=event)))
        event = event_pb2.GenerateEventRequest(particles=event.particles[:5])
        list(self._events.GenerateEvents(event_pb2.GenerateEventsRequest(request=event) for _ in range(3)))
        self._events.ListGenerators(event_pb2.ListGeneratorsRequest())
        for particle in ("eplus", "gamma", "piplus"):
            request = shower_request(particle, self._energies(1000))
            list(self._showers.GenerateShowersStream(generator_pb2.GenerateShowersStreamRequest(request=request)))
            self._showers.DescribeGenerator(generator_pb2.DescribeGeneratorRequest(particle=particle))

    def _energies(self, count: int) -> list[float]:
        return [float(energy) for energy in self._random.uniform(1, 100, count)]


def shower_request(particle: str, energies_gev: list[float], release: str = "") -> generator_pb2.GenerateShowersRequest:
    return generator_pb2.GenerateShowersRequest(
        particle=particle,
        energies_gev=energies_gev,
        release=release,
        failure_policy=shower_pb2.FAILURE_POLICY_PER_SHOWER,
    )


def refused(call: Callable[[], object]) -> None:
    with pytest.raises(grpc.RpcError):
        call()


@pytest.fixture(scope="session")
def judged_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-in releases with the figures that live physics is compared with; eplus has an older one too."""
    root = tmp_path_factory.mktemp("judged-releases")
    figures = tuple(
        Figure(f"{quantity}_mean_{low}_{high}_gev", 0.3, 0.3, "", 100)
        for quantity in ("response", "f_0", "f_1", "f_2")
        for low, high in ENERGY_BINS_GEV
    )
    for particle, version in (("eplus", "0.1.0"), ("eplus", "0.2.0"), ("gamma", "0.1.0"), ("piplus", "0.1.0")):
        manifest = write_release(root / particle, particle, version)
        judged = replace(manifest, fidelity=Fidelity("0" * 64, 100, figures))
        judged.write(root / particle / version / "manifest.json")
    return root


@pytest.fixture(scope="session")
def watched_stack(judged_releases: Path) -> Iterator[Stack]:
    with running_stack("127.0.0.1:0", "127.0.0.1:0", judged_releases) as stack:
        wait_until_loaded(stack, threading.Event())
        yield stack


@pytest.fixture(scope="session")
def prometheus(
    prometheus_server: str, watched_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus that has watched the stack under a short load of everything that can be asked, wrong things too."""
    with running_prometheus(prometheus_server, watched_stack, tmp_path_factory.mktemp("prometheus")) as server:
        wait_for(lambda: len(server.series("up == 1")) == 4, "not every process was scraped")
        load(watched_stack, seconds=15)
        time.sleep(3)  # two more scrapes, and the rules that build on them
        yield server
