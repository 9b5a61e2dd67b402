"""Working ahead of a reader without losing the order."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_order(jobs: AsyncIterator[Coroutine[Any, Any, Result]], ahead: int) -> AsyncGenerator[Result]:
    """Start jobs as they come, at most ``ahead`` beyond the reader, and yield their results in order.

    Closing it (use ``contextlib.aclosing``) cancels what is under way. An error of a job, or of ``jobs``, is raised
    when its turn comes.
    """
    started: asyncio.Queue[asyncio.Task[Result] | None] = asyncio.Queue()
    tasks: set[asyncio.Task[Result]] = set()
    room = asyncio.Semaphore(ahead)

    async def start() -> None:
        try:
            while True:
                await room.acquire()
                task = asyncio.create_task(await anext(jobs))
                tasks.add(task)
                started.put_nowait(task)
        except StopAsyncIteration:
            pass
        finally:
            started.put_nowait(None)

    starting = asyncio.create_task(start())
    try:
        while (task := await started.get()) is not None:
            yield await task
            tasks.discard(task)
            room.release()
        await starting
    finally:
        for unfinished in (starting, *tasks):
            unfinished.cancel()
        await asyncio.gather(starting, *tasks, return_exceptions=True)
