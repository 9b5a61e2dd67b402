"""Where the cells of a calorimeter are, and in which order they are flattened."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.errors import InvalidRequestError, quoted

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Layer:
    """One longitudinal layer: an image of ``n_phi`` x ``n_eta`` equal cells, centred on the beam axis."""

    index: int
    n_phi: int
    n_eta: int
    cell_phi_mm: float
    cell_eta_mm: float
    z_min_mm: float
    z_max_mm: float
    offset: int
    """Position of the layer's first cell in the flattened calorimeter."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n_phi, n_eta)."""
        return self.n_phi, self.n_eta

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.n_phi * self.n_eta

    @property
    def span(self) -> slice:
        """The layer's cells in the flattened calorimeter."""
        return slice(self.offset, self.offset + self.cells)

    @property
    def phi_mm(self) -> NDArray[np.float64]:
        """Centres of the cells along phi, mm, shape (n_phi,)."""
        return _centres(self.n_phi, self.cell_phi_mm)

    @property
    def eta_mm(self) -> NDArray[np.float64]:
        """Centres of the cells along eta, mm, shape (n_eta,)."""
        return _centres(self.n_eta, self.cell_eta_mm)


@dataclass(frozen=True)
class Geometry:
    """A calorimeter's layers from front to back; cells are flattened layer by layer, row-major, phi first."""

    id: str
    layers: tuple[Layer, ...]

    @property
    def cells(self) -> int:
        """Number of cells of all layers."""
        return sum(layer.cells for layer in self.layers)

    def split(self, cells: NDArray[Number]) -> tuple[NDArray[Number], ...]:
        """Views of flattened showers (..., cells) as one image (..., n_phi, n_eta) per layer."""
        return tuple(cells[..., layer.span].reshape(*cells.shape[:-1], *layer.shape) for layer in self.layers)

    def flatten(self, *images: NDArray[Number]) -> NDArray[Number]:
        """Join one image (..., n_phi, n_eta) per layer into flattened showers (..., cells); undoes ``split``."""
        rows = [image.reshape(*image.shape[:-2], layer.cells) for layer, image in zip(self.layers, images, strict=True)]
        return np.concatenate(rows, axis=-1)

    @cached_property
    def positions_mm(self) -> NDArray[np.float64]:
        """Centre (phi, eta, z) of every cell in mm from the calorimeter's centre, shape (cells, 3)."""
        blocks = []
        for layer in self.layers:
            phi, eta = np.meshgrid(layer.phi_mm, layer.eta_mm, indexing="ij")
            z = np.full(layer.cells, (layer.z_min_mm + layer.z_max_mm) / 2)
            blocks.append(np.stack([phi.ravel(), eta.ravel(), z], axis=1))
        return np.concatenate(blocks)


CALOGAN = Geometry(
    id="calogan-504-v1",
    layers=(
        Layer(0, 3, 96, cell_phi_mm=160.0, cell_eta_mm=5.0, z_min_mm=-240.0, z_max_mm=-150.0, offset=0),
        Layer(1, 12, 12, cell_phi_mm=40.0, cell_eta_mm=40.0, z_min_mm=-150.0, z_max_mm=197.0, offset=288),
        Layer(2, 12, 6, cell_phi_mm=40.0, cell_eta_mm=80.0, z_min_mm=197.0, z_max_mm=240.0, offset=432),
    ),
)
"""The slab calorimeter of arXiv:1705.02355, section II: 480 mm of lead and liquid argon, 480 x 480 mm of cells."""


def _centres(count: int, pitch_mm: float) -> NDArray[np.float64]:
    return np.linspace(-(count - 1) / 2, (count - 1) / 2, count, dtype=np.float64) * pitch_mm


def geometry_named(geometry_id: str) -> Geometry:
    """The geometry called ``geometry_id``; raise InvalidRequestError for one that is not known."""
    if geometry_id != CALOGAN.id:
        raise InvalidRequestError("geometry_id", f"{quoted(geometry_id)} is not known; known is {CALOGAN.id!r}")
    return CALOGAN
