"""A run folder: what is trained on what, how, and what comes of it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caloserve_training.data import file_sha256, read_showers
from caloserve_training.errors import RunError
from caloserve_training.trainer.config import Config
from caloserve_training.trainer.family import family_named, load_generator
from caloserve_training.trainer.split import Split, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CONFIG = "config.json"
CHECKPOINT = "checkpoint.npz"
WEIGHTS = "generator.weights.h5"


@dataclass(frozen=True)
class Description:
    """Everything that ``config.json`` says.

    Attributes:
        family: Kind of generator.
        particle: ``eplus``, ``gamma`` or ``piplus``.
        command: The command that trains it, files by their names only.
        commit: The git commit of the code, or ``unknown``.
        data: Name of the data file.
        data_sha256: Its digest.
        data_origin: What made the showers.
        showers: Showers trained on.
        reference_sha256: Digest of the reference sample; of the data, where a share of them is kept instead.
        test: That share.
        validation: Share of the data that the training is looked at with.
        settings: Of the family.
    """

    family: str
    particle: str
    command: str
    commit: str
    data: str
    data_sha256: str
    data_origin: str
    showers: int
    reference_sha256: str
    test: float
    validation: float
    settings: Any

    def same_as(self, other: Description) -> str | None:
        """The first thing in which another training differs, None if it may go on with this one's checkpoint.

        It may be longer, and come from another commit by another command.
        """
        mine, theirs = ({**asdict(each), **asdict(each.settings)} for each in (self, other))
        for name in mine.keys() - {"command", "commit", "settings", "epochs"}:
            if mine[name] != theirs.get(name):
                return f"{name} was {theirs.get(name)}, is now {mine[name]}"
        return None


class Run:
    """A run folder.

    Attributes:
        folder: Where it is.
        description: What its ``config.json`` says.
    """

    def __init__(self, folder: Path, description: Description) -> None:
        self.folder = folder
        self.description = description

    @classmethod
    def begin(cls, folder: Path, description: Description) -> Run:
        """Begin a run, or go on with the one that is there.

        Raises:
            RunError: the folder holds something else, or a run of other data or settings.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CONFIG).is_file():
            difference = description.same_as(cls.open(folder).description)
            if difference:
                raise RunError(f"{folder}: the run there is another one, its {difference}; choose another --output")
        elif any(folder.iterdir()):
            raise RunError(f"{folder}: is not empty, and no run")
        run = cls(folder, description)
        run._write_text(CONFIG, json.dumps(asdict(description), indent=2) + "\n")
        return run

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read a run that is there; raise RunError where ``config.json`` is missing or malformed."""
        try:
            values: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            settings = family_named(values["family"]).settings(**values["settings"])
            return cls(folder, Description(**{**values, "settings": settings}))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{folder / CONFIG}: {error}") from error

    @property
    def finished(self) -> bool:
        """Whether its weights are there."""
        return (self.folder / WEIGHTS).is_file()

    def load_generator(self) -> Any:  # noqa: ANN401 (a Keras model of any family)
        """The trained generator; raise RunError where the run did not finish."""
        if not self.finished:
            raise RunError(f"{self.folder}: no {WEIGHTS}; the run did not finish")
        described = self.description
        return load_generator(described.family, described.settings, described.particle, self.folder / WEIGHTS)

    def save_checkpoint(self, number: int, state: Sequence[NDArray[np.float32]]) -> None:
        """Keep the state after step ``number``; a kill at any time leaves a whole checkpoint behind."""
        part = self.folder / f".{CHECKPOINT}.part"
        with part.open("wb") as file:
            np.savez(file, np.array(number), *state)
        part.replace(self.folder / CHECKPOINT)

    def read_checkpoint(self) -> tuple[int, list[NDArray[np.float32]]] | None:
        """The last step kept, and the state after it; None where there is none."""
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return None
        with np.load(path) as file:
            number, *state = (file[name] for name in file.files)
        return int(number), state

    def _write_text(self, name: str, text: str) -> None:
        part = self.folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(self.folder / name)


def prepare(config: Config, command: str) -> tuple[Description, Split]:
    """A training's description and its samples; every shower of the reference is left out of all three."""
    sample = read_showers(config.data)
    if config.reference is not None:
        sample = sample.without(read_showers(config.reference))
    parts = split(sample, validation=config.validation, test=config.test)
    training = parts.training if config.limit is None else parts.training.select(slice(config.limit))
    description = Description(
        family=config.family,
        particle=config.particle,
        command=command,
        commit=current_commit(),
        data=config.data.name,
        data_sha256=file_sha256(config.data),
        data_origin=sample.origin,
        showers=len(training),
        reference_sha256=file_sha256(config.data if config.reference is None else config.reference),
        test=config.test,
        validation=config.validation,
        settings=config.settings,
    )
    return description, replace(parts, training=training)


def current_commit() -> str:
    """The commit checked out here, or ``unknown`` outside a checkout."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, check=True, text=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()
