"""Router and generators as processes on the loopback interface."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from caloserve.calorimeter.particles import PARTICLES
from caloserve.stack.processes import ServerProcess, stop
from caloserve.wire.channels import CHANNEL_OPTIONS

_HOST: Final = "127.0.0.1"
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
    """Start three generators on free ports and a router in front of them; end them all when left.

    Args:
        router_address: where the router listens.
        metrics_address: where the router's metrics are.
        releases: folder with one folder per particle, one per release in each; None takes the installed ones.
        generator_options: passed to every generator.

    Raises:
        StackError: a process ended before it listened.
    """
    started: list[ServerProcess] = []
    free_port = f"{_HOST}:0"
    try:
        for particle in PARTICLES:
            options = ["--address", free_port, "--metrics-address", free_port, *generator_options]
            if releases is not None:
                options += ["--releases", str(releases / particle)]
            started.append(ServerProcess("generator", "--particle", particle, *options))
        for generator in started:
            generator.wait_until_listening()
        backends = [f"--backend={server.name}={server.address}" for server in started]
        router = ServerProcess("router", "--address", router_address, "--metrics-address", metrics_address, *backends)
        started.append(router)
        router.wait_until_listening()
        yield Stack(router, tuple(started[:-1]))
    finally:
        stop(started)


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
