"""Who rides in which batch: the whole policy.

Calls wait as entries. While the engine runs one batch the next one fills; an idle engine starts at once. A batch has
room for so many rows:

- Short entries ride first, in the order in which they came. While long ones wait too, they get half of the room.
- Long entries take turns: each takes all the room that is left and goes to the end of the line.
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
from queue import Empty, SimpleQueue
from typing import Final

from caloserve.calorimeter.errors import DeadlineError, OverloadedError
from caloserve.generator.showers import Rows, Showers

SHORT_ROWS: Final = 32
"""Rows of the longest entry that counts as short."""

DROP_REASONS: Final = ("caller_gone", "deadline")
"""Why an entry is dropped before its turn."""

Piece = tuple[Showers, Rows]
"""Rows of one entry that ride in a batch."""


@dataclass(eq=False)
class _Entry:
    showers: Showers
    deadline: float | None
    """On the clock of ``time.perf_counter``."""
    done: "asyncio.Future[None]"
    arrived: float = field(default_factory=time.perf_counter)
    caller_gone: bool = False
    rows_behind: int = 0
    """That were left behind when it last rode."""


class Batcher:
    """Joins and cuts what callers want into batches, and makes them in a thread of its own.

    All callers are in one event loop.

    Args:
        make: makes the pieces of a batch and puts the cells back, in the batcher's thread. What it returns is called
            when the callers have been told: work that no answer waits for.
        rows_per_batch: room of a batch.
        rows_waiting: rows that may wait at most.
        wait_s: how long a batch that is not full waits for more. 0 is best unless the engine is a costly one.

    Attributes:
        dropped: entries dropped, by why; see ``DROP_REASONS``.
    """

    def __init__(
        self,
        make: Callable[[Sequence[Piece]], Callable[[], None] | None],
        *,
        rows_per_batch: int,
        rows_waiting: int,
        wait_s: float = 0.0,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self._make = make
        self._room = rows_per_batch
        self._most_waiting = rows_waiting
        self._wait_s = wait_s
        self._arrivals: SimpleQueue[_Entry | None] = SimpleQueue()
        self._rows_arrived = 0  # counted in the callers' thread
        self._rows_left = 0  # counted in the batcher's thread, as are the lines below
        self._short: deque[_Entry] = deque()
        self._long: deque[_Entry] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Rows that wait now."""
        return self._rows_arrived - self._rows_left

    async def submit(self, showers: Showers, *, deadline: float | None = None, admitted: bool = False) -> None:
        """Return when all showers are made.

        Args:
            showers: what to make.
            deadline: when to give up, on the clock of ``time.perf_counter``.
            admitted: the call that this is a part of has been let in before.

        Raises:
            OverloadedError: too many rows wait.
            DeadlineError: the deadline passed before its turn came.
            Exception: what ``make`` raised.
        """
        rows = len(showers)
        if not rows:
            return
        if not admitted and self.waiting and self.waiting + rows > self._most_waiting:
            raise OverloadedError(f"{self.waiting} showers wait already; ask again later, or another replica")
        entry = _Entry(showers, deadline, asyncio.get_running_loop().create_future())
        self._rows_arrived += rows
        self._arrivals.put(entry)
        try:
            await entry.done
        except asyncio.CancelledError:
            entry.caller_gone = True
            raise

    def close(self) -> None:
        """End the thread after the batch that it makes; who waits still is not told."""
        self._arrivals.put(None)
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            error: Exception | None = None
            afterwards = None
            try:
                afterwards = self._make([(entry.showers, rows) for entry, rows in batch])
            except Exception as failure:  # noqa: BLE001 (it is the callers')
                error = failure
            self._tell([entry for entry, _ in batch if self._is_finished(entry, error)], error)
            if afterwards is not None:
                afterwards()

    def _next_batch(self) -> list[tuple[_Entry, Rows]]:
        """Wait for entries and fill a batch; an empty one means that the batcher is closed."""
        while not self._closed:
            if not (self._short or self._long):
                self._let_in(self._arrivals.get())
                if self._wait_s:
                    self._wait_for_more()
            with suppress(Empty):
                while True:
                    self._let_in(self._arrivals.get_nowait())
            batch: list[tuple[_Entry, Rows]] = []
            boarded = self._board(batch, self._short, self._room // 2 if self._long else self._room)
            self._board(batch, self._long, self._room - boarded)
            if batch:
                return batch
        return []

    def _wait_for_more(self) -> None:
        until = time.perf_counter() + self._wait_s
        with suppress(Empty):
            while self.waiting < self._room and not self._closed and (left := until - time.perf_counter()) > 0:
                self._let_in(self._arrivals.get(timeout=left))

    def _let_in(self, entry: _Entry | None) -> None:
        if entry is None:
            self._closed = True
        else:
            self._line(entry).append(entry)

    def _line(self, entry: _Entry) -> deque[_Entry]:
        return self._short if len(entry.showers.order) <= SHORT_ROWS else self._long

    def _board(self, batch: list[tuple[_Entry, Rows]], line: deque[_Entry], room: int) -> int:
        """Let entries of ``line`` into the batch while there is room; return how many rows they take."""
        boarded = 0
        while line and boarded < room:
            entry = line.popleft()
            if reason := _in_vain(entry):
                self._drop(entry, reason)
                continue
            rows = entry.showers.take(room - boarded)
            entry.rows_behind = len(entry.showers)
            boarded += len(rows)
            batch.append((entry, rows))
        self._rows_left += boarded
        return boarded

    def _drop(self, entry: _Entry, reason: str) -> None:
        self.dropped[reason] += 1
        self._rows_left += len(entry.showers)
        self._tell([entry], DeadlineError("the deadline passed before these showers were made"))

    def _is_finished(self, entry: _Entry, error: Exception | None) -> bool:
        """Send an entry with rows left back into its line."""
        if error is not None:
            self._rows_left += len(entry.showers)
            return True
        self._rows_left -= len(entry.showers) - entry.rows_behind  # these are to be made again
        if not len(entry.showers):
            return True
        line = self._line(entry)
        if line is self._short:
            line.appendleft(entry)
        else:
            line.append(entry)
        return False

    def _tell(self, entries: Sequence[_Entry], error: Exception | None) -> None:
        """Wake callers, in their event loop and all at once."""
        if not entries:
            return
        now = time.perf_counter()
        for entry in entries:
            times = entry.showers.times
            times.queue = now - entry.arrived - times.sampling - times.inference
        with suppress(RuntimeError):  # the loop has ended, and with it the callers
            entries[0].done.get_loop().call_soon_threadsafe(_wake, entries, error)


def _in_vain(entry: _Entry) -> str:
    """Why nobody wants what would be made; empty where somebody does."""
    if entry.caller_gone:
        return "caller_gone"
    if entry.deadline is not None and time.perf_counter() > entry.deadline:
        return "deadline"
    return ""


def _wake(entries: Sequence[_Entry], error: Exception | None) -> None:
    for entry in entries:
        if not entry.done.done():
            if error is None:
                entry.done.set_result(None)
            else:
                entry.done.set_exception(error)
