"""A generator service's settings: its ``service.toml``."""

import math
import os
import tomllib
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any

from caloserve.calorimeter.errors import SettingsError
from caloserve.calorimeter.particles import PARTICLES, Particle

RELEASES_VARIABLE = "CALOSERVE_RELEASES"


class Provider(StrEnum):
    """What runs the model."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True)
class Settings:
    """What a generator service is told; see ``services/eplus/service.toml``."""

    particle: Particle
    service_version: str
    releases: Path
    """Folder with one folder per release."""
    address: str
    """Where to listen: HOST:PORT (port 0 takes a free one) or unix:PATH."""
    metrics_address: str
    """Where Prometheus finds the metrics, HOST:PORT."""
    provider: Provider = Provider.CPU
    threads: int = 1
    default_release: str = ""
    """Served when a request names no release: its version, or its family for the newest; see ``ReleaseStore``."""
    showers_per_stream: int = 1_000_000
    showers_per_batch: int = 256
    """What the engine makes at once."""
    showers_waiting: int = 32_768
    """Showers that may wait for the engine; a call that would make it more is refused at once."""
    batch_wait_ms: float = 20.0
    """How long a batch that is not full waits at most while callers keep the service busy."""

    @classmethod
    def read(cls, path: Path, **overrides: Any) -> "Settings":  # noqa: ANN401 (any field)
        """Read ``path``; overrides that are not None replace what it says.

        Raises:
            SettingsError: the file cannot be read, or a setting is missing, unknown or malformed.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path}: {error}") from error
        name = table.pop("particle", None)
        if name not in PARTICLES:
            raise SettingsError(f"{path}: particle is {name!r}, known are {', '.join(PARTICLES)}")
        known = {field.name for field in fields(cls)} - {"particle", "releases"}
        if unknown := sorted(table.keys() - known):
            raise SettingsError(f"{path}: no such setting: {', '.join(unknown)}")
        try:
            settings = cls(particle=PARTICLES[name], releases=_releases_folder(name, path), **table)
            settings = replace(settings, **{key: value for key, value in overrides.items() if value is not None})
            settings = replace(settings, provider=Provider(settings.provider))
            _check(settings)
        except (TypeError, ValueError) as error:
            raise SettingsError(f"{path}: {error}") from error
        return settings


def _check(settings: Settings) -> None:
    """Raise TypeError or ValueError for a setting of another type, or one that is too small."""
    for field in fields(settings):
        value, kind = getattr(settings, field.name), field.type
        if isinstance(kind, type) and (not isinstance(value, kind) or isinstance(value, bool)):
            raise TypeError(f"{field.name} is {value!r}; it should be of type {kind.__name__}")
        if isinstance(value, int) and value < 1:
            raise ValueError(f"{field.name} is {value}; it should be at least 1")
        if isinstance(value, float) and not 0 <= value < math.inf:
            raise ValueError(f"{field.name} is {value}; it should be 0 or more")


def service_settings(particle: str) -> Path:
    """The ``service.toml`` of a particle's service: beside the installed package, or in the checkout it runs from."""
    package = Path(str(resources.files("caloserve")))
    for folder in (package / "released" / particle, package.parent / particle):
        if (folder / "service.toml").is_file():
            return folder / "service.toml"
    raise SettingsError(f"{particle}: no service.toml is installed for it; name one with --settings")


def _releases_folder(particle: str, settings: Path) -> Path:
    """Where the releases are, unless told: in $CALOSERVE_RELEASES/<particle>, else beside the settings."""
    root = os.environ.get(RELEASES_VARIABLE)
    return Path(root) / particle if root else settings.parent / "releases"
