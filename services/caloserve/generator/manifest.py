"""A release's manifest: what the model is, where it came from and how good it is."""

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from caloserve.calorimeter.errors import ManifestError

SCHEMA = 1


@dataclass(frozen=True)
class Speed:
    """How long a shower takes in batches of one size."""

    batch: int
    ms_per_shower: float


@dataclass(frozen=True)
class Export:
    """How the ONNX file was made of the trained generator, how far it is from it, and how fast."""

    variant: str
    """``plain``, ``fused`` or ``int8``."""
    largest_difference: float
    """Of a cell, as a share of its shower's largest cell."""
    rms_difference: float
    e_tot_shift: float
    """Of the mean total energy, as a share of it."""
    speeds: tuple[Speed, ...]
    """On one thread."""
    runtime: str
    instruction_set: str


@dataclass(frozen=True)
class Model:
    """The ONNX file: inputs ``latent`` and ``energy`` (GeV), output ``cells`` (MeV), batch first."""

    file: str
    sha256: str
    parameters: int
    latent_size: int
    export: Export | None = None


@dataclass(frozen=True)
class Domain:
    """Kinetic energies the model was trained for."""

    energy_min_gev: float
    energy_max_gev: float


@dataclass(frozen=True)
class Training:
    """Where the model came from."""

    data_sha256: str
    data_origin: str
    showers: int
    command: str
    commit: str


@dataclass(frozen=True)
class Figure:
    """One figure of merit; ``reference`` is the same figure for full simulation, where there is one."""

    name: str
    value: float
    reference: float | None
    unit: str
    sample_size: int
    uncertainty: float | None = None
    """One standard deviation of ``value``, where it is known."""


@dataclass(frozen=True)
class Fidelity:
    """How good the release is, against showers it was never trained on."""

    reference_sha256: str
    sample_size: int
    figures: tuple[Figure, ...]
    policy: int | None = None
    """Version of the policy that the release was held to."""
    objections: tuple[str, ...] = ()
    """What stood against it."""
    accepted: str | None = None
    """Why it was published all the same."""


@dataclass(frozen=True)
class Manifest:
    """Everything ``manifest.json`` says."""

    schema: int
    version: str
    particle: str
    geometry_id: str
    sampler_version: int
    created: str
    model: Model
    domain: Domain
    training: Training
    fidelity: Fidelity

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read and check ``path``; raise ManifestError naming the file and the field that is wrong."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ManifestError(f"{path}: {error}") from error
        manifest: Manifest = _parse(cls, document, str(path))
        if manifest.schema != SCHEMA:
            raise ManifestError(f"{path}: schema is {manifest.schema}, this version reads {SCHEMA}")
        low, high = manifest.domain.energy_min_gev, manifest.domain.energy_max_gev
        if not 0 < low < high < math.inf:
            raise ManifestError(f"{path}: domain: {low} to {high} GeV is not a range of energies")
        return manifest

    def write(self, path: Path) -> None:
        """Write the manifest as JSON that reads well and compares well."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _parse(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 (any type of the dataclasses above)
    """Turn a JSON value into ``kind``, a dataclass, a tuple of one kind, an optional or a plain type."""
    if hasattr(kind, "__dataclass_fields__"):
        if not isinstance(value, Mapping):
            raise ManifestError(f"{where}: should be an object")
        hints = get_type_hints(kind)
        missing = [field.name for field in fields(kind) if field.name not in value and field.default is MISSING]
        if missing:
            raise ManifestError(f"{where}: lacks {', '.join(missing)}")
        given = {name: hint for name, hint in hints.items() if name in value}
        return kind(**{name: _parse(hint, value[name], f"{where}: {name}") for name, hint in given.items()})
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ManifestError(f"{where}: should be a list")
        return tuple(_parse(get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if get_origin(kind) in (Union, UnionType):
        return None if value is None else _parse(get_args(kind)[0], value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ManifestError(f"{where}: {value!r} should be of type {kind.__name__}")
    return value
