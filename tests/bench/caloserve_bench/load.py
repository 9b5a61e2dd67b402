"""Closed loops: each client asks again as soon as it has its answer."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from caloserve_bench.processors import cpu_seconds
from caloserve_bench.slices import Slice

log = logging.getLogger(__name__)

Ask = Callable[[int], AsyncIterator[int]]
"""Makes a client's n-th call and yields how many showers came, as they come; raises RefusedError or FailedError."""

_WARM_UP = 0.15
_PATIENCE_S = 0.02


class RefusedError(Exception):
    """The server had no room for a call, and said so."""


class FailedError(Exception):
    """A call ended in any other way than with its answer."""


@dataclass(frozen=True)
class _Clock:
    """What time it is, for the clocks on the wall and in the processors."""

    wall: float
    servers: float
    client: float

    @classmethod
    def read(cls, servers: Sequence[int]) -> Self:
        return cls(time.perf_counter(), cpu_seconds(servers), time.process_time())


@dataclass
class _Tally:
    """What came from the servers, and when."""

    ended: bool = False
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    calls: list[tuple[float, float]] = field(default_factory=list)
    """When each ended, and how long it took."""
    refusals: list[float] = field(default_factory=list)
    failures: list[float] = field(default_factory=list)

    def between(self, start: _Clock, end: _Clock) -> Slice:
        """What came between two readings."""

        def within(moment: float) -> bool:
            return start.wall < moment <= end.wall

        return Slice(
            seconds=end.wall - start.wall,
            showers=sum(showers for moment, showers in self.arrivals if within(moment)),
            latencies_s=tuple(seconds for moment, seconds in self.calls if within(moment)),
            refused=sum(map(within, self.refusals)),
            failed=sum(map(within, self.failures)),
            server_cpu_s=end.servers - start.servers,
            client_cpu_s=end.client - start.client,
        )


async def ask_on_and_on(clients: Sequence[Ask], seconds: float, servers: Sequence[int]) -> Slice:
    """Let all clients ask at once, and measure for ``seconds`` once they are under way.

    Args:
        clients: one call after the other each; one whose call is refused or fails waits 20 ms.
        seconds: how long to measure.
        servers: processes whose processor time is counted.
    """
    tally = _Tally()
    tasks = [asyncio.create_task(_ask_until_ended(ask, tally)) for ask in clients]
    await asyncio.sleep(_WARM_UP * seconds)
    start = _Clock.read(servers)
    await asyncio.sleep(seconds)
    end = _Clock.read(servers)
    tally.ended = True
    await asyncio.gather(*tasks)
    return tally.between(start, end)


async def _ask_until_ended(ask: Ask, tally: _Tally) -> None:
    number = 0
    while not tally.ended:
        began = time.perf_counter()
        try:
            async for showers in ask(number):
                tally.arrivals.append((time.perf_counter(), showers))
        except RefusedError:
            tally.refusals.append(time.perf_counter())
            await asyncio.sleep(_PATIENCE_S)
        except FailedError as error:
            log.warning("a call failed: %s", error)
            tally.failures.append(time.perf_counter())
            await asyncio.sleep(_PATIENCE_S)
        else:
            ended = time.perf_counter()
            tally.calls.append((ended, ended - began))
        number += 1


def repeat(work: Callable[[], int], seconds: float, servers: Sequence[int] = ()) -> Slice:
    """Do ``work`` again and again in this thread; it returns how many showers it brought.

    Args:
        work: what to do.
        seconds: how long to measure.
        servers: processes whose processor time is counted; none when the work is done in this one.
    """
    _repeat_until(work, time.perf_counter() + _WARM_UP * seconds)
    start = _Clock.read(servers)
    tally = _repeat_until(work, start.wall + seconds)
    end = _Clock.read(servers)
    done = tally.between(start, end)
    return done if servers else Slice(**(vars(done) | {"server_cpu_s": done.client_cpu_s, "client_cpu_s": 0.0}))


def _repeat_until(work: Callable[[], int], deadline: float) -> _Tally:
    tally = _Tally()
    ended = 0.0
    while ended < deadline:
        began = time.perf_counter()
        showers = work()
        ended = time.perf_counter()
        tally.arrivals.append((ended, showers))
        tally.calls.append((ended, ended - began))
    return tally
