"""Replicas of one generator as the router sees them: real processes behind one target."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from caloserve.calorimeter import PARTICLES
from caloserve.router.backends import Backend
from caloserve.stack.processes import ServerProcess, stop
from caloserve.v1 import generator_pb2

REQUEST = generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[10.0, 20.0], seed=1)


@contextmanager
def generators(*releases: Path) -> Iterator[list[ServerProcess]]:
    free_port = "127.0.0.1:0"
    started = [
        ServerProcess(
            "generator", "--particle", "eplus", "--releases", str(folder), "--address", free_port,
            "--metrics-address", free_port,
        )
        for folder in releases
    ]  # fmt: skip
    try:
        for server in started:
            server.wait_until_listening()
        yield started
    finally:
        for server in started:
            server.process.send_signal(signal.SIGCONT)
        stop(started)


@pytest.fixture
async def backend(releases: Path) -> AsyncIterator[tuple[Backend, list[ServerProcess]]]:
    """Two replicas of the eplus generator."""
    with generators(releases / "eplus", releases / "eplus") as replicas:
        made = Backend(PARTICLES["eplus"], "ipv4:" + ",".join(server.address for server in replicas))
        await settled(made)
        yield made, replicas
        await made.close()


async def settled(backend: Backend) -> None:
    deadline = time.monotonic() + 20
    while (await outcomes(backend, 0.5)).keys() != {"OK"}:
        assert time.monotonic() < deadline


async def outcomes(backend: Backend, seconds: float) -> Counter[str]:
    """How calls end that four callers make for a while."""
    ends: Counter[str] = Counter()
    deadline = time.monotonic() + seconds

    async def call_on_and_on() -> None:
        while time.monotonic() < deadline:
            try:
                await backend.stub.GenerateShowers(REQUEST, timeout=20)
                ends["OK"] += 1
            except grpc.aio.AioRpcError as error:
                ends[error.code().name] += 1
            await asyncio.sleep(0.02)

    await asyncio.gather(*(call_on_and_on() for _ in range(4)))
    return ends


def showers_made(server: ServerProcess) -> float:
    with urlopen(f"http://{server.metrics_address}/metrics") as page:
        families = text_string_to_metric_families(page.read().decode())
        return sum(
            sample.value for family in families for sample in family.samples if sample.name == "caloserve_showers_total"
        )


async def test_calls_go_round_the_replicas(backend: tuple[Backend, list[ServerProcess]]) -> None:
    router, replicas = backend
    before = [showers_made(server) for server in replicas]
    ends = await outcomes(router, 1.5)
    made = [showers_made(server) - start for server, start in zip(replicas, before, strict=True)]
    assert sum(made) == 2 * ends["OK"]
    assert min(made) > 0.3 * sum(made)


async def test_a_replica_that_is_killed_costs_no_call(backend: tuple[Backend, list[ServerProcess]]) -> None:
    router, replicas = backend
    calling = asyncio.create_task(outcomes(router, 3))
    await asyncio.sleep(1)
    replicas[0].process.kill()
    assert (await calling).keys() == {"OK"}


async def test_a_replica_that_ends_calmly_costs_no_call(backend: tuple[Backend, list[ServerProcess]]) -> None:
    router, replicas = backend
    calling = asyncio.create_task(outcomes(router, 3))
    await asyncio.sleep(1)
    replicas[0].process.terminate()
    assert (await calling).keys() == {"OK"}


async def test_calls_to_a_frozen_replica_are_made_again_at_another(
    backend: tuple[Backend, list[ServerProcess]],
) -> None:
    router, replicas = backend
    calling = asyncio.create_task(outcomes(router, 6))
    await asyncio.sleep(1)
    replicas[0].process.send_signal(signal.SIGSTOP)
    assert (await calling).keys() == {"OK"}


async def test_connections_that_are_renewed_cost_no_call(backend: tuple[Backend, list[ServerProcess]]) -> None:
    router, _ = backend
    assert (await outcomes(router, 12)).keys() == {"OK"}  # a connection's age ends at 10 s


async def test_a_replica_without_a_release_is_passed_over(releases: Path, tmp_path: Path) -> None:
    with generators(releases / "eplus", tmp_path) as replicas:
        backend = Backend(PARTICLES["eplus"], "ipv4:" + ",".join(server.address for server in replicas))
        await settled(backend)
        assert (await outcomes(backend, 1)).keys() == {"OK"}
        await backend.close()


async def test_without_any_serving_replica_the_reason_is_told_at_once(tmp_path: Path) -> None:
    with generators(tmp_path) as (replica,):
        backend = Backend(PARTICLES["eplus"], replica.address)
        deadline = time.monotonic() + 20
        while True:
            began = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await backend.stub.GenerateShowers(REQUEST, timeout=5)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            if "no release of eplus" in (caught.value.details() or ""):
                break
            assert time.monotonic() < deadline  # it says that it is loading first
        assert time.monotonic() - began < 1
        with pytest.raises(grpc.aio.AioRpcError, match="no release of eplus"):
            await backend.forward("GenerateShowers", REQUEST.SerializeToString(), 5)
        assert await backend.answers(1)
        await backend.close()
