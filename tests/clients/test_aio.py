from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from caloserve_client import (
    AsyncCaloServeClient,
    BadAnswerError,
    CaloServeClient,
    ShowersFailedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from tests.clients.conftest import FakeServer

    from caloserve_client.requests import Choices

PARTICLES = [((-11, 22, 211)[row % 3], 1.0 + row % 90) for row in range(1300)]
ENERGIES = 1 + np.arange(1300) % 90


@pytest.mark.parametrize("per_call", [1536, 600])
async def test_same_showers_as_the_blocking_client(server: FakeServer, client: CaloServeClient, per_call: int) -> None:
    server.limits.showers_per_call = per_call
    server.limits.showers_per_stream = 700
    showers, event = client.generate_showers("gamma", ENERGIES), client.generate_event(PARTICLES, output="both")
    async with AsyncCaloServeClient(server.target) as other:
        same_showers, same_event = await asyncio.gather(
            other.generate_showers("gamma", ENERGIES), other.generate_event(PARTICLES, output="both")
        )
    np.testing.assert_array_equal(same_showers.cells_mev, showers.cells_mev)
    np.testing.assert_array_equal(same_event.cells_mev, event.cells_mev)
    np.testing.assert_array_equal(same_event.sum_mev, event.sum_mev)
    assert same_event.provenance == event.provenance


async def test_same_choices_as_the_blocking_client(server: FakeServer, client: CaloServeClient) -> None:
    choices: Choices = {"energy_policy": "conserve", "max_attempts": 9, "encoding": "bitmap"}
    async with AsyncCaloServeClient(server.target) as other:
        for same, expected in (
            (
                await other.generate_showers("gamma", ENERGIES, **choices),
                client.generate_showers("gamma", ENERGIES, **choices),
            ),
            (await other.generate_event(PARTICLES, **choices), client.generate_event(PARTICLES, **choices)),
        ):
            assert same.attempts.tolist() == [1 + row % 3 for row in range(1300)]
            assert same.cells_mev.tobytes() == expected.cells_mev.tobytes()
            assert same.options == expected.options
        attempts = [chunk.attempts async for chunk in other.iter_showers("gamma", ENERGIES, **choices)]
        attempts += [chunk.attempts async for chunk in other.iter_event(PARTICLES, **choices)]
    assert np.concatenate(attempts).tolist() == 2 * [1 + row % 3 for row in range(1300)]


async def test_iterations(server: FakeServer) -> None:
    async with AsyncCaloServeClient(server.target) as client:
        rows = [chunk.first_row async for chunk in client.iter_showers("eplus", ENERGIES)]
        sums = [chunk.sum_cells is None async for chunk in client.iter_event(PARTICLES, output="sum")]
        async for chunk in client.iter_showers("eplus", ENERGIES):
            assert chunk.first_row == 0
            break
    assert rows == [0, 512, 1024]
    assert sums == [True, True, False]


async def test_descriptions(server: FakeServer) -> None:
    async with AsyncCaloServeClient(server.target) as client:
        assert (await client.describe("gamma")).pdg_id == 22
        assert [generator.particle for generator in await client.list_generators()] == ["eplus", "gamma", "piplus"]


async def test_errors(server: FakeServer, unused_target: str) -> None:
    async with AsyncCaloServeClient(unused_target) as client:
        with pytest.raises(UnavailableError, match=unused_target):
            await client.list_generators()
    async with AsyncCaloServeClient(server.target) as client:
        with pytest.raises(ShowersFailedError, match="1 of 2"):
            await client.generate_event([(22, 10.0), (22, 1000.0)])
        with pytest.raises(ShowersFailedError, match="1 of 2"):
            [chunk async for chunk in client.iter_event([(22, 10.0), (22, 1000.0)])]


async def test_bad_answers(server: FakeServer) -> None:
    def cut(answer: Any) -> None:
        if hasattr(answer, "chunk"):
            answer.chunk.showers.cells_mev.data = b""

    server.tamper = cut
    async with AsyncCaloServeClient(server.target) as client:
        with pytest.raises(BadAnswerError, match="0 bytes"):
            [chunk async for chunk in client.iter_showers("eplus", ENERGIES)]
