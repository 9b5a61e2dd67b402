"""Many callers of one generator at once: each gets the showers that it would get alone, and none waits for ever."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Final

import grpc
import numpy as np
import pytest

from caloserve.calorimeter import CALOGAN
from caloserve.stack.stack import Stack
from caloserve.v1 import generator_pb2, generator_pb2_grpc, shower_pb2, tensor_pb2
from caloserve.wire.channels import SHOWERS_PER_CHUNK
from caloserve.wire.tensors import read_cells

Stub = generator_pb2_grpc.ShowerGeneratorServiceStub

CALLERS: Final = 16
CALLS_EACH: Final = 12
SHOWERS: Final = 240
"""Different ones that are asked for; the stand-in positrons deposit 1.5 times their energy on average."""
ENERGIES_GEV: Final = np.random.default_rng(3).uniform(1, 60, SHOWERS).astype(np.float32)
POLICIES: Final = (
    shower_pb2.GenerationOptions(),
    shower_pb2.GenerationOptions(energy_policy=shower_pb2.ENERGY_POLICY_CONSERVE, energy_tolerance=0.5),
)


@dataclass(frozen=True)
class Made:
    cells_mev: np.ndarray
    attempts: np.ndarray


def request(rows: Sequence[int], policy: int, encoding: int = 0) -> generator_pb2.GenerateShowersRequest:
    options = shower_pb2.GenerationOptions(encoding=tensor_pb2.Encoding.keys()[encoding])
    options.MergeFrom(POLICIES[policy])
    return generator_pb2.GenerateShowersRequest(
        particle="eplus", energies_gev=ENERGIES_GEV[list(rows)], indices=rows, seed=21, event_id=22, options=options
    )


def read(batches: Sequence[shower_pb2.ShowerBatch]) -> Made:
    cells = [read_cells(batch.cells_mev, (len(batch.statuses), CALOGAN.cells), CALOGAN) for batch in batches]
    attempts = [np.array(batch.attempts or [1] * len(batch.statuses)) for batch in batches]
    return Made(np.concatenate(cells), np.concatenate(attempts))


@pytest.fixture(scope="module")
def alone(eplus: Stub) -> list[Made]:
    """Every shower asked by itself while nobody else asks, by policy."""
    return [
        read([eplus.GenerateShowers(request([row], policy)).showers for row in range(SHOWERS)])
        for policy in range(len(POLICIES))
    ]


def test_each_caller_gets_the_showers_that_it_would_get_alone(stack: Stack, alone: list[Made]) -> None:
    together = threading.Barrier(CALLERS)
    address = next(server.address for server in stack.generators if server.name == "eplus")

    def ask(caller: int) -> int:
        """Compare what comes back, in single showers, small and large answers and streams; return how many came."""
        random = np.random.default_rng(caller)
        asked = 0
        # Some of the callers share a connection, others have one of their own.
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", caller % 2)]) as channel:
            stub = Stub(channel)
            together.wait(20)
            for _ in range(CALLS_EACH):
                policy, encoding = random.integers((2, 3)).tolist()
                streamed = random.integers(2)
                # So many at once that no caller is refused: a chunk of each may wait.
                count = random.choice([1, 3, 31, 33, 200, 1500 if streamed else SHOWERS_PER_CHUNK])
                rows = random.integers(0, SHOWERS, count).tolist()
                wanted = request(rows, policy, encoding)
                if streamed:
                    stream = stub.GenerateShowersStream(generator_pb2.GenerateShowersStreamRequest(request=wanted))
                    made = read([chunk.chunk.showers for chunk in stream])
                else:
                    made = read([stub.GenerateShowers(wanted).showers])
                assert made.cells_mev.tobytes() == alone[policy].cells_mev[rows].tobytes()
                assert made.attempts.tolist() == alone[policy].attempts[rows].tolist()
                asked += len(rows)
        return asked

    with ThreadPoolExecutor(CALLERS) as callers:
        assert sum(callers.map(ask, range(CALLERS))) > CALLERS * CALLS_EACH * 100
    assert alone[1].attempts.max() > 2


def test_a_hundred_thousand_showers_do_not_starve_single_ones(eplus: Stub) -> None:
    count, singles = 100_000, 12
    chunks: list[int] = []
    begun = threading.Event()

    def read_all() -> None:
        wanted = generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[10.0] * count)
        for chunk in eplus.GenerateShowersStream(generator_pb2.GenerateShowersStreamRequest(request=wanted)):
            chunks.append(chunk.first_row)
            begun.set()

    reader = threading.Thread(target=read_all)
    reader.start()
    assert begun.wait(20)
    passed = []
    for row in range(singles):
        before = len(chunks)
        eplus.GenerateShowers(generator_pb2.GenerateShowersRequest(particle="eplus", energies_gev=[5.0], indices=[row]))
        passed.append(len(chunks) - before)
    after_singles = len(chunks)
    reader.join()
    assert chunks == list(range(0, count, SHOWERS_PER_CHUNK))
    assert after_singles < len(chunks), "the stream ended before the single showers"
    assert median(passed) <= 3, "single showers wait for several chunks"
    assert after_singles > 1, "the stream stood still"
