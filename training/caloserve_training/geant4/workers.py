"""Geant4 processes at work on the showers that are missing, a chunk each."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from caloserve_training.errors import SimulationError
from caloserve_training.geant4.worker import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from caloserve_training.geant4.beam import Beam
    from caloserve_training.geant4.detector import Detector
    from caloserve_training.geant4.parts import Parts
    from caloserve_training.geant4.tables import Tables

_CHUNK = 100  # showers of one process; starting it costs as much as two or three
_POLL_S = 0.2
_LOG_LINES = 12


class Workers:
    """Processes that fill parts.

    Args:
        detector: What they simulate,
        beam: with which particles,
        tables: reading these,
        parts: into these.
    """

    def __init__(self, detector: Detector, beam: Beam, tables: Tables, parts: Parts) -> None:
        self._detector = detector
        self._beam = beam
        self._tables = tables
        self._parts = parts
        self._running: dict[int, subprocess.Popen[str]] = {}

    def fill(self, spans: Sequence[tuple[int, int]], jobs: int, report: Callable[[], None]) -> None:
        """Simulate the showers of the spans, ``jobs`` processes at a time; none is left running in any case.

        ``report`` is called a few times a second. Raises SimulationError when a process fails, with what it said last.
        """
        waiting = deque(chunks(spans, jobs))
        try:
            while waiting or self._running:
                while waiting and len(self._running) < jobs:
                    self._start(*waiting.popleft())
                time.sleep(_POLL_S)
                self._collect()
                report()
        finally:
            for process in self._running.values():
                process.kill()
                process.wait()

    def _start(self, start: int, stop: int) -> None:
        job = Job(self._detector, self._beam, start, stop, self._parts.path(start), os.getpid())
        with self._log(start).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "caloserve_training.geant4.worker"],
                env=self._tables.environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self._running[start] = process
        if process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin:  # one that ended at once has said why in its log
                process.stdin.write(job.to_json())

    def _collect(self) -> None:
        for start, process in list(self._running.items()):
            if process.poll() is None:
                continue
            del self._running[start]
            log = self._log(start)
            if process.returncode:
                lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
                told = "\n".join(lines[-_LOG_LINES:])
                raise SimulationError(f"Geant4 failed at shower {start} or later ({process.returncode}):\n{told}")
            log.unlink()

    def _log(self, start: int) -> Path:
        return self._parts.path(start).with_suffix(".log")


def chunks(spans: Sequence[tuple[int, int]], jobs: int) -> Iterator[tuple[int, int]]:
    """The spans cut into pieces for one process each, small enough that every job gets one."""
    size = min(_CHUNK, math.ceil(sum(stop - start for start, stop in spans) / jobs))
    for start, stop in spans:
        for first in range(start, stop, size):
            yield first, min(first + size, stop)
