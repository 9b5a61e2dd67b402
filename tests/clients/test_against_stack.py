"""The client and its commands against real services with stand-in releases."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from caloserve_client import AsyncCaloServeClient, CaloServeClient, EmbeddedStack, ShowersFailedError, ShowerStatus
from caloserve_client.commands.demo import demo
from caloserve_client.commands.describe import describe
from caloserve_client.commands.generate import generate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from caloserve.stack.stack import Stack

KINDS = (-11, 22, 211)
PARTICLES = [(KINDS[row % 3], 1.0 + row % 60) for row in range(2100)]


@pytest.fixture
def routed_client(stack: Stack) -> Iterator[CaloServeClient]:
    with CaloServeClient(stack.router.address) as client:
        yield client


def test_same_event_in_one_answer_in_a_stream_and_by_kind(routed_client: CaloServeClient) -> None:
    event = routed_client.generate_event(PARTICLES, seed=3, event_id=5, output="both")
    part = routed_client.generate_event(PARTICLES[:1500], seed=3, event_id=5, output="both")
    np.testing.assert_array_equal(event.cells_mev[:1500], part.cells_mev)
    chunks = list(routed_client.iter_event(PARTICLES[:1500], seed=3, event_id=5, output="both"))
    assert [len(chunk) for chunk in chunks] == [512, 512, 476]
    np.testing.assert_array_equal(np.concatenate([chunk.cells_mev for chunk in chunks]), part.cells_mev)
    np.testing.assert_array_equal(chunks[-1].sum_mev, part.sum_mev)
    gammas = np.flatnonzero(event.pdg_ids == 22)
    showers = routed_client.generate_showers("gamma", event.energies_gev[gammas], seed=3, event_id=5, indices=gammas)
    np.testing.assert_array_equal(showers.cells_mev, event.cells_mev[gammas])
    assert showers.provenance == event.provenance["gamma"]


async def test_the_asyncio_client(stack: Stack, routed_client: CaloServeClient) -> None:
    async with AsyncCaloServeClient(stack.router.address) as client:
        event = await client.generate_event(PARTICLES, seed=3)
    np.testing.assert_array_equal(event.cells_mev, routed_client.generate_event(PARTICLES, seed=3).cells_mev)


def test_failures_are_told(routed_client: CaloServeClient) -> None:
    event = routed_client.generate_event([(22, 10.0), (22, 500.0), (2212, 5.0)], partial=True)
    assert [ShowerStatus(status).name for status in event.statuses] == ["OK", "OUT_OF_DOMAIN", "UNKNOWN_PARTICLE"]
    with pytest.raises(ShowersFailedError, match="1536 of 1536"):
        routed_client.generate_event([(22, 500.0)] * 1536)


def test_a_single_generator_needs_no_router(stack: Stack, routed_client: CaloServeClient) -> None:
    address = next(server.address for server in stack.generators if server.name == "eplus")
    with CaloServeClient(address) as client:
        assert client.describe().particle == "eplus"
        showers = client.generate_showers("eplus", [10.0], release="0.1.0")
    assert showers.provenance == routed_client.generate_showers("eplus", [10.0], release="0.1.0").provenance


def test_commands(stack: Stack, tmp_path: Path) -> None:
    target = ["--target", stack.router.address]
    files = [tmp_path / "one.hdf5", tmp_path / "two.hdf5"]
    for path in files:
        arguments = ["--particle", "eplus", "--uniform", "1:60", "--count", "1000", "--output", str(path)]
        result = CliRunner().invoke(generate, [*arguments, *target])
        assert result.exit_code == 0, result.output
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "serving" in CliRunner().invoke(describe, target).stdout
    result = CliRunner().invoke(demo, ["--output", str(tmp_path / "event.png"), *target])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "event.png").stat().st_size < 1_000_000


def test_an_embedded_stack(releases: Path, routed_client: CaloServeClient) -> None:
    command = (sys.executable, "-m", "caloserve", "serve", "--port", "0", "--releases", str(releases))
    with EmbeddedStack(command) as stack, CaloServeClient(stack.target) as client:
        event = client.generate_event(PARTICLES[:30], seed=3)
    np.testing.assert_array_equal(event.cells_mev, routed_client.generate_event(PARTICLES[:30], seed=3).cells_mev)


def test_parts_of_an_event_asked_by_themselves_are_those_of_the_whole(routed_client: CaloServeClient) -> None:
    whole = routed_client.generate_event(PARTICLES[:30], seed=3, output="both")
    back = routed_client.generate_event(PARTICLES[10:30], seed=3, indices=range(10, 30))
    np.testing.assert_array_equal(back.cells_mev, whole.cells_mev[10:])
    chunks = list(routed_client.iter_event(PARTICLES[10:30], seed=3, indices=np.arange(10, 30)))
    np.testing.assert_array_equal(chunks[0].cells_mev, back.cells_mev)
