"""How far an exported graph's showers are from those of the trained generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter import CALOGAN
from caloserve_training.errors import ExportError
from caloserve_training.export.keras_graph import Generator
from caloserve_training.export.session import OnnxGenerator

PROBES = 512
BATCH_SIZES = (1, 2, 3, 7, 8, 32, 64, 128, 256)
TOLERANCE = 1e-3
"""Of a shower's energy: float32 sums in another order can move a cell across the edge of a table's step."""
ROUNDING = 1e-5
"""Of a shower's largest cell: more than that is another graph, not another order of sums."""


@dataclass(frozen=True)
class Difference:
    """How far showers are from the same showers made otherwise.

    Attributes:
        largest: Of any cell, as a share of its shower's largest cell.
        rms: Over all cells, as such a share.
        e_tot_shift: Of the mean total energy, as a share of it.
    """

    largest: float
    rms: float
    e_tot_shift: float

    @classmethod
    def between(cls, cells: NDArray[np.float32], expected: NDArray[np.float32]) -> Difference:
        """Of cells in MeV, (n, 504), from those expected; 1 MeV stands in for the largest cell of an empty shower."""
        exact = expected.astype(np.float64)
        largest = exact.max(axis=1, keepdims=True)
        off = (cells - exact) / np.where(largest > 0, largest, 1.0)
        return cls(
            largest=float(np.abs(off).max()),
            rms=float(np.sqrt(np.mean(off**2))),
            e_tot_shift=float((cells - exact).sum() / exact.sum()) if exact.any() else 0.0,
        )


class Probes:
    """Showers that a trained generator makes of given normals, from 1 to 100 GeV."""

    def __init__(self, generator: Generator) -> None:
        chooser = np.random.default_rng(0)
        self.latent = chooser.standard_normal((PROBES, generator.latent_size), dtype=np.float32)
        self.energy = np.geomspace(1.0, 100.0, PROBES, dtype=np.float32)
        self.cells = np.asarray(generator(self.latent, self.energy[:, np.newaxis]))

    def compare(self, exported: OnnxGenerator) -> Difference:
        """How far an exported graph is from the generator.

        Raises:
            ExportError: a cell is negative or not finite.
        """
        cells = exported(self.latent, self.energy)
        _check_cells(cells)
        return Difference.between(cells, self.cells)


def check_export(generator: Generator, exported: OnnxGenerator) -> float:
    """Largest difference from Keras, as a share of a shower's energy, for generators that look up in tables.

    Raises:
        ExportError: the two differ, a cell is negative or not finite, or a row depends on the batch it is in.
    """
    chooser = np.random.default_rng(0)
    latent = chooser.standard_normal((PROBES, exported.latent_size), dtype=np.float32)
    energy = np.geomspace(0.1, 1000.0, PROBES, dtype=np.float32)
    cells = exported(latent, energy)
    _check_cells(cells)
    expected = np.asarray(generator(latent, energy[:, np.newaxis]))
    difference = np.abs(cells - expected).max(axis=1) / (1000.0 * energy)
    # A switch whose probability meets its uniform to the last bit may fall either way; more than one row is an error.
    if np.sort(difference)[-2] > TOLERANCE:
        raise ExportError(f"the graph differs from Keras by {difference.max():.2g} of the energy")
    for size in BATCH_SIZES:
        for start in range(0, PROBES - size + 1, size):
            part = slice(start, start + size)
            if not np.array_equal(exported(latent[part], energy[part]), cells[part]):
                raise ExportError(f"the bits of a shower depend on its batch: {size} differs from {PROBES}")
    return float(np.sort(difference)[-2])


def _check_cells(cells: NDArray[np.float32]) -> None:
    if cells.shape != (PROBES, CALOGAN.cells) or not np.isfinite(cells).all() or (cells < 0).any():
        raise ExportError("the graph makes cells that are negative or not finite")
