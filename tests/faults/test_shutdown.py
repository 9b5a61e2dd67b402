import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from caloserve.calorimeter.errors import StackError
from caloserve.stack.processes import ServerProcess, stop
from caloserve.stack.stack import Stack
from caloserve.v1 import event_pb2, event_pb2_grpc


def test_a_router_with_calls_open_ends_within_its_grace_and_without_a_traceback(
    own_stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    router = own_stack.router

    def requests() -> Iterator[event_pb2.GenerateEventsRequest]:
        request = event_pb2.GenerateEventRequest(particles=[event_pb2.Particle(pdg_id=22, kinetic_energy_gev=10)])
        yield event_pb2.GenerateEventsRequest(request=request)
        time.sleep(8)

    with grpc.insecure_channel(router.address) as channel:
        next(event_pb2_grpc.EventServiceStub(channel).GenerateEvents(requests()))
        next(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()))
        began = time.monotonic()
        router.process.send_signal(signal.SIGTERM)
        assert router.process.wait(10) == 0
        assert time.monotonic() - began < 7
    assert "Traceback" not in capfd.readouterr().err


def test_a_socket_that_somebody_listens_on_is_not_taken_over(releases: Path, tmp_path: Path) -> None:
    arguments = ("--address", f"unix:{tmp_path}/x.sock", "--metrics-address", "127.0.0.1:0")
    first = ServerProcess("generator", "--particle", "eplus", "--releases", str(releases / "eplus"), *arguments)
    try:
        first.wait_until_listening()
        second = ServerProcess("generator", "--particle", "gamma", "--releases", str(releases / "gamma"), *arguments)
        with pytest.raises(StackError, match="ended with status 1"):
            second.wait_until_listening()
        stop([second])
    finally:
        stop([first])
