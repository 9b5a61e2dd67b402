import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from caloserve.wire.idle import IdleLoop, call_when_idle

Result = TypeVar("Result")


def in_idle_loop(test: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        return runner.run(test())


async def idle(most_s: float = 20.0) -> None:
    """Return when the running loop has nothing else to do."""
    told = asyncio.get_running_loop().create_future()
    call_when_idle(lambda: told.set_result(None), most_s)
    async with asyncio.timeout(30):
        await told


async def take_turns(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def test_a_loop_is_idle_when_all_else_is_done() -> None:
    async def test() -> None:
        works = [asyncio.create_task(take_turns(turns)) for turns in (1, 50)]
        await idle()
        assert all(work.done() for work in works)

    in_idle_loop(test)


def test_a_loop_that_sleeps_until_later_is_idle() -> None:
    async def test() -> bool:
        later = asyncio.create_task(asyncio.sleep(20))
        await idle()
        return later.cancel()  # it was not done

    assert in_idle_loop(test)


@pytest.mark.parametrize("most_s", [0.0, 0.01])
def test_a_busy_loop_calls_in_time(most_s: float) -> None:
    async def test() -> None:
        busy = asyncio.create_task(take_turns(10**9))
        await idle(most_s)
        busy.cancel()

    in_idle_loop(test)


async def test_another_loop_calls_soon() -> None:
    await idle()
