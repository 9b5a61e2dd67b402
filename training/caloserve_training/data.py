"""Showers read from CaloGAN-format HDF5 files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from caloserve.calorimeter import CALOGAN, shapes
from caloserve_training.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caloserve.calorimeter import Geometry


@dataclass(frozen=True)
class ShowerSample:
    """Showers and where they came from.

    Attributes:
        energy: Kinetic energy of the particle in GeV, shape ``(n,)``.
        cells: Deposited energies in MeV, layer 0, 1, 2, each row-major (phi, eta), shape ``(n, 504)``.
        origin: Words on what made them, e.g. ``Geant4 11.4.1 FTFP_BERT``.
    """

    energy: NDArray[np.float32]
    cells: NDArray[np.float32]
    origin: str

    def __len__(self) -> int:
        return len(self.energy)

    def layer_energies(self) -> NDArray[np.float32]:
        """E_0, E_1, E_2 in MeV, shape ``(n, 3)``."""
        return shapes.layer_energies(self.cells).astype(np.float32)

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> ShowerSample:
        """The chosen showers, in order."""
        return ShowerSample(self.energy[chosen], self.cells[chosen], self.origin)

    def digests(self) -> list[bytes]:
        """One digest per shower, of its energy and cells."""
        return [
            hashlib.sha256(energy.tobytes() + cells.tobytes()).digest()
            for energy, cells in zip(self.energy, self.cells, strict=True)
        ]

    def without(self, other: ShowerSample) -> ShowerSample:
        """The showers of this sample that are not in the other, so that nothing is judged on what it was trained on."""
        excluded = set(other.digests())
        return self.select(np.array([digest not in excluded for digest in self.digests()], dtype=np.bool_))


def read_showers(path: Path) -> ShowerSample:
    """Read a CaloGAN-format file; raise DataError for one that is not."""
    columns, attributes = read_columns(path, CALOGAN)
    energy = columns["energy"].reshape(-1)
    cells = CALOGAN.flatten(*(columns[f"layer_{layer.index}"] for layer in CALOGAN.layers))
    if not np.isfinite(cells).all() or (cells < 0).any() or not (energy > 0).all():
        raise DataError(f"{path}: energies must be positive, cells finite and not negative")
    words = [f"Geant4 {attributes['geant4']}"] if "geant4" in attributes else []
    words += [str(attributes["tables"])] if "tables" in attributes else []
    return ShowerSample(energy, cells, ", ".join(words))


def read_columns(path: Path, geometry: Geometry) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
    """Datasets and attributes of a CaloGAN-format file, whatever its values; raise DataError for other shapes.

    Returns:
        ``energy`` (n, 1), ``layer_0`` and so on (n, n_phi, n_eta), and ``overflow`` (n, layers) where there is one.
    """
    try:
        with h5py.File(path) as file:
            names = ["energy", *(f"layer_{layer.index}" for layer in geometry.layers)]
            names += ["overflow"] if "overflow" in file else []
            columns = {name: np.asarray(file[name], dtype=np.float32) for name in names}
            attributes = dict(file.attrs)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a shower file: {error}") from error
    columns["energy"] = columns["energy"].reshape(-1, 1)
    shapes_per_shower: dict[str, tuple[int, ...]] = {"overflow": (len(geometry.layers),)}
    shapes_per_shower |= {f"layer_{layer.index}": layer.shape for layer in geometry.layers}
    for name in names[1:]:
        expected = (len(columns["energy"]), *shapes_per_shower[name])
        if columns[name].shape != expected:
            raise DataError(f"{path}: {name} has shape {columns[name].shape}, not {expected}")
    return columns, attributes


def read_particle(path: Path) -> str | None:
    """The particle that a file says its showers are of, None for one that does not say."""
    try:
        with h5py.File(path) as file:
            particle = file.attrs.get("particle")
    except OSError as error:
        raise DataError(f"{path}: not a shower file: {error}") from error
    return particle if isinstance(particle, str) else None


def flip_indices() -> NDArray[np.int32]:
    """Cell permutations of the detector's four mirror images, shape ``(4, 504)``: none, phi, eta, both.

    The geometry and the gun are symmetric under both, so a mirrored shower is as good as a new one.
    """
    layers = CALOGAN.split(np.arange(CALOGAN.cells, dtype=np.int32))
    return np.stack(
        [
            CALOGAN.flatten(*(layer[::phi_step, ::eta_step] for layer in layers))
            for phi_step, eta_step in ((1, 1), (-1, 1), (1, -1), (-1, -1))
        ]
    )


def mirrored(cells: NDArray[np.float32], chooser: np.random.Generator) -> NDArray[np.float32]:
    """Each shower's cells, ``(n, 504)``, in one of the four images at random."""
    images = flip_indices()
    return np.take_along_axis(cells, images[chooser.integers(len(images), size=len(cells))], axis=1)


def batch_rows(number: int, count: int, size: int, seed: int) -> NDArray[np.intp]:
    """Rows of batch ``number``, counted from 1: shuffled anew in every epoch, all batches of one size."""
    size = min(size, count)
    epoch, place = divmod(number - 1, count // size)
    return _shuffled(count, epoch, seed)[place * size :][:size]


@lru_cache(maxsize=2)
def _shuffled(count: int, epoch: int, seed: int) -> NDArray[np.intp]:
    return np.random.default_rng([seed, epoch, count]).permutation(count)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
