"""More than a generator takes: it says so at once, counts it, and nobody else is harmed."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import grpc
import numpy as np
import pytest

from caloserve.calorimeter import CALOGAN
from caloserve.generator.settings import service_settings
from caloserve.stack.processes import ServerProcess, stop
from caloserve.stack.stack import Stack, wait_until_loaded
from caloserve.v1 import event_pb2, event_pb2_grpc, generator_pb2, generator_pb2_grpc, shower_pb2
from caloserve.wire.channels import CHANNEL_OPTIONS, SHOWERS_PER_CHUNK
from caloserve.wire.tensors import read_cells
from caloserve_client import CaloServeClient, OverloadedError
from served_generator import metrics, running_generator

Stub = generator_pb2_grpc.ShowerGeneratorServiceStub

ROOM: Final = 60
MOST_WAITING: Final = 64
SETTINGS: Final = f"""
showers_per_batch = {ROOM}
showers_waiting = {MOST_WAITING}
batch_wait_ms = 20_000.0
"""
"""An idle engine waits for a full batch: so tests hold showers waiting, and let them go when they like."""


@pytest.fixture(scope="module")
def patient(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A generator of positrons with these settings."""
    file = tmp_path_factory.mktemp("patient") / "service.toml"
    file.write_text(service_settings("eplus").read_text() + SETTINGS)
    with running_generator(releases / "eplus", "--settings", str(file), particle="eplus") as server:
        wait_until_loaded(Stack(server, (server,)), threading.Event())
        yield server


@pytest.fixture
def stub(patient: ServerProcess) -> Iterator[Stub]:
    with grpc.insecure_channel(patient.address, CHANNEL_OPTIONS) as channel:
        yield Stub(channel)


def ask(count: int, seed: int = 1) -> generator_pb2.GenerateShowersRequest:
    return generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[10.0] * count, seed=seed)


def cells(batch: shower_pb2.ShowerBatch) -> np.ndarray:
    return read_cells(batch.cells_mev, (len(batch.statuses), CALOGAN.cells), CALOGAN)


def value(server: ServerProcess, name: str, **labels: str) -> float:
    labels = {"particle": "eplus", **labels}
    told = metrics(server)
    return told[f"{name}{{{','.join(f'{key}={text}' for key, text in sorted(labels.items()))}}}"]


def waiting(server: ServerProcess) -> float:
    return value(server, "caloserve_rows_waiting", release="0.2.0")


def dropped(server: ServerProcess) -> float:
    return sum(
        value(server, "caloserve_dropped_entries_total", release="0.2.0", reason=reason)
        for reason in ("caller_gone", "deadline")
    )


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refusals(server: ServerProcess, code: str) -> float:
    return value(server, "caloserve_refusals_total", method="GenerateShowers", code=code)


def test_a_call_too_many_is_refused_at_once_and_says_what_to_do(
    patient: ServerProcess, stub: Stub, eplus: Stub
) -> None:
    refused_before = refusals(patient, "RESOURCE_EXHAUSTED")
    held = stub.GenerateShowers.future(ask(40))
    until(lambda: waiting(patient) == 40)
    with pytest.raises(grpc.RpcError, match="40 showers wait already; ask again later, or another replica") as caught:
        stub.GenerateShowers(ask(25))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    with CaloServeClient(patient.address) as client, pytest.raises(OverloadedError, match="ask again later"):
        client.generate_showers("eplus", [10.0] * 25)
    assert not held.done()
    assert refusals(patient, "RESOURCE_EXHAUSTED") == refused_before + 2
    last = stub.GenerateShowers(ask(24, seed=2))  # there is room for these, and they fill the batch
    assert cells(last.showers).tobytes() == cells(eplus.GenerateShowers(ask(24, seed=2)).showers).tobytes()
    assert cells(held.result().showers).tobytes() == cells(eplus.GenerateShowers(ask(40)).showers).tobytes()
    assert waiting(patient) == 0


def test_the_router_gives_the_others_of_an_event_and_says_which_were_refused(
    patient: ServerProcess, stub: Stub, stack: Stack, events: event_pb2_grpc.EventServiceStub
) -> None:
    gamma = next(server for server in stack.generators if server.name == "gamma")
    router = ServerProcess(
        "router", "--address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0",
        f"--backend=eplus={patient.address}", f"--backend=gamma={gamma.address}",
    )  # fmt: skip
    event = event_pb2.GenerateEventRequest(
        particles=[event_pb2.Particle(pdg_id=kind, kinetic_energy_gev=20) for kind in (22, *[-11] * 30, 22)]
    )
    try:
        router.wait_until_listening()
        held = stub.GenerateShowers.future(ask(40))
        until(lambda: waiting(patient) == 40)
        with grpc.insecure_channel(router.address, CHANNEL_OPTIONS) as channel:
            made = event_pb2_grpc.EventServiceStub(channel).GenerateEvent(event).showers
        stub.GenerateShowers(ask(24))
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


def test_calls_that_are_cancelled_or_late_are_never_made_and_counted(patient: ServerProcess, stub: Stub) -> None:
    def made() -> float:
        return value(patient, "caloserve_rows_wanted_total", release="0.2.0")

    made_before, dropped_before = made(), dropped(patient)
    held = stub.GenerateShowers.future(ask(20))
    until(lambda: waiting(patient) == 20)
    held.cancel()
    with pytest.raises(grpc.RpcError) as late:
        stub.GenerateShowers(ask(20), timeout=0.5)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: value(patient, "caloserve_calls_in_flight", method="GenerateShowers") == 0)
    assert waiting(patient) == 40  # they are dropped when their turn comes
    stub.GenerateShowers(ask(24))
    assert made() == made_before + 24
    assert dropped(patient) == dropped_before + 2
    assert waiting(patient) == 0
    assert refusals(patient, "CANCELLED") >= 1


def test_a_stream_that_has_begun_is_not_refused_half_way(patient: ServerProcess, stub: Stub, eplus: Stub) -> None:
    count = 20 * SHOWERS_PER_CHUNK
    request = generator_pb2.GenerateShowersStreamRequest(request=ask(count, seed=9))
    chunks = stub.GenerateShowersStream(request)
    begun = [next(chunks)]
    until(lambda: standing_still(patient))  # nobody reads
    held = stub.GenerateShowers.future(ask(40))
    until(lambda: waiting(patient) == 40)
    with pytest.raises(grpc.RpcError) as caught:
        next(stub.GenerateShowersStream(request))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    begun += chunks  # what waits with the next chunk fills a batch
    held.result()
    assert [chunk.first_row for chunk in begun] == list(range(0, count, SHOWERS_PER_CHUNK))
    expected = eplus.GenerateShowersStream(request)
    for mine, other in zip(begun, expected, strict=True):
        assert cells(mine.chunk.showers).tobytes() == cells(other.chunk.showers).tobytes()


def standing_still(server: ServerProcess) -> bool:
    batches = value(server, "caloserve_batches_total", release="0.2.0")
    time.sleep(0.3)
    return waiting(server) == 0 and value(server, "caloserve_batches_total", release="0.2.0") == batches
