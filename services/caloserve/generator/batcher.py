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

    @property
    def short(self) -> bool:
        return len(self.showers.order) <= SHORT_ROWS


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
        waiting: rows that wait now.
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
        self._make = make
        self._room = rows_per_batch
        self._most_waiting = rows_waiting
        self._wait_s = wait_s
        self.waiting = 0
        self.dropped: Counter[str] = Counter()
        self._short: deque[_Entry] = deque()
        self._long: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

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
        if not len(showers):
            return
        entry = _Entry(showers, deadline, asyncio.get_running_loop().create_future())
        with self._changed:
            if not admitted and self.waiting and self.waiting + len(showers) > self._most_waiting:
                raise OverloadedError(f"{self.waiting} showers wait already; ask again later, or another replica")
            (self._short if entry.short else self._long).append(entry)
            self.waiting += len(showers)
            self._changed.notify()
        try:
            await entry.done
        except asyncio.CancelledError:
            entry.caller_gone = True
            raise

    def close(self) -> None:
        """End the thread after the batch it makes."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            error: Exception | None = None
            afterwards = None
            left = sum(len(entry.showers) for entry, _ in batch)
            try:
                afterwards = self._make([(entry.showers, rows) for entry, rows in batch])
            except Exception as failure:  # noqa: BLE001 (it is the callers')
                error = failure
            with self._changed:
                self.waiting += sum(len(entry.showers) for entry, _ in batch) - left  # to be made again
                finished = [entry for entry, _ in batch if self._is_finished(entry, error)]
            _tell(finished, error)
            if afterwards is not None:
                afterwards()

    def _next_batch(self) -> list[tuple[_Entry, Rows]]:
        """Wait for entries and fill a batch; an empty one means that the batcher is closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self.waiting or self._closed)
                if self._wait_s:
                    self._changed.wait_for(lambda: self.waiting >= self._room or self._closed, self._wait_s)
                if self._closed:
                    return []
                batch: list[tuple[_Entry, Rows]] = []
                boarded = self._board(batch, self._short, self._room // 2 if self._long else self._room)
                self._board(batch, self._long, self._room - boarded)
                if batch:
                    return batch

    def _board(self, batch: list[tuple[_Entry, Rows]], queue: deque[_Entry], room: int) -> int:
        """Let entries of ``queue`` into the batch while there is room; return how many rows they take."""
        boarded = 0
        while queue and boarded < room:
            entry = queue.popleft()
            if reason := _in_vain(entry):
                self._drop(entry, reason)
                continue
            rows = entry.showers.take(room - boarded)
            boarded += len(rows)
            batch.append((entry, rows))
        self.waiting -= boarded
        return boarded

    def _drop(self, entry: _Entry, reason: str) -> None:
        self.waiting -= len(entry.showers)
        self.dropped[reason] += 1
        _tell([entry], DeadlineError("the deadline passed before these showers were made"))

    def _is_finished(self, entry: _Entry, error: Exception | None) -> bool:
        """Send an entry with rows left back into its line."""
        if error is not None:
            self.waiting -= len(entry.showers)
        elif len(entry.showers):
            if entry.short:
                self._short.appendleft(entry)
            else:
                self._long.append(entry)
            return False
        return True


def _in_vain(entry: _Entry) -> str:
    """Why nobody wants what would be made; empty where somebody does."""
    if entry.caller_gone:
        return "caller_gone"
    if entry.deadline is not None and time.perf_counter() > entry.deadline:
        return "deadline"
    return ""


def _tell(entries: Sequence[_Entry], error: Exception | None) -> None:
    """Wake the callers, in their event loop and all at once."""
    if not entries:
        return
    now = time.perf_counter()
    for entry in entries:
        times = entry.showers.times
        times.queue = now - entry.arrived - times.sampling - times.inference
    with suppress(RuntimeError):  # the loop has ended, and with it the callers
        entries[0].done.get_loop().call_soon_threadsafe(_wake, entries, error)


def _wake(entries: Sequence[_Entry], error: Exception | None) -> None:
    for entry in entries:
        if not entry.done.done():
            if error is None:
                entry.done.set_result(None)
            else:
                entry.done.set_exception(error)
