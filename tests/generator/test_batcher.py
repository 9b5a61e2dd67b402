import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caloserve.calorimeter import CALOGAN, latents
from caloserve.calorimeter.errors import DeadlineError, OverloadedError
from caloserve.generator.batcher import Batcher, Piece
from caloserve.generator.engine import Engine
from caloserve.generator.manifest import Domain, Fidelity
from caloserve.generator.orders import Order
from caloserve.generator.physics import LivePhysics
from caloserve.generator.releases import ReleaseStore
from caloserve.generator.sampler import Sampler
from caloserve.generator.settings import Provider
from caloserve.generator.showers import Showers
from caloserve.v1 import shower_pb2
from caloserve.wire.idle import IdleLoop
from caloserve.wire.options import EnergyLimit
from standin_release import LATENT_SIZE, write_release

ROOM = 64


def order(energies_gev: Sequence[float], *, seed: int = 1, limit: EnergyLimit | None = None) -> Order:
    count = len(energies_gev)
    return Order(
        seed=seed,
        event_id=2,
        domain=Domain(1, 100),
        energies_gev=np.array(energies_gev, dtype=np.float32),
        indices=np.arange(count, dtype=np.uint64),
        statuses=np.full(count, shower_pb2.SHOWER_STATUS_OK, dtype=np.int32),
        energy_limit=limit,
    )


def showers(rows: int, *, seed: int = 1) -> Showers:
    return Showers(order([10.0] * rows, seed=seed), CALOGAN)


