"""A file of showers, simulated by several Geant4 processes and continued wherever it was left."""

from __future__ import annotations

import fcntl
import json
import math
import os
import resource
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from caloserve_client.errors import ExtraMissingError
from caloserve_client.formats.calogan import ShowerFile
from caloserve_training.data import read_columns
from caloserve_training.errors import SimulationError
from caloserve_training.geant4.parts import Parts, missing_spans, record_length, split_records
from caloserve_training.geant4.worker import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from caloserve_training.geant4.beam import Beam
    from caloserve_training.geant4.detector import Detector
    from caloserve_training.geant4.parts import Record
    from caloserve_training.geant4.tables import Tables

    Report = Callable[[int], None]
    """Told how many of the showers there are so far."""

PHYSICS_LIST = "FTFP_BERT"

_CHUNK = 100  # showers of one process; starting it costs as much as two or three
_POLL_S = 0.2
_LOG_LINES = 12


@dataclass(frozen=True)
class Simulation:
    """What to simulate, with what, into which file.

    Attributes:
        detector: The calorimeter.
        beam: The particles.
        tables: What Geant4 reads.
        output: The file; showers that it holds already are kept.
        command: The command that repeats it.
    """

    detector: Detector
    beam: Beam
    tables: Tables
    output: Path
    command: str

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that the showers depend on, beside their index. Two simulations that agree in it make the same ones."""
        return {
            "geant4": f"{geant4_version(self.tables)} {PHYSICS_LIST}",
            "physics_list": PHYSICS_LIST,
            "particle": self.beam.particle,
            "seed": np.uint64(self.beam.seed),
            "beam": json.dumps(self.beam.as_dict(), sort_keys=True),
            "detector": json.dumps(self.detector.as_dict(), sort_keys=True),
            "cut_mm": self.detector.cut_mm,
            "tables": self.tables.kind,
            "tables_sha256": self.tables.sha256,
        }


@dataclass(frozen=True)
class Outcome:
    """What a simulation did: showers in the file, how many are new, and the CPU and wall-clock time they took."""

    showers: int
    simulated: int
    cpu_s: float
    wall_s: float


def simulate(simulation: Simulation, count: int, jobs: int, report: Report) -> Outcome:
    """Complete the output to ``count`` showers; what an earlier run made of them is used, whatever its count and jobs.

    Raises:
        SimulationError: the output or its parts hold other showers, another process is at them, or Geant4 failed.
        FormatError: the output cannot be written.
    """
    began, cpu_began = time.perf_counter(), _children_cpu_s()
    geometry = simulation.detector.geometry
    kept = _read_output(simulation)
    with _locked(simulation) as parts:
        todo = missing_spans([(0, len(kept)), *parts.spans()], count)
        missing = sum(stop - start for start, stop in todo)
        if missing:
            _Workers(simulation, parts, _chunks(todo, jobs), jobs).run(
                lambda: report(count - _missing(kept, parts, count))
            )
        if len(kept) < count:
            rows = np.zeros((count, record_length(geometry)), dtype=np.float32)
            parts.read(rows)
            rows[: len(kept)] = kept
            _write(simulation, rows)
        parts.remove()
    return Outcome(max(count, len(kept)), missing, _children_cpu_s() - cpu_began, time.perf_counter() - began)


def geant4_version(tables: Tables) -> str:
    """Such as ``11.4.1``, asked in a process of its own; raise ExtraMissingError where Geant4 is not installed."""
    if find_spec("geant4_pybind") is None:  # not imported: that would ask for tables
        raise ExtraMissingError("simulating", "geant4")
    program = "from caloserve_training.geant4.construction import geant4_version; print(geant4_version())"
    answer = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-P", "-c", program], env=tables.environment(), capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise SimulationError(f"Geant4 cannot be loaded: {answer.stderr.strip()[-500:]}")
    return answer.stdout.split()[-1]


class _Workers:
    """Processes, at most ``jobs`` at a time, each with a chunk of showers."""

    def __init__(self, simulation: Simulation, parts: Parts, chunks: Iterator[tuple[int, int]], jobs: int) -> None:
        self._simulation = simulation
        self._parts = parts
        self._waiting = deque(chunks)
        self._jobs = jobs
        self._running: dict[int, subprocess.Popen[str]] = {}

    def run(self, report: Callable[[], None]) -> None:
        """Work off all chunks; raise SimulationError when a process fails. None is left running in any case."""
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < self._jobs:
                    self._start(*self._waiting.popleft())
                time.sleep(_POLL_S)
                self._collect()
                report()
        finally:
            for process in self._running.values():
                process.kill()
                process.wait()

    def _start(self, start: int, stop: int) -> None:
        simulation = self._simulation
        job = Job(simulation.detector, simulation.beam, start, stop, self._parts.path(start), os.getpid())
        with self._log(start).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "caloserve_training.geant4.worker"],
                env=simulation.tables.environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self._running[start] = process
        if process.stdin is not None:
            with process.stdin:
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


def _chunks(spans: list[tuple[int, int]], jobs: int) -> Iterator[tuple[int, int]]:
    size = min(_CHUNK, math.ceil(sum(stop - start for start, stop in spans) / jobs))
    for start, stop in spans:
        for first in range(start, stop, size):
            yield first, min(first + size, stop)


def _missing(kept: Record, parts: Parts, count: int) -> int:
    return sum(stop - start for start, stop in missing_spans([(0, len(kept)), *parts.spans()], count))


@contextmanager
def _locked(simulation: Simulation) -> Iterator[Parts]:
    """The output's parts, for this process alone; they must be of the same simulation."""
    folder = simulation.output.with_name(f".{simulation.output.name}.parts")
    identity = folder / "identity.json"
    described = json.dumps(simulation.identity, indent=1, default=int)
    try:
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if identity.exists() and identity.read_text(encoding="utf-8") != described:
                raise SimulationError(f"{folder} is from another simulation; delete it or choose another output")
            identity.write_text(described, encoding="utf-8")
            yield Parts(folder, simulation.detector.geometry)
    except BlockingIOError as error:
        raise SimulationError(f"{simulation.output}: another process is simulating into it") from error


def _read_output(simulation: Simulation) -> Record:
    """Records of the showers that the output holds already."""
    geometry = simulation.detector.geometry
    path = simulation.output
    if not path.exists():
        return np.zeros((0, record_length(geometry)), dtype=np.float32)
    columns, attributes = read_columns(path, geometry)
    for name, value in simulation.identity.items():
        if (found := attributes.get(name)) != value:
            raise SimulationError(f"{path} holds other showers: {name} is {found}, not {value}")
    names = ("energy", *(f"layer_{layer.index}" for layer in geometry.layers), "overflow")
    return np.concatenate([columns[name].reshape(len(columns["energy"]), -1) for name in names], axis=1)


def _write(simulation: Simulation, rows: Record) -> None:
    geometry = simulation.detector.geometry
    with ShowerFile(simulation.output, geometry, {"overflow": (len(geometry.layers),)}) as file:
        file.append(split_records(geometry, rows))
        file.describe(**simulation.identity, command=simulation.command)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
