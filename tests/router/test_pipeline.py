import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from caloserve.router.pipeline import in_order


class Jobs:
    """Jobs that return their number, the later ones sooner; remembers how many run at once."""

    def __init__(self, count: int, failing: int = -1) -> None:
        self.count = count
        self.failing = failing
        self.started = self.running = self.most = self.cancelled = 0

    async def __aiter__(self) -> AsyncIterator[Coroutine[Any, Any, int]]:
        for number in range(self.count):
            yield self.job(number)

    async def job(self, number: int) -> int:
        self.started += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0.02 / (1 + number % 5))
            if number == self.failing:
                raise ValueError(number)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return number


async def test_results_come_in_order_with_a_few_jobs_ahead() -> None:
    jobs = Jobs(20)
    assert [number async for number in in_order(aiter(jobs), 3)] == list(range(20))
    assert jobs.most == 3


async def test_a_slow_reader_holds_the_jobs_back() -> None:
    jobs = Jobs(20)
    async with aclosing(in_order(aiter(jobs), 3)) as results:
        await anext(results)
        await asyncio.sleep(0.1)
        assert jobs.started == 3


async def test_an_error_is_raised_in_its_turn_and_nothing_is_left_running() -> None:
    jobs = Jobs(20, failing=5)
    results = in_order(aiter(jobs), 3)
    assert [await anext(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="5"):
        await anext(results)
    assert jobs.running == 0


async def test_an_error_of_the_source_is_raised_after_the_jobs_before_it() -> None:
    async def source() -> AsyncIterator[Coroutine[Any, Any, int]]:
        yield Jobs(1).job(0)
        raise OSError("the source broke")

    results = in_order(source(), 3)
    assert await anext(results) == 0
    with pytest.raises(OSError, match="the source broke"):
        await anext(results)


async def test_closing_cancels_what_is_under_way() -> None:
    jobs = Jobs(20)
    async with aclosing(in_order(aiter(jobs), 3)) as results:
        assert await anext(results) == 0
    assert jobs.running == 0
    assert jobs.started <= 4
