"""Who rides in which batch: the whole policy.

Calls wait as entries. A batch has room for so many rows:

- Short entries ride first, in the order in which they came. While long ones wait too, they get half of the room.
- Long entries take turns: each takes all the room that is left and goes to the end of the line.
- A full batch is prepared while the engine is busy, and runs as soon as it can.
- Any other begins when the engine is at rest and the event loop has nothing else to do. So all who have come ride
  together, and who is alone waits for nobody.
- A batch that takes no longer than handing it over is made in the event loop's own thread.
- An entry whose caller has gone, or whose deadline has passed, is dropped.
- An entry that would make more rows wait than is allowed is refused at once, unless nobody waits.
"""

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Final, Protocol, TypeVar

from caloserve.calorimeter.errors import DeadlineError, OverloadedError
from caloserve.generator.showers import Rows, Showers
from caloserve.wire.idle import call_when_idle

SHORT_ROWS: Final = 32
"""Rows of the longest entry that counts as short."""

DROP_REASONS: Final = ("caller_gone", "deadline", "no_room")
"""Why an entry is dropped: before its turn, or at once."""

Answer = TypeVar("Answer")

Piece = tuple[Showers, Rows]
"""Rows of one entry that ride in a batch."""


class Maker(Protocol):
    """Makes one batch after the other, in four steps. Only ``run`` may be called in another thread."""

    def prepare(self, pieces: Sequence[Piece]) -> None:
        """Do what needs no engine."""

    def run(self) -> None:
        """Run the engine; one maker at a time may."""

    def put_back(self) -> None:
        """Put the cells back in the pieces."""

    def look_back(self) -> None:
        """Do what no answer waits for."""


@dataclass(eq=False)
class _Entry:
    showers: Showers
    answer: Callable[[Showers], Any]
    deadline: float | None
    """On the clock of ``time.perf_counter``."""
    done: "asyncio.Future[Any]"
    arrived: float = field(default_factory=time.perf_counter)
    caller_gone: bool = False
    riding: int = 0
    """Rows in batches that are under way."""
    in_line: bool = True
    over: bool = False
    """It has failed or been dropped."""

    @property
    def short(self) -> bool:
        return len(self.showers.order) <= SHORT_ROWS


@dataclass(eq=False)
class _Batch:
    maker: Maker
    rides: Sequence[tuple[_Entry, Rows]]
    error: Exception | None = None
    """What a step raised: it is the callers', and the batcher goes on."""

    def take(self, step: Callable[..., None], *arguments: object) -> None:
        """Take one of the maker's steps, unless one before it failed."""
        if self.error is None:
            try:
                step(*arguments)
            except Exception as error:  # noqa: BLE001
                self.error = error

    def rows_left(self) -> int:
        """Rows of its entries that still are to be made."""
        return sum(len(entry.showers) for entry, _ in self.rides if not entry.over)


