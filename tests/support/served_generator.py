"""A generator in a process of its own, its health and its metrics."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from caloserve.stack.processes import ServerProcess, stop


@contextmanager
def running_generator(releases: Path, *arguments: str, particle: str = "gamma") -> Iterator[ServerProcess]:
    """A generator with these releases, once it listens; see ``settled_health`` for when it serves."""
    free = "127.0.0.1:0"
    folder = ["--releases", str(releases), "--address", free, "--metrics-address", free]
    server = ServerProcess("generator", "--particle", particle, *folder, *arguments)
    try:
        server.wait_until_listening()
        yield server
    finally:
        stop([server])


def settled_health(channel: grpc.Channel, service: str = "") -> int:
    """The health once it is no longer UNKNOWN."""
    stub = health_pb2_grpc.HealthStub(channel)
    deadline = monotonic() + 20
    while monotonic() < deadline:
        status = stub.Check(health_pb2.HealthCheckRequest(service=service)).status
        if status != health_pb2.HealthCheckResponse.UNKNOWN:
            return int(status)
        sleep(0.02)
    raise AssertionError("the health stayed UNKNOWN")


def metrics(server: ServerProcess) -> dict[str, float]:
    """Every sample of /metrics, by name and labels as Prometheus writes them."""
    with urllib.request.urlopen(f"http://{server.metrics_address}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            f"{sample.name}{{{','.join(f'{key}={text}' for key, text in sorted(sample.labels.items()))}}}": sample.value
            for family in families
            for sample in family.samples
        }
