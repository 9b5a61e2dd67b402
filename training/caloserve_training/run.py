"""A run folder: what was trained on what, how, and the weights that came of it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from caloserve_training.data import file_sha256, read_showers
from caloserve_training.errors import RunError
from caloserve_training.schedule import Schedule

if TYPE_CHECKING:
    from pathlib import Path

    from caloserve_training.data import ShowerSample

CONFIG = "config.json"
WEIGHTS = "generator.weights.h5"


@dataclass(frozen=True)
class RunConfig:
    """Everything that ``config.json`` says.

    Attributes:
        particle: ``eplus``, ``gamma`` or ``piplus``.
        command: The command that trained it, files by their names only.
        commit: The git commit of the code, or ``unknown``.
        data: Name of the data file.
        data_sha256: Its digest.
        data_origin: What made the showers.
        showers: Showers trained on, those of the reference sample left out.
        reference_sha256: Digest of the reference sample.
        schedule: Steps and settings.
    """

    particle: str
    command: str
    commit: str
    data: str
    data_sha256: str
    data_origin: str
    showers: int
    reference_sha256: str
    schedule: Schedule

    def write(self, folder: Path) -> None:
        """Write ``config.json``."""
        (folder / CONFIG).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> RunConfig:
        """Read ``config.json``; raise RunError where it is missing or malformed, or the weights are."""
        try:
            values: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            config = cls(**{**values, "schedule": Schedule(**values["schedule"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{folder / CONFIG}: {error}") from error
        if not (folder / WEIGHTS).is_file():
            raise RunError(f"{folder}: no {WEIGHTS}; the run did not finish")
        return config


def prepare_run(
    *, particle: str, data: Path, reference: Path, command: str, schedule: Schedule
) -> tuple[RunConfig, ShowerSample]:
    """A run's description and its training sample, every shower of the reference sample left out."""
    sample = read_showers(data)
    kept = sample.without(read_showers(reference))
    config = RunConfig(
        particle=particle,
        command=command,
        commit=current_commit(),
        data=data.name,
        data_sha256=file_sha256(data),
        data_origin=sample.origin,
        showers=len(kept),
        reference_sha256=file_sha256(reference),
        schedule=schedule,
    )
    return config, kept


def current_commit() -> str:
    """The commit checked out here, or ``unknown`` outside a checkout."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, check=True, text=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()
