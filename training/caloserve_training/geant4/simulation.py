"""A file of showers, simulated by several Geant4 processes and continued wherever it was left."""

from __future__ import annotations

import fcntl
import json
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from caloserve_client.formats.calogan import ShowerFile
from caloserve_training.data import read_columns
from caloserve_training.errors import BeamError, SimulationError
from caloserve_training.geant4.parts import Parts, missing_spans, record_length, split_records
from caloserve_training.geant4.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from caloserve_training.geant4.beam import Beam
    from caloserve_training.geant4.detector import Detector
    from caloserve_training.geant4.parts import Record
    from caloserve_training.geant4.tables import Tables
    from caloserve_training.progress import Report

PHYSICS_LIST = "FTFP_BERT"


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

    def __post_init__(self) -> None:
        half_mm = self.detector.width_mm / 2
        places = (*self.beam.impact_mm, *self.beam.start_mm(self.detector.gap_mm))
        if any(abs(place) > half_mm for place in places):
            raise BeamError(f"particles must start and arrive within {half_mm:g} mm of the axis")

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

    ``report`` is told how many of them there are so far.

    Raises:
        SimulationError: the output or its parts hold other showers, another process is at them, or Geant4 failed.
        FormatError: the output cannot be written.
    """
    began, cpu_began = time.perf_counter(), _children_cpu_s()
    with _locked(simulation) as parts:
        kept = _read_output(simulation)
        spans = missing_spans([(0, len(kept)), *parts.spans()], count)
        missing = sum(stop - start for start, stop in spans)
        if spans:
            workers = Workers(simulation.detector, simulation.beam, simulation.tables, parts)
            workers.fill(spans, jobs, lambda: report(count - _missing(kept, parts, count)))
        if _missing(kept, parts, count):
            raise SimulationError("Geant4 ended before all showers were made")
        if len(kept) < count:
            _write(simulation, kept, parts, count)
        parts.clear()
    return Outcome(max(count, len(kept)), missing, _children_cpu_s() - cpu_began, time.perf_counter() - began)


def geant4_version(tables: Tables) -> str:
    """Such as ``11.4.1``, asked in a process of its own; raise SimulationError where it cannot be loaded."""
    program = "from caloserve_training.geant4.construction import geant4_version; print(geant4_version())"
    answer = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-P", "-c", program], env=tables.environment(), capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise SimulationError(f"Geant4 cannot be loaded: {answer.stderr.strip()[-500:]}")
    return answer.stdout.split()[-1]


def _missing(kept: Record, parts: Parts, count: int) -> int:
    return sum(stop - start for start, stop in missing_spans([(0, len(kept)), *parts.spans()], count))


@contextmanager
def _locked(simulation: Simulation) -> Iterator[Parts]:
    """The output's parts, for this process alone; they must be of the same simulation."""
    folder = simulation.output.with_name(f".{simulation.output.name}.parts")
    identity = folder / "identity.json"
    described = json.dumps(simulation.identity, indent=1, default=int)
    parts = Parts(folder, simulation.detector.geometry)
    try:
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if parts.spans() and identity.read_text(encoding="utf-8") != described:
                raise SimulationError(f"{folder} is from another simulation; delete it or choose another output")
            identity.write_text(described, encoding="utf-8")
            try:
                yield parts
            finally:
                if not parts.spans():
                    parts.remove()
    except BlockingIOError as error:
        raise SimulationError(f"{simulation.output}: another process is simulating into it") from error
    except OSError as error:
        raise SimulationError(f"{simulation.output}: cannot be written: {error}") from error


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


def _write(simulation: Simulation, kept: Record, parts: Parts, count: int) -> None:
    geometry = simulation.detector.geometry
    rows = np.zeros((count, record_length(geometry)), dtype=np.float32)
    parts.read(rows)
    rows[: len(kept)] = kept
    with ShowerFile(simulation.output, geometry, {"overflow": ((len(geometry.layers),), "<f4")}) as file:
        file.append(split_records(geometry, rows))
        file.describe(**simulation.identity, command=simulation.command)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
