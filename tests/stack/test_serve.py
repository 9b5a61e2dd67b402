import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from caloserve.stack.processes import ServerProcess, stop
from caloserve.stack.stack import running_stack
from caloserve.v1 import event_pb2, event_pb2_grpc, shower_pb2

OK, UNAVAILABLE = shower_pb2.SHOWER_STATUS_OK, shower_pb2.SHOWER_STATUS_UNAVAILABLE


@contextmanager
def serving(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "caloserve", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=20)  # its processes end with it, or the pipes would stay open


def event(router: str, timeout: float = 10) -> event_pb2.GenerateEventResponse:
    particles = [event_pb2.Particle(pdg_id=pdg_id, kinetic_energy_gev=10) for pdg_id in (-11, 22, 211, 22)]
    with grpc.insecure_channel(router) as channel:
        return event_pb2_grpc.EventServiceStub(channel).GenerateEvent(
            event_pb2.GenerateEventRequest(particles=particles), timeout=timeout
        )


def refuses_connections(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        try:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError:
            return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_is_ready_when_it_says_so_and_ends_cleanly(releases: Path, number: signal.Signals) -> None:
    with serving("--releases", str(releases)) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        assert list(event(address).showers.statuses) == [OK] * 4
        process.send_signal(number)
        output, log = process.communicate(timeout=20)
        assert process.returncode == 0
        assert output == ""
        assert "Traceback" not in log
        assert refuses_connections(address)


def test_one_broken_release_does_not_keep_the_others_from_serving(tmp_path: Path, releases: Path) -> None:
    for particle in ("eplus", "piplus"):
        (tmp_path / particle).symlink_to(releases / particle)
    with serving("--releases", str(tmp_path)) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        answer = event(address)
        assert list(answer.showers.statuses) == [OK, UNAVAILABLE, OK, UNAVAILABLE]
        assert "no release of gamma" in answer.showers.errors[0].message
        with grpc.insecure_channel(address) as channel:
            listed = event_pb2_grpc.EventServiceStub(channel).ListGenerators(event_pb2.ListGeneratorsRequest())
        states = {generator.particle: generator.state for generator in listed.generators}
        assert states["gamma"] == event_pb2.GENERATOR_STATE_NOT_SERVING
        assert states["eplus"] == event_pb2.GENERATOR_STATE_SERVING


def test_a_killed_generator_is_unavailable_within_a_second_and_the_others_go_on(releases: Path) -> None:
    with running_stack("127.0.0.1:0", "127.0.0.1:0", releases) as stack:
        router = stack.router.address
        deadline = time.monotonic() + 20
        while list(event(router).showers.statuses) != [OK] * 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        gamma = next(server for server in stack.generators if server.name == "gamma")
        gamma.process.kill()
        began = time.monotonic()
        answer = event(router)
        assert time.monotonic() - began < 1
        assert list(answer.showers.statuses) == [OK, UNAVAILABLE, OK, UNAVAILABLE]
        assert [error.row for error in answer.showers.errors] == [1, 3]
        assert "gamma generator" in answer.showers.errors[0].message
        with grpc.insecure_channel(router) as channel:
            listed = event_pb2_grpc.EventServiceStub(channel).ListGenerators(event_pb2.ListGeneratorsRequest())
        states = {generator.particle: generator.state for generator in listed.generators}
        assert states["gamma"] == event_pb2.GENERATOR_STATE_UNREACHABLE
        gamma.process.wait()

        again = ServerProcess(
            "generator", "--particle", "gamma", "--releases", str(releases / "gamma"), "--address", gamma.address,
            "--metrics-address", "127.0.0.1:0",
        )  # fmt: skip
        try:
            again.wait_until_listening()
            deadline = time.monotonic() + 10
            while list(event(router).showers.statuses) != [OK] * 4:
                assert time.monotonic() < deadline, "the router did not find the generator again"
                time.sleep(0.05)
        finally:
            stop([again])


def test_a_port_in_use_is_told(releases: Path) -> None:
    with serving("--releases", str(releases)) as first:
        assert first.stdout is not None
        port = json.loads(first.stdout.readline())["address"].rpartition(":")[2]
        second = subprocess.run(
            [sys.executable, "-m", "caloserve", "serve", "--port", port, "--metrics-port", "0"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_nothing_is_left_behind_when_serve_itself_is_killed(releases: Path) -> None:
    with serving("--releases", str(releases)) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while not refuses_connections(address):
            assert time.monotonic() < deadline
            time.sleep(0.05)
