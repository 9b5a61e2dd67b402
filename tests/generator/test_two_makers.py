"""Two makers and many hasty callers: rows that are drawn again, faults, callers that go."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import pytest

from caloserve.calorimeter import CALOGAN
from caloserve.calorimeter.errors import DeadlineError, OverloadedError
from caloserve.generator.batcher import Batcher, Piece
from caloserve.generator.manifest import Domain
from caloserve.generator.orders import Order
from caloserve.generator.showers import Showers
from caloserve.v1 import shower_pb2
from caloserve.wire.idle import IdleLoop
from caloserve.wire.options import EnergyLimit

CALLERS: Final = 30
CALLS_EACH: Final = 25
ATTEMPTS: Final = 3
TOO_MUCH_MEV: Final = 1e6


class FlawedError(Exception):
    """What a maker raises now and then."""


class HastyMaker:
    """Cells tell their row, attempt and seed; the first (seed modulo 4) draws exceed the energy."""

    engine: Final = threading.Lock()

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._pieces: Sequence[Piece] = ()

    def prepare(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        time.sleep(2e-4 * self._random.random())

    def run(self) -> None:
        assert self.engine.acquire(blocking=False), "two makers at the engine"
        try:
            time.sleep(4e-4 * self._random.random())
            if self._random.random() < 0.01:
                raise FlawedError
        finally:
            self.engine.release()

    def put_back(self) -> None:
        for showers, rows in self._pieces:
            cells = np.zeros((len(rows), CALOGAN.cells), dtype=np.float32)
            cells[:, 0], cells[:, 1], cells[:, 2] = rows, showers.attempts[rows], showers.order.seed
            cells[showers.attempts[rows] <= showers.order.seed % 4, 3] = TOO_MUCH_MEV
            showers.put(rows, cells, np.ones(len(rows), np.bool_))

    def look_back(self) -> None:
        pass


def order(rows: int, seed: int) -> Order:
    return Order(
        seed=seed,
        event_id=0,
        domain=Domain(1, 100),
        energies_gev=np.full(rows, 50.0, dtype=np.float32),
        indices=np.arange(rows, dtype=np.uint64),
        statuses=np.full(rows, shower_pb2.SHOWER_STATUS_OK, dtype=np.int32),
        energy_limit=EnergyLimit(0.0, ATTEMPTS),
    )


def check(showers: Showers) -> None:
    seed, rows = showers.order.seed, len(showers.order)
    assert len(showers) == 0
    assert showers.attempts.tolist() == [min(seed % 4 + 1, ATTEMPTS)] * rows
    if seed % 4 < ATTEMPTS:
        assert showers.cells_mev[:, 0].tolist() == list(range(rows))
        assert (showers.cells_mev[:, 1] == seed % 4 + 1).all()
        assert (showers.cells_mev[:, 2] == seed).all()
    else:
        assert (showers.order.statuses == shower_pb2.SHOWER_STATUS_ENERGY_NOT_CONSERVED).all()


async def call_on_and_on(batcher: Batcher, caller: int) -> int:
    """Ask, go away now and then; return how many calls were answered."""
    chance = np.random.default_rng(caller)
    answered = 0
    for _ in range(CALLS_EACH):
        showers = Showers(order(chance.choice([1, 2, 5, 32, 33, 100, 200]).item(), int(chance.integers(1000))), CALOGAN)
        patience = 0.002 if chance.random() < 0.25 else None
        deadline = time.perf_counter() + 0.005 if chance.random() < 0.1 else None
        try:
            async with asyncio.timeout(patience):
                await batcher.submit(showers, check, deadline=deadline)
        except (TimeoutError, FlawedError, DeadlineError):
            continue
        except OverloadedError:
            await asyncio.sleep(0.005)
            continue
        answered += 1
    return answered


@pytest.fixture
def hectic() -> Iterator[None]:
    """Threads take turns a thousand times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hectic")
@pytest.mark.parametrize("rows_at_once", [0, 4])
@pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, IdleLoop])
def test_nobody_is_forgotten_and_no_row_gets_into_another_place(
    loop: Callable[[], asyncio.AbstractEventLoop], rows_at_once: int
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(call_together(rows_at_once))


async def call_together(rows_at_once: int) -> None:
    batcher = Batcher(
        [HastyMaker(1), HastyMaker(2)], rows_per_batch=64, rows_waiting=1000, wait_s=0.001, rows_at_once=rows_at_once
    )
    try:
        async with asyncio.timeout(60):
            answered = await asyncio.gather(*(call_on_and_on(batcher, caller) for caller in range(CALLERS)))
            await batcher.submit(Showers(order(1, 0), CALOGAN), check)
        assert sum(answered) > CALLERS * CALLS_EACH / 5
        assert batcher.waiting == 0
    finally:
        await asyncio.to_thread(batcher.close)