class SteppedEngine:
    """Notes who rides in each batch, and makes one batch for each ``step``."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[int, int]]] = []
        """For each batch the seeds of its entries and their numbers of rows."""
        self.threads: list[int] = []
        """Which thread ran each batch."""
        self.fault: Exception | None = None
        self._pieces: Sequence[Piece] = ()
        self._steps = threading.Semaphore(0)
        self._begun = threading.Semaphore(0)

    def prepare(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self.batches.append([(made.order.seed, len(rows)) for made, rows in pieces])

    def run(self) -> None:
        self.threads.append(threading.get_ident())
        self._begun.release()
        assert self._steps.acquire(timeout=20)
        if self.fault is not None:
            raise self.fault

    def put_back(self) -> None:
        for made, rows in self._pieces:
            made.put(rows, np.ones((len(rows), CALOGAN.cells), np.float32), np.ones(len(rows), np.bool_))

    def look_back(self) -> None:
        pass

    def step(self, batches: int = 1) -> None:
        self._steps.release(batches)

    async def begun(self) -> None:
        """Wait for the next batch to be on its way."""
        assert await asyncio.to_thread(self._begun.acquire, timeout=20)


@asynccontextmanager
async def stepped(*, rows_waiting: int = 1000, wait_s: float = 0.0) -> AsyncIterator[tuple[SteppedEngine, Batcher]]:
    engine = SteppedEngine()
    batcher = Batcher([engine], rows_per_batch=ROOM, rows_waiting=rows_waiting, wait_s=wait_s)
    try:
        yield engine, batcher
    finally:
        engine.step(1000)
        await asyncio.to_thread(batcher.close)


def itself(made: Showers) -> Showers:
    """The answer of all entries here."""
    return made


async def submitted(batcher: Batcher, *rows: int, deadline: float | None = None) -> list["asyncio.Task[Showers]"]:
    """Entries of so many rows, with seeds 1, 2, ..."""
    tasks = [
        asyncio.create_task(batcher.submit(showers(count, seed=seed), itself, deadline=deadline))
        for seed, count in enumerate(rows, start=1)
    ]
    await asyncio.sleep(0)
    return tasks


async def test_while_one_batch_runs_the_next_fills() -> None:
    async with stepped() as (engine, batcher):
        lone = await submitted(batcher, 3)
        await engine.begun()
        others = await submitted(batcher, 1, 2, 3)
        assert batcher.waiting == 6
        engine.step(2)
        await asyncio.gather(*lone, *others)
        assert engine.batches == [[(1, 3)], [(1, 1), (2, 2), (3, 3)]]
        assert batcher.waiting == 0


async def test_short_entries_pass_long_ones_which_take_turns() -> None:
    async with stepped() as (engine, batcher):
        first = await submitted(batcher, 1)
        await engine.begun()
        waiting = await submitted(batcher, 100, 100, 20, 20)
        engine.step(10)
        await asyncio.gather(*first, *waiting)
    assert engine.batches[1:] == [
        [(3, 20), (4, 12), (1, 32)],  # short ones get half
        [(4, 8), (2, 56)],
        [(1, 64)],
        [(2, 44), (1, 4)],
    ]


async def test_a_flood_of_short_entries_does_not_starve_a_long_one() -> None:
    async with stepped(rows_waiting=10_000) as (engine, batcher):
        first = await submitted(batcher, 1)
        await engine.begun()
        long = asyncio.create_task(batcher.submit(showers(10 * ROOM, seed=99), itself))
        flood: list[asyncio.Task[Showers]] = []
        for _ in range(22):
            flood += await submitted(batcher, *[8] * 16)
            engine.step()
            await engine.begun()
        assert long.done()
        engine.step(100)
        await asyncio.gather(*first, *flood)


async def test_more_than_may_wait_is_refused_at_once_unless_nobody_waits() -> None:
    async with stepped(rows_waiting=100) as (engine, batcher):
        first = await submitted(batcher, 500)  # nobody waits
        await engine.begun()
        assert batcher.waiting == 500 - ROOM
        with pytest.raises(OverloadedError, match="436 showers wait already"):
            await batcher.submit(showers(1), itself)
        assert batcher.dropped == {"no_room": 1}
        admitted = asyncio.create_task(batcher.submit(showers(1), itself, admitted=True))
        engine.step(100)
        await asyncio.gather(*first, admitted)
        await batcher.submit(showers(100), itself)


async def test_entries_whose_caller_has_gone_or_is_late_are_dropped_and_counted() -> None:
    async with stepped() as (engine, batcher):
        first = await submitted(batcher, 1)
        await engine.begun()
        (gone,) = await submitted(batcher, 40)
        (late,) = await submitted(batcher, 30, deadline=time.perf_counter())
        (patient,) = await submitted(batcher, 2, deadline=time.perf_counter() + 60)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        engine.step(2)
        with pytest.raises(DeadlineError):
            await late
        await asyncio.gather(*first, patient)
        assert engine.batches == [[(1, 1)], [(1, 2)]]
        assert batcher.dropped == {"caller_gone": 1, "deadline": 1}
        assert batcher.waiting == 0


async def test_a_fault_is_told_to_those_who_rode_and_to_nobody_else() -> None:
    async with stepped() as (engine, batcher):
        rode = await submitted(batcher, 3 * ROOM)
        await engine.begun()
        engine.fault = RuntimeError("out of order")
        engine.step()
        with pytest.raises(RuntimeError, match="out of order"):
            await rode[0]
        assert batcher.waiting == 0
        engine.fault = None
        engine.step()
        await batcher.submit(showers(1), itself)


def in_idle_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        runner.run(test())


async def keep_busy(turns: float) -> None:
    """Let the event loop have something to do, again and again."""
    turn = 0
    while turn < turns:
        await asyncio.sleep(0)
        turn += 1


def test_a_batch_waits_for_those_whom_the_loop_is_busy_with() -> None:
    async def test() -> None:
        async with stepped(wait_s=20.0) as (engine, batcher):
            entries = []
            for rows in (1, 2, 3):
                entries += await submitted(batcher, rows)
                await keep_busy(5)
            engine.step()
            await asyncio.gather(*entries)
            assert engine.batches == [[(1, 1), (1, 2), (1, 3)]]
            engine.step()
            await batcher.submit(showers(4), itself)
            assert engine.batches[1] == [(1, 4)]

    in_idle_loop(test)


def test_a_batch_does_not_wait_for_ever() -> None:
    async def test() -> None:
        async with stepped(wait_s=0.01) as (engine, batcher):
            busy = asyncio.create_task(keep_busy(math.inf))
            engine.step()
            await asyncio.wait_for(batcher.submit(showers(1), itself), 20)
            busy.cancel()

    in_idle_loop(test)


def test_a_full_batch_waits_for_nobody() -> None:
    async def test() -> None:
        async with stepped(wait_s=20.0) as (engine, batcher):
            busy = asyncio.create_task(keep_busy(math.inf))
            engine.step()
            await asyncio.wait_for(batcher.submit(showers(ROOM), itself), 10)
            busy.cancel()

    in_idle_loop(test)


async def test_a_small_batch_is_made_at_once_and_a_larger_one_by_the_engines_thread() -> None:
    engine = SteppedEngine()
    batcher = Batcher([engine], rows_per_batch=ROOM, rows_waiting=1000, rows_at_once=4)
    engine.step(3)
    await asyncio.gather(batcher.submit(showers(1), itself), batcher.submit(showers(3), itself))
    await batcher.submit(showers(5), itself)
    await batcher.submit(showers(4), itself)
    await asyncio.to_thread(batcher.close)
    here = threading.get_ident()
    assert [thread == here for thread in engine.threads] == [True, False, True]


async def test_an_answer_that_fails_is_told_to_its_caller_and_to_nobody_else() -> None:
    def fail(made: Showers) -> Showers:
        raise RuntimeError(f"{len(made.order)} are too many")

    async with stepped() as (engine, batcher):
        engine.step()
        failed, answered = await asyncio.gather(
            batcher.submit(showers(2), fail), batcher.submit(showers(1), itself), return_exceptions=True
        )
        assert engine.batches == [[(1, 2), (1, 1)]]
        assert str(failed) == "2 are too many"
        assert isinstance(answered, Showers)
        assert batcher.waiting == 0


async def test_nothing_wanted_is_done_at_once() -> None:
    async with stepped() as (engine, batcher):
        await batcher.submit(showers(0), itself)
        assert engine.batches == []


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("eplus")
    write_release(folder, "eplus")
    return Engine(ReleaseStore(folder, "eplus").load("0.1.0"), Provider.CPU, threads=1)


clients = st.lists(
    st.tuples(
        st.integers(0, 2**64 - 1),
        st.lists(st.sampled_from([1.0, 5.0, 30.0, 60.0]), min_size=1, max_size=90),
        st.sampled_from([None, EnergyLimit(0.0, 3), EnergyLimit(0.1, 100)]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clients=clients)
def test_every_row_is_the_row_made_alone_whoever_rides_with_it(
    engine: Engine, clients: list[tuple[int, list[float], EnergyLimit | None, int]]
) -> None:
    async def ask(batcher: Batcher, wanted: Order, pauses: int) -> Showers:
        for _ in range(pauses):
            await asyncio.sleep(0)
        return await batcher.submit(Showers(wanted, CALOGAN), itself)

    async def all_together() -> list[Showers]:
        physics = LivePhysics(Fidelity("", 0, ()), CALOGAN)
        samplers = [Sampler(engine, physics) for _ in range(2)]
        batcher = Batcher(samplers, rows_per_batch=ROOM, rows_waiting=10_000)
        try:
            return await asyncio.gather(
                *(
                    ask(batcher, order(energies, seed=seed, limit=limit), pauses)
                    for seed, energies, limit, pauses in clients
                )
            )
        finally:
            batcher.close()

    for (seed, energies, limit, _), together in zip(clients, asyncio.run(all_together()), strict=True):
        for row in range(len(energies)):
            cells, attempts = alone(engine, seed, row, energies[row], limit)
            assert together.attempts[row] == attempts
            assert together.cells_mev[row].tobytes() == cells.tobytes()


def alone(engine: Engine, seed: int, row: int, energy: float, limit: EnergyLimit | None) -> tuple[np.ndarray, int]:
    """A shower's cells and the attempts that it takes, straight from the streams and the model."""
    for attempt in range(limit.max_attempts if limit else 1):
        latent = latents(seed, 2, [row], attempt, LATENT_SIZE)
        cells = engine.run(latent, np.array([energy], dtype=np.float32))[0]
        if limit is None or cells.sum(dtype=np.float64) <= 1000 * energy * (1 + limit.tolerance):
            return cells, attempt + 1
    return np.zeros_like(cells), attempt + 1
