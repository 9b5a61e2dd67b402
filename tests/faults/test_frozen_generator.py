import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from caloserve.stack.processes import ServerProcess
from caloserve.stack.stack import Stack
from caloserve.v1 import event_pb2, event_pb2_grpc, shower_pb2

OK = shower_pb2.SHOWER_STATUS_OK
# Whichever comes first: the caller's patience ends, or the connection is given up.
SILENT = (shower_pb2.SHOWER_STATUS_DEADLINE_EXCEEDED, shower_pb2.SHOWER_STATUS_UNAVAILABLE)


@contextmanager
def frozen(server: ServerProcess) -> Iterator[None]:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


def event(count: int) -> event_pb2.GenerateEventRequest:
    kinds = (-11, 22)
    return event_pb2.GenerateEventRequest(
        particles=[event_pb2.Particle(pdg_id=kinds[row % 2], kinetic_energy_gev=10) for row in range(count)]
    )


@pytest.fixture
def events(own_stack: Stack) -> Iterator[event_pb2_grpc.EventServiceStub]:
    """The router, connected to its generators."""
    with grpc.insecure_channel(own_stack.router.address) as channel:
        stub = event_pb2_grpc.EventServiceStub(channel)
        assert list(stub.GenerateEvent(event(2)).showers.statuses) == [OK, OK]
        yield stub


@pytest.fixture
def gamma(own_stack: Stack) -> ServerProcess:
    return next(server for server in own_stack.generators if server.name == "gamma")


def test_the_others_showers_arrive_before_the_callers_deadline(
    events: event_pb2_grpc.EventServiceStub, gamma: ServerProcess
) -> None:
    with frozen(gamma):
        answer = events.GenerateEvent(event(4), timeout=3)
    assert list(answer.showers.statuses[::2]) == [OK, OK]
    assert set(answer.showers.statuses[1::2]) <= set(SILENT)


def test_a_stream_waits_for_a_silent_generator_only_once(
    events: event_pb2_grpc.EventServiceStub, gamma: ServerProcess
) -> None:
    request = event_pb2.GenerateEventStreamRequest(request=event(10_000))
    with frozen(gamma):
        chunks = list(events.GenerateEventStream(request, timeout=6))
    statuses = [status for chunk in chunks for status in chunk.chunk.showers.statuses]
    assert statuses[::2] == [OK] * 5000
    assert len(statuses[1::2]) == 5000
    assert set(statuses[1::2]) <= set(SILENT)


def test_a_thawed_generator_serves_again(events: event_pb2_grpc.EventServiceStub, gamma: ServerProcess) -> None:
    with frozen(gamma):
        events.GenerateEvent(event(2), timeout=2)
    deadline = time.monotonic() + 10
    while list(events.GenerateEvent(event(2), timeout=5).showers.statuses) != [OK, OK]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
