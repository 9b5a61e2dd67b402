"""Who rides in which batch: the whole policy.

Calls wait as entries. While the engine runs one batch the next one fills; an idle engine starts at once. A batch has
room for so many rows:

- Short entries ride first, in the order in which they came. While long ones wait too, they get half of the room.
- Long entries take turns: each takes all the room that is left and goes to the end of the line.
- A batch that is not full waits a moment for as many riders as the last one had: they are likely to come again.
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
from typing import Final, Protocol

from caloserve.calorimeter.errors import DeadlineError, OverloadedError
from caloserve.generator.showers import Rows, Showers

SHORT_ROWS: Final = 32
"""Rows of the longest entry that counts as short."""

DROP_REASONS: Final = ("caller_gone", "deadline", "no_room")
"""Why an entry is dropped: before its turn, or at once."""

Piece = tuple[Showers, Rows]
"""Rows of one entry that ride in a batch."""


class Maker(Protocol):
    """Makes one batch after the other, in four steps."""

    def prepare(self, pieces: Sequence[Piece]) -> None:
        """Do what needs no engine."""

    def run(self) -> None:
        """Run the engine; one maker at a time may."""

    def put_back(self) -> None:
        """Put the cells back in the pieces; one maker at a time may."""

    def look_back(self) -> None:
        """Do what no answer waits for."""


@dataclass(eq=False)
class _Entry:
    showers: Showers
    deadline: float | None
    """On the clock of ``time.perf_counter``."""
    done: "asyncio.Future[None]"
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


class Batcher:
    """Joins and cuts what callers want into batches, and lets the makers make them, each in a thread of its own.

    Two makers take turns at the engine: while one runs it, the other prepares a full batch if there is one, and puts
    back what it made. All callers are in one event loop.

    Args:
        makers: of one engine.
        rows_per_batch: room of a batch.
        rows_waiting: rows that may wait at most.
        wait_s: how long a batch waits at most for as many riders as the last one had; one caller alone never waits.

    Attributes:
        dropped: entries dropped, by why; see ``DROP_REASONS``.
    """

    def __init__(self, makers: Sequence[Maker], *, rows_per_batch: int, rows_waiting: int, wait_s: float = 0.0) -> None:
        self.dropped: Counter[str] = Counter()
        self._room = rows_per_batch
        self._most_waiting = rows_waiting
        self._wait_s = wait_s
        self._arrivals: SimpleQueue[_Entry | None] = SimpleQueue()
        self._rows_arrived = 0  # counted in the callers' thread
        self._rows_left = 0
        self._short: deque[_Entry] = deque()
        self._long: deque[_Entry] = deque()
        self._riders = 0
        self._closed = False
        self._turn = threading.Lock()  # of the maker that fills the next batch
        self._engine = threading.Lock()
        self._desk = threading.Lock()  # entries and lines
        self._threads = [threading.Thread(target=self._work, args=(maker,), daemon=True) for maker in makers]
        for thread in self._threads:
            thread.start()

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
            Exception: what a maker raised.
        """
        rows = len(showers)
        if not rows:
            return
        if not admitted and self.waiting and self.waiting + rows > self._most_waiting:
            self.dropped["no_room"] += 1
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
        """End the threads after the batches under way; who waits still is not told."""
        self._arrivals.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, maker: Maker) -> None:
        while True:
            with self._turn:
                if not self._somebody_waits():
                    return
                full = self.waiting >= self._room
                if not full:  # who comes while the engine is busy rides too
                    self._engine.acquire()
                    self._wait_for_more()
                batch = self._fill()
                if not batch:  # nobody wants it any more
                    if not full:
                        self._engine.release()
                    continue
                error = _fault(maker.prepare, [(entry.showers, rows) for entry, rows in batch])
                if full:
                    self._engine.acquire()
            error = error or _fault(maker.run)
            self._engine.release()
            with self._desk:
                left = _rows_left(batch)
                error = error or _fault(maker.put_back)
                self._rows_left -= _rows_left(batch) - left  # these are to be made again
                finished = [entry for entry, rows in batch if self._is_finished(entry, rows, error)]
            _tell(finished, error)
            if error is None:
                maker.look_back()

    def _somebody_waits(self) -> bool:
        """Wait for entries and stand them in their lines; False when the batcher is closed."""
        if not (self._closed or self._short or self._long):
            self._let_in(self._arrivals.get())
        self._let_all_in()
        return not self._closed

    def _wait_for_more(self) -> None:
        """Wait until as many entries are there as rode last time, the batch is full, or time is up."""
        self._let_all_in()
        until = time.perf_counter() + self._wait_s
        with suppress(Empty):
            while len(self._short) + len(self._long) < self._riders and self.waiting < self._room:
                self._let_in(self._arrivals.get(timeout=max(0.0, until - time.perf_counter())))

    def _let_all_in(self) -> None:
        with suppress(Empty):
            while True:
                self._let_in(self._arrivals.get_nowait())

    def _let_in(self, entry: _Entry | None) -> None:
        if entry is None:
            self._closed = True
        else:
            (self._short if entry.short else self._long).append(entry)

    def _fill(self) -> list[tuple[_Entry, Rows]]:
        self._let_all_in()
        batch: list[tuple[_Entry, Rows]] = []
        with self._desk:
            boarded = self._board(batch, self._short, self._room // 2 if self._long else self._room)
            self._board(batch, self._long, self._room - boarded)
        self._riders = len(batch)
        return batch

    def _board(self, batch: list[tuple[_Entry, Rows]], line: deque[_Entry], room: int) -> int:
        """Let entries of ``line`` into the batch while there is room; return how many rows they take."""
        boarded = 0
        while line and boarded < room:
            entry = line.popleft()
            if entry.over or self._is_in_vain(entry):
                continue
            rows = entry.showers.take(room - boarded)
            boarded += len(rows)
            entry.riding += len(rows)
            batch.append((entry, rows))
            entry.in_line = len(entry.showers) > 0
            if entry.in_line and entry.short:
                line.appendleft(entry)
            elif entry.in_line:
                line.append(entry)
        self._rows_left += boarded
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
        _tell([entry], DeadlineError("the deadline passed before these showers were made"))
        return True

    def _is_finished(self, entry: _Entry, rows: Rows, error: Exception | None) -> bool:
        """Account for rows that have been put back; those that are to be made again stand in line again."""
        entry.riding -= len(rows)
        if error is not None:
            self._give_up(entry)
            return True
        if len(entry.showers) and not entry.in_line and not entry.over:
            entry.in_line = True
            self._arrivals.put(entry)
        return not (entry.in_line or entry.riding or entry.over)

    def _give_up(self, entry: _Entry) -> None:
        if not entry.over:
            entry.over = True
            self._rows_left += len(entry.showers)


def _rows_left(batch: Sequence[tuple[_Entry, Rows]]) -> int:
    return sum(len(entry.showers) for entry, _ in batch if not entry.over)


def _fault(step: Callable[..., None], *arguments: object) -> Exception | None:
    """What a step raised: it is the callers', and the batcher goes on."""
    try:
        step(*arguments)
    except Exception as error:  # noqa: BLE001
        return error
    return None


def _tell(entries: Sequence[_Entry], error: Exception | None) -> None:
    """Wake callers, in their event loop and all at once."""
    if not entries:
        return
    now = time.perf_counter()
    for entry in entries:
        times = entry.showers.times
        times.queue = max(0.0, now - entry.arrived - times.sampling - times.inference)
    with suppress(RuntimeError):  # the loop has ended, and with it the callers
        entries[0].done.get_loop().call_soon_threadsafe(_wake, entries, error)


def _wake(entries: Sequence[_Entry], error: Exception | None) -> None:
    for entry in entries:
        if not entry.done.done():
            if error is None:
                entry.done.set_result(None)
            else:
                entry.done.set_exception(error)