class Batcher:
    """Joins and cuts what callers want into batches, and lets the makers make them.

    All callers are in one event loop. Everything is done there, but the engine runs in a thread of its own. With two
    makers the engine need not rest between full batches: one prepares its batch while the other's runs.

    Args:
        makers: of one engine.
        rows_per_batch: room of a batch.
        rows_waiting: rows that may wait at most.
        wait_s: how long a batch waits at most for a busy event loop.
        rows_at_once: of the largest batch that is made in the event loop's thread.

    Attributes:
        waiting: rows that wait now.
        dropped: entries dropped, by why; see ``DROP_REASONS``.
    """

    def __init__(
        self,
        makers: Sequence[Maker],
        *,
        rows_per_batch: int,
        rows_waiting: int,
        wait_s: float = 0.0,
        rows_at_once: int = 0,
    ) -> None:
        self.waiting = 0
        self.dropped: Counter[str] = Counter()
        self._room = rows_per_batch
        self._most_waiting = rows_waiting
        self._wait_s = wait_s
        self._rows_at_once = rows_at_once
        self._short: deque[_Entry] = deque()
        self._long: deque[_Entry] = deque()
        self._makers_at_rest = deque(makers)
        self._under_way = 0  # batches
        self._waits_for_idle = False
        self._prepared: SimpleQueue[_Batch | None] = SimpleQueue()
        self._engine = threading.Thread(target=self._run, daemon=True)
        self._engine.start()

    async def submit(
        self,
        showers: Showers,
        answer: Callable[[Showers], Answer],
        *,
        deadline: float | None = None,
        admitted: bool = False,
    ) -> Answer:
        """Return the answer when all showers are made.

        Args:
            showers: what to make.
            answer: turns them into the caller's answer. All who rode together are answered in a row, which takes a
                third of the time that it takes between other things.
            deadline: when to give up, on the clock of ``time.perf_counter``.
            admitted: the call that this is a part of has been let in before.

        Raises:
            OverloadedError: too many rows wait.
            DeadlineError: the deadline passed before its turn came.
            Exception: what a maker or ``answer`` raised.
        """
        rows = len(showers)
        if not rows:
            return answer(showers)
        if not admitted and self.waiting and self.waiting + rows > self._most_waiting:
            self.dropped["no_room"] += 1
            raise OverloadedError(f"{self.waiting} showers wait already; ask again later, or another replica")
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        entry = _Entry(showers, answer, deadline, done)
        self.waiting += rows
        self._stand_in_line(entry)
        self._go_on()
        try:
            return await done
        except asyncio.CancelledError:
            entry.caller_gone = True
            raise

    def close(self) -> None:
        """End the engine's thread after the batches that are prepared; who waits still is not told."""
        self._prepared.put(None)
        self._engine.join()

    def _stand_in_line(self, entry: _Entry) -> None:
        entry.in_line = True
        (self._short if entry.short else self._long).append(entry)

    def _go_on(self) -> None:
        """Begin full batches, and see to it that another begins in its time."""
        while self.waiting >= self._room and self._makers_at_rest:
            self._begin()
        if self.waiting and not self._under_way and not self._waits_for_idle:
            self._waits_for_idle = True
            call_when_idle(self._idle, self._wait_s)

    def _idle(self) -> None:
        self._waits_for_idle = False
        if self.waiting and not self._under_way:
            self._begin(self._rows_at_once)

    def _begin(self, rows_at_once: int = 0) -> None:
        """Begin a batch with those whose turn it is, if anybody wants it; make it here if it has so few rows."""
        rides = self._fill()
        if not rides:
            return
        batch = _Batch(self._makers_at_rest.popleft(), rides)
        batch.take(batch.maker.prepare, [(entry.showers, rows) for entry, rows in rides])
        self._under_way += 1
        if sum(len(rows) for _, rows in rides) <= rows_at_once:
            batch.take(batch.maker.run)
            self._end(batch)
        else:
            self._prepared.put(batch)

    def _run(self) -> None:
        """Run the engine, in its thread."""
        for batch in iter(self._prepared.get, None):
            batch.take(batch.maker.run)
            loop = batch.rides[0][0].done.get_loop()
            with suppress(RuntimeError):  # the loop has ended, and with it the callers
                loop.call_soon_threadsafe(self._end, batch)

    def _end(self, batch: _Batch) -> None:
        """Give callers what was made for them."""
        self._under_way -= 1
        left = batch.rows_left()
        batch.take(batch.maker.put_back)
        self.waiting += batch.rows_left() - left  # these are to be made again
        for entry, rows in batch.rides:
            if self._is_finished(entry, rows, batch.error):
                _tell(entry, batch.error)
        batch.take(batch.maker.look_back)
        self._makers_at_rest.append(batch.maker)
        self._go_on()

    def _fill(self) -> list[tuple[_Entry, Rows]]:
        rides: list[tuple[_Entry, Rows]] = []
        boarded = self._board(rides, self._short, self._room // 2 if self._long else self._room)
        self._board(rides, self._long, self._room - boarded)
        return rides

    def _board(self, rides: list[tuple[_Entry, Rows]], line: deque[_Entry], room: int) -> int:
        """Let entries of ``line`` ride while there is room; return how many rows they take."""
        boarded = 0
        while line and boarded < room:
            entry = line.popleft()
            if entry.over or self._is_in_vain(entry):
                continue
            rows = entry.showers.take(room - boarded)
            boarded += len(rows)
            entry.riding += len(rows)
            rides.append((entry, rows))
            entry.in_line = len(entry.showers) > 0
            if entry.in_line and entry.short:
                line.appendleft(entry)
            elif entry.in_line:
                line.append(entry)
        self.waiting -= boarded
        return boarded

    def _is_in_vain(self, entry: _Entry) -> bool:
        """Drop an entry that nobody waits for any more."""
        if entry.caller_gone:
            reason = "caller_gone"
        elif entry.deadline is not None and time.perf_counter() > entry.deadline:
            reason = "deadline"
        else:
            return False
        self.dropped[reason] += 1
        self._give_up(entry)
        _tell(entry, DeadlineError("the deadline passed before these showers were made"))
        return True

    def _is_finished(self, entry: _Entry, rows: Rows, error: Exception | None) -> bool:
        """Account for rows that have been put back; those that are to be made again stand in line again."""
        entry.riding -= len(rows)
        if error is not None:
            self._give_up(entry)
            return True
        if len(entry.showers) and not entry.in_line and not entry.over:
            self._stand_in_line(entry)
        return not (entry.in_line or entry.riding or entry.over)

    def _give_up(self, entry: _Entry) -> None:
        if not entry.over:
            entry.over = True
            self.waiting -= len(entry.showers)


def _tell(entry: _Entry, error: Exception | None) -> None:
    """Answer a caller."""
    if entry.done.done():  # the caller has gone
        return
    times = entry.showers.times
    times.queue = max(0.0, time.perf_counter() - entry.arrived - times.sampling - times.inference)
    answer = None
    if error is None:
        try:
            answer = entry.answer(entry.showers)
        except Exception as fault:  # noqa: BLE001 (it is the caller's)
            error = fault
    if error is None:
        entry.done.set_result(answer)
    else:
        entry.done.set_exception(error)
