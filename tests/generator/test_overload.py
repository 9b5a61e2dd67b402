"""More than a generator takes: it says so at once, counts it, and nobody else is harmed."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import grpc
import numpy as np
import pytest

import model_kinds
from caloserve.calorimeter import CALOGAN
from caloserve.generator.settings import service_settings
from caloserve.stack.processes import ServerProcess, stop
from caloserve.stack.stack import Stack, wait_until_loaded
from caloserve.v1 import event_pb2, event_pb2_grpc, generator_pb2, generator_pb2_grpc, shower_pb2
from caloserve.wire.channels import CHANNEL_OPTIONS, SHOWERS_PER_CHUNK
from caloserve.wire.tensors import read_cells
from caloserve_client import CaloServeClient, OverloadedError
from model_kinds import SLOW_GEV
from served_generator import metrics, running_generator
from standin_release import write_release

Stub = generator_pb2_grpc.ShowerGeneratorServiceStub

MOST_WAITING: Final = 64
QUICK: Final = 10
"""Showers beside the slow ones: a batch of so many is never made in the event loop's own thread."""
SETTINGS: Final = f"""
showers_per_batch = 100
showers_waiting = {MOST_WAITING}
"""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A generator of positrons that few may wait for, and that some showers keep busy for a while."""
    folder = tmp_path_factory.mktemp("slow")
    write_release(folder, "eplus", model_kind=model_kinds.slow_at_one_energy())
    file = folder / "service.toml"
    file.write_text(service_settings("eplus").read_text() + SETTINGS)
    with running_generator(folder, "--settings", str(file), particle="eplus") as server:
        wait_until_loaded(Stack(server, (server,)), threading.Event())
        yield server


@pytest.fixture
def stub(slow: ServerProcess) -> Iterator[Stub]:
    # Not more than 64 kB is under way to somebody who does not read.
    with grpc.insecure_channel(slow.address, [*CHANNEL_OPTIONS, ("grpc.http2.bdp_probe", 0)]) as channel:
        yield Stub(channel)


@contextmanager
def busy(server: ServerProcess, stub: Stub, showers: int = 2) -> Iterator[None]:
    """The engine is at work until the end of the block, and longer."""
    energies = [SLOW_GEV] * showers + [10.0] * QUICK
    request = generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=energies)
    calls = value(server, "caloserve_calls_in_flight", method="GenerateShowers")
    working = stub.GenerateShowers.future(request)
    until(lambda: value(server, "caloserve_calls_in_flight", method="GenerateShowers") > calls)
    yield
    assert not working.done(), "the engine was not kept busy for long enough"
    working.result()


def ask(count: int, seed: int = 1) -> generator_pb2.GenerateShowersRequest:
    return generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[10.0] * count, seed=seed)


def cells(batch: shower_pb2.ShowerBatch) -> np.ndarray:
    return read_cells(batch.cells_mev, (len(batch.statuses), CALOGAN.cells), CALOGAN)


def value(server: ServerProcess, name: str, **labels: str) -> float:
    labels = {"particle": "eplus", **labels}
    told = metrics(server)
    return told[f"{name}{{{','.join(f'{key}={text}' for key, text in sorted(labels.items()))}}}"]


def waiting(server: ServerProcess) -> float:
    return value(server, "caloserve_rows_waiting", release="0.1.0")


def dropped(server: ServerProcess, *reasons: str) -> float:
    return sum(value(server, "caloserve_dropped_entries_total", release="0.1.0", reason=reason) for reason in reasons)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refusals(server: ServerProcess, code: str) -> float:
    return value(server, "caloserve_refusals_total", method="GenerateShowers", code=code)


def test_a_call_too_many_is_refused_at_once_and_says_what_to_do(slow: ServerProcess, stub: Stub) -> None:
    alone, last_alone = (stub.GenerateShowers(ask(count, seed)).showers for count, seed in ((40, 1), (24, 2)))
    refused_before, full_before = refusals(slow, "RESOURCE_EXHAUSTED"), dropped(slow, "no_room")
    with busy(slow, stub):
        held = stub.GenerateShowers.future(ask(40, seed=1))
        until(lambda: waiting(slow) == 40)
        with pytest.raises(grpc.RpcError, match="40 showers wait already; ask again later, or another rep") as caught:
            stub.GenerateShowers(ask(25))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        with CaloServeClient(slow.address) as client, pytest.raises(OverloadedError, match="ask again later"):
            client.generate_showers("eplus", [10.0] * 25)
        assert refusals(slow, "RESOURCE_EXHAUSTED") == refused_before + 2
        assert dropped(slow, "no_room") == full_before + 2
        last = stub.GenerateShowers.future(ask(24, seed=2))  # there is room for these
        until(lambda: waiting(slow) == MOST_WAITING)
        assert not held.done()
    assert cells(held.result().showers).tobytes() == cells(alone).tobytes()
    assert cells(last.result().showers).tobytes() == cells(last_alone).tobytes()
    assert waiting(slow) == 0


def test_the_router_gives_the_others_of_an_event_and_says_which_were_refused(
    slow: ServerProcess, stub: Stub, stack: Stack, events: event_pb2_grpc.EventServiceStub
) -> None:
    gamma = next(server for server in stack.generators if server.name == "gamma")
    router = ServerProcess(
        "router", "--address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0",
        f"--backend=eplus={slow.address}", f"--backend=gamma={gamma.address}",
    )  # fmt: skip
    event = event_pb2.GenerateEventRequest(
        particles=[event_pb2.Particle(pdg_id=kind, kinetic_energy_gev=20) for kind in (22, *[-11] * 30, 22)]
    )
    try:
        router.wait_until_listening()
        with grpc.insecure_channel(router.address, CHANNEL_OPTIONS) as channel:
            routed = event_pb2_grpc.EventServiceStub(channel)
            routed.GenerateEvent(event)  # everybody is connected
            with busy(slow, stub):
                held = stub.GenerateShowers.future(ask(40))
                until(lambda: waiting(slow) == 40)
                made = routed.GenerateEvent(event).showers
            held.result()
        told = metrics(router)
    finally:
        stop([router])
    ok, refused = shower_pb2.SHOWER_STATUS_OK, shower_pb2.SHOWER_STATUS_RESOURCE_EXHAUSTED
    assert list(made.statuses) == [ok, *[refused] * 30, ok]
    assert [error.row for error in made.errors] == list(range(1, 31))
    assert "40 showers wait already" in made.errors[0].message
    assert cells(made)[[0, 31]].tobytes() == cells(events.GenerateEvent(event).showers)[[0, 31]].tobytes()
    assert not cells(made)[1:31].any()
    assert told["caloserve_router_particles_total{status=resource_exhausted}"] == 30
    assert told["caloserve_router_backend_failures_total{code=RESOURCE_EXHAUSTED,particle=eplus}"] == 1


def test_calls_that_are_cancelled_or_late_are_never_made_and_counted(slow: ServerProcess, stub: Stub) -> None:
    def made() -> float:
        return value(slow, "caloserve_rows_wanted_total", release="0.1.0")

    made_before, dropped_before = made(), dropped(slow, "caller_gone", "deadline")
    with busy(slow, stub, showers=3):
        cancelled = stub.GenerateShowers.future(ask(20))
        until(lambda: waiting(slow) == 20)
        cancelled.cancel()
        with pytest.raises(grpc.RpcError) as late:
            stub.GenerateShowers(ask(20), timeout=0.2)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        until(lambda: value(slow, "caloserve_calls_in_flight", method="GenerateShowers") == 1)
        assert waiting(slow) == 40  # they are dropped when their turn comes
    stub.GenerateShowers(ask(24))
    assert made() == made_before + 3 + QUICK + 24
    assert dropped(slow, "caller_gone", "deadline") == dropped_before + 2
    assert waiting(slow) == 0
    assert refusals(slow, "CANCELLED") >= 1


def test_a_stream_that_has_begun_is_not_refused_half_way(slow: ServerProcess, stub: Stub) -> None:
    count = 10 * SHOWERS_PER_CHUNK
    request = generator_pb2.GenerateShowersStreamRequest(request=ask(count, seed=9))
    expected = list(stub.GenerateShowersStream(request))
    chunks = stub.GenerateShowersStream(request)
    begun = [next(chunks)]
    until(lambda: standing_still(slow))  # nobody reads
    with ThreadPoolExecutor(1) as reader, busy(slow, stub, showers=4):
        held = stub.GenerateShowers.future(ask(40))
        until(lambda: waiting(slow) == 40)
        with pytest.raises(grpc.RpcError) as caught:
            next(stub.GenerateShowersStream(request))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        rest = reader.submit(list, chunks)
        until(lambda: waiting(slow) > MOST_WAITING)  # its next chunk is in the line behind
        assert not rest.done()
    begun += rest.result()
    held.result()
    assert [chunk.first_row for chunk in begun] == list(range(0, count, SHOWERS_PER_CHUNK))
    for mine, other in zip(begun, expected, strict=True):
        assert cells(mine.chunk.showers).tobytes() == cells(other.chunk.showers).tobytes()


def standing_still(server: ServerProcess) -> bool:
    batches = value(server, "caloserve_batches_total", release="0.1.0")
    time.sleep(0.3)
    return waiting(server) == 0 and value(server, "caloserve_batches_total", release="0.1.0") == batches
