"""Which processor a process runs on, how much of it it has used, and how much memory it holds."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cores:
    """Which cores are whose. With one core there is nothing to choose."""

    server: frozenset[int]
    client: frozenset[int]
    all: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The last core serves, another one asks: interrupts mostly go to the first."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(frozenset(cores[-1:]), frozenset(cores[-2:][:1]), frozenset(cores))


def pin(pids: Iterable[int], cores: frozenset[int]) -> None:
    """Let all threads of these processes run on these cores only."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            try:
                os.sched_setaffinity(int(task.name), cores)
            except ProcessLookupError:
                continue  # the thread has ended meanwhile


def descendants(pid: int) -> tuple[int, ...]:
    """A process and all that it has started."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children += map(int, (task / "children").read_text(encoding="ascii").split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has ended meanwhile
    return (pid, *(found for child in children for found in descendants(child)))


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time of these processes until now, theirs and the kernel's for them, to the nanosecond."""
    return sum(time.clock_gettime(_cpu_clock(pid)) for pid in pids)


def resident_mb(pids: Sequence[int]) -> float:
    """Memory of these processes that is resident, in MB."""
    pages = (int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) for pid in pids)
    return sum(pages) * _PAGE_BYTES / 1e6


def _cpu_clock(pid: int) -> int:
    """The clock of another process, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | 2
