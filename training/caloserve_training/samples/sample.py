"""A file of showers of any geometry, as it is on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from caloserve.calorimeter import CALOGAN, Geometry
from caloserve_training.data import read_columns
from caloserve_training.errors import DataError
from caloserve_training.geant4.detector import detector_from_dict

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """Showers with whatever values the file has.

    Attributes:
        path: The file.
        geometry: CaloGAN's, or that of the detector which the file describes.
        columns: Its datasets by name; ``energy`` in GeV, shape (n, 1), all others in MeV.
        attributes: What it says about itself.
    """

    path: Path
    geometry: Geometry
    columns: dict[str, NDArray[np.float32]]
    attributes: dict[str, Any]

    def __len__(self) -> int:
        return len(self.columns["energy"])

    @property
    def energy_gev(self) -> NDArray[np.float32]:
        """Kinetic energies, shape (n,)."""
        return self.columns["energy"][:, 0]

    @cached_property
    def cells(self) -> NDArray[np.float32]:
        """Deposited energies in MeV, shape (n, cells)."""
        return self.geometry.flatten(*(self.columns[f"layer_{layer.index}"] for layer in self.geometry.layers))

    def layer_energies(self) -> NDArray[np.float64]:
        """E_i in MeV, shape (n, layers)."""
        sums = [image.sum(axis=(1, 2), dtype=np.float64) for image in self.geometry.split(self.cells)]
        return np.stack(sums, axis=1)

    def digests(self) -> list[bytes]:
        """One digest per shower, of its energy and cells."""
        rows = np.concatenate([self.columns["energy"], self.cells], axis=1)
        return [hashlib.sha256(row.tobytes()).digest() for row in rows]


def read_sample(path: Path) -> Sample:
    """Read a file; raise DataError for one that is not in CaloGAN's layout."""
    geometry = _geometry(path)
    columns, attributes = read_columns(path, geometry)
    return Sample(path, geometry, columns, attributes)


def _geometry(path: Path) -> Geometry:
    try:
        with h5py.File(path) as file:
            described = file.attrs.get("detector")
    except OSError as error:
        raise DataError(f"{path}: not a shower file: {error}") from error
    return CALOGAN if described is None else detector_from_dict(json.loads(described)).geometry
