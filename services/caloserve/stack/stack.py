"""Router and generators as processes on the loopback interface, or on sockets."""

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from caloserve.calorimeter.particles import PARTICLES
from caloserve.stack.processes import ServerProcess, stop
from caloserve.wire.channels import CHANNEL_OPTIONS

_FREE_PORT: Final = "127.0.0.1:0"
_HEALTH_TIMEOUT_S: Final = 2.0
_POLL_S: Final = 0.05


@dataclass(frozen=True)
class Stack:
    """The running processes."""

    router: ServerProcess
    generators: tuple[ServerProcess, ...]

    @property
    def processes(self) -> tuple[ServerProcess, ...]:
        """Router first."""
        return (self.router, *self.generators)


@contextmanager
def running_stack(
    router_address: str, metrics_address: str, releases: Path | None, *generator_options: str
) -> Iterator[Stack]:
    """Start three generators and a router in front of them; end them all when left.

    Args:
        router_address: where the router listens. When it is unix:PATH, the generators are on sockets too, in a folder
            that no other user can enter; otherwise they are on free ports.
        metrics_address: where the router's metrics are.
        releases: folder with one folder per particle, one per release in each; None takes the installed ones.
        generator_options: passed to every generator.

    Raises:
        StackError: a process ended before it listened.
    """
    started: list[ServerProcess] = []
    with _generator_addresses(on_sockets=router_address.startswith("unix:")) as addresses:
        try:
            for particle, address in addresses.items():
                options = ["--address", address, "--metrics-address", _FREE_PORT, *generator_options]
                if releases is not None:
                    options += ["--releases", str(releases / particle)]
                started.append(ServerProcess("generator", "--particle", particle, *options))
            for generator in started:
                generator.wait_until_listening()
            backends = [f"--backend={server.name}={server.address}" for server in started]
            options = ["--address", router_address, "--metrics-address", metrics_address, *backends]
            router = ServerProcess("router", *options)
            started.append(router)
            router.wait_until_listening()
            yield Stack(router, tuple(started[:-1]))
        finally:
            stop(started)


@contextmanager
def _generator_addresses(*, on_sockets: bool) -> Iterator[Mapping[str, str]]:
    """Where each particle's generator listens."""
    if not on_sockets:
        yield dict.fromkeys(PARTICLES, _FREE_PORT)
        return
    with tempfile.TemporaryDirectory(prefix="caloserve-") as folder:  # it is the user's own: mode 0700
        yield {particle: f"unix:{folder}/{particle}.sock" for particle in PARTICLES}


def wait_until_loaded(stack: Stack, interrupted: threading.Event) -> None:
    """Wait until every generator serves, or has told in its log why it does not, or ``interrupted`` is set."""
    for generator in stack.generators:
        with grpc.insecure_channel(generator.address, CHANNEL_OPTIONS) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            while _loading(health) and generator.running and not interrupted.is_set():
                interrupted.wait(_POLL_S)


def _loading(health: health_pb2_grpc.HealthStub) -> bool:
    try:
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_TIMEOUT_S)
    except grpc.RpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.UNKNOWN)
