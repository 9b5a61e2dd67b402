"""One Geant4 process: ``python -m caloserve_training.geant4.worker``, its job as JSON on standard input.

Geant4 aborts the whole process over a missing table, and can be set up once in a process only; so each chunk of showers
has a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from caloserve_training.geant4.beam import Beam, Primary, beam_from_dict
from caloserve_training.geant4.detector import Detector, detector_from_dict
from caloserve_training.geant4.parts import record

if TYPE_CHECKING:
    from io import RawIOBase

    import numpy as np
    from numpy.typing import NDArray

    from caloserve_training.geant4.construction import Report


@dataclass(frozen=True)
class Job:
    """Showers ``start`` to ``stop - 1`` into the part ``output``."""

    detector: Detector
    beam: Beam
    start: int
    stop: int
    output: Path
    parent: int

    def to_json(self) -> str:
        """As the worker reads it."""
        values: dict[str, Any] = {
            "detector": self.detector.as_dict(),
            "beam": self.beam.as_dict(),
            "start": self.start,
            "stop": self.stop,
            "output": str(self.output),
            "parent": self.parent,
        }
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """What ``to_json`` wrote."""
        values = json.loads(text)
        return cls(
            detector_from_dict(values["detector"]),
            beam_from_dict(values["beam"]),
            values["start"],
            values["stop"],
            Path(values["output"]),
            values["parent"],
        )


def work(job: Job) -> NoReturn:
    """Simulate a job's showers, each appended to the part as soon as it is made, and end the process."""
    from caloserve_training.geant4.construction import Run  # noqa: PLC0415 (loads Geant4)

    part = job.output.open("wb", buffering=0)
    run = Run(job.detector, job.beam, job.start, job.stop, _appender(job, part))
    run.simulate()
    os._exit(0)  # see Run


def _appender(job: Job, part: RawIOBase) -> Report:
    def append(shot: Primary, images: list[NDArray[np.float64]]) -> None:
        row = record(job.detector.geometry, shot.energy_gev, images).tobytes()
        if part.write(row) != len(row):  # anything after it would be misread
            print("the disk is full", file=sys.stderr, flush=True)  # noqa: T201 (into the log)
            os._exit(1)
        if os.getppid() != job.parent:  # nobody waits for the rest
            os._exit(1)

    return append


if __name__ == "__main__":
    work(Job.from_json(sys.stdin.read()))
