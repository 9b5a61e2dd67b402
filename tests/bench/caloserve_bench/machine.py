"""What the figures were measured on."""

import datetime as dt
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np

from caloserve.generator.engine import instruction_set, require_runtime


@dataclass(frozen=True)
class Machine:
    """Everything that a figure depends on besides the code."""

    date: str
    commit: str
    cpu: str
    cores: int
    instruction_set: str
    load_before: float
    """Processes that were running before the measurement began, one-minute average."""
    onnxruntime: str
    grpc: str
    numpy: str
    python: str
    system: str

    @classmethod
    def here(cls) -> "Machine":
        """This machine, now."""
        return cls(
            date=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M"),
            commit=_commit(),
            cpu=_cpu(),
            cores=len(os.sched_getaffinity(0)),
            instruction_set=instruction_set(),
            load_before=round(os.getloadavg()[0], 2),
            onnxruntime=require_runtime().__version__,
            grpc=grpc.__version__,
            numpy=np.__version__,
            python=platform.python_version(),
            system=f"{platform.system()} {platform.release()}",
        )

    def __str__(self) -> str:
        return (
            f"{self.date} UTC, commit {self.commit}; {self.cpu}, {self.cores} cores, {self.instruction_set}; "
            f"ONNX Runtime {self.onnxruntime}, gRPC {self.grpc}, NumPy {self.numpy}, Python {self.python}, "
            f"{self.system}; load before {self.load_before:.2f}"
        )


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str:
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        return subprocess.run(
            describe, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
