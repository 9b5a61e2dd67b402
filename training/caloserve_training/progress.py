"""Progress bars of long work on showers and downloads."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rich import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Report = Callable[[int], None]
    """Told how many showers there are so far."""

    Arrival = Callable[[int, int | None], None]
    """Told how many bytes have arrived, and of how many, if that is known."""


@contextmanager
def shower_progress(name: str, count: int) -> Iterator[Report]:
    """A bar for showers, told how many there are so far: their rate since the first telling, and the time left."""
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[left]}"),
    )
    task = bar.add_task(name, total=count, rate="", left="")
    first: tuple[float, int] | None = None

    def report(done: int) -> None:
        nonlocal first
        now = time.monotonic()
        if first is None:
            first = now, done
        rate = (done - first[1]) / (now - first[0]) if now > first[0] else 0.0
        left = f"{timedelta(seconds=round((count - done) / rate))} left" if rate else ""
        bar.update(task, completed=done, rate=f"{rate:.2f} showers/s", left=left)

    with bar:
        yield report


@contextmanager
def download_progress() -> Iterator[Callable[[str], Arrival]]:
    """Bars for downloads, one for each name asked for."""
    bars = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )

    def report_on(name: str) -> Arrival:
        task = bars.add_task(name, total=None)
        return lambda arrived, total: bars.update(task, completed=arrived, total=total)

    with bars:
        yield report_on
