"""What a training is told: a TOML file, as in ``training/configs``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

from caloserve.calorimeter import PARTICLES
from caloserve_training.errors import ConfigError
from caloserve_training.trainer.family import family_named


@dataclass(frozen=True)
class Config:
    """A training before its data are read.

    Attributes:
        family: Kind of generator.
        particle: ``eplus``, ``gamma`` or ``piplus``.
        data: Showers to train on, CaloGAN HDF5.
        reference: Showers never to train on, kept to judge the result; none, and a share of the data is kept instead.
        settings: Of the family.
        limit: Showers to train on at most.
        test: Share of the data that is never trained on, by the digest of each shower; for data without a reference.
        validation: Share of the data that the training is looked at with, by digest too.
        look_every: Steps from one picture, with its figures, to the next.
        checkpoint_minutes: Minutes from one checkpoint to the next.
    """

    family: str
    particle: str
    data: Path
    reference: Path | None
    settings: Any
    limit: int | None = None
    test: float = 0.0
    validation: float = 0.05
    look_every: int = 500
    checkpoint_minutes: float = 10.0

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read a TOML file, whose table ``settings`` is the family's; raise ConfigError for what is wrong with it."""
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from error
        try:
            return cls.of(table)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Config:
        """Check and take what a table says; raise ConfigError for what is missing, unknown or of another type."""
        values = dict(table)
        settings = _filled(family_named(str(values.get("family"))).settings, values.pop("settings", {}))
        config: Config = _filled(cls, {"reference": None, **values, "settings": settings})
        if config.particle not in PARTICLES:
            raise ConfigError(f"particle is {config.particle!r}, known are {', '.join(PARTICLES)}")
        if config.reference is None and not config.test:
            raise ConfigError("without a reference sample, a share of the data must be kept to judge by: test = 0.1")
        return config

    def changed(self, **settings: Any) -> Config:  # noqa: ANN401 (any setting's value)
        """The same with other settings of the family; raise ConfigError for one that it does not have."""
        known = {field.name for field in fields(self.settings)}
        for name in settings:
            if name not in known:
                raise ConfigError(f"{self.family} has no setting {name}")
        return replace(self, settings=replace(self.settings, **settings))


def _filled(kind: type[Any], values: Mapping[str, Any]) -> Any:  # noqa: ANN401 (of that kind)
    """A dataclass from values of TOML."""
    kinds = get_type_hints(kind)
    if unknown := sorted(values.keys() - kinds.keys()):
        raise ConfigError(f"no such setting: {', '.join(unknown)}")
    try:
        return kind(**{name: _as(kinds[name], value, name) for name, value in values.items()})
    except TypeError as error:
        raise ConfigError(str(error).partition(" ")[2]) from error


def _as(kind: Any, value: Any, name: str) -> Any:  # noqa: ANN401
    """A value as the type that is wanted."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError:
            raise ConfigError(f"{name} is {value!r}, known are {', '.join(kind)}") from None
    if kind in {Path, Path | None}:
        return None if value is None else Path(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind in {int, float} and (not isinstance(value, kind) or isinstance(value, bool) or value < 0):
        raise ConfigError(f"{name} is {value!r}; it should be of type {kind.__name__} and not negative")
    if kind in {str, bool} and not isinstance(value, kind):
        raise ConfigError(f"{name} is {value!r}; it should be of type {kind.__name__}")
    return value
