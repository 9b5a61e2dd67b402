"""The sampling calorimeter that is simulated: slabs in depth, cells across. A description only; no Geant4 here."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from caloserve.calorimeter import CALOGAN, Geometry, Layer
from caloserve_training.errors import DetectorError
from caloserve_training.geant4.elements import ATOMIC_NUMBERS

if TYPE_CHECKING:
    from pathlib import Path

_TOLERANCE_MM = 1e-6


@dataclass(frozen=True)
class Material:
    """What a slab is made of.

    Attributes:
        name: What Geant4 calls it.
        density_g_cm3: Its density.
        elements: Atoms per molecule by chemical symbol.
    """

    name: str
    density_g_cm3: float
    elements: dict[str, int]

    def __post_init__(self) -> None:
        unknown = [symbol for symbol in self.elements if symbol not in ATOMIC_NUMBERS]
        if unknown or not self.elements:
            raise DetectorError(f"material {self.name}: {', '.join(unknown) or 'nothing'} is no chemical element")
        if not self.density_g_cm3 > 0 or not all(atoms > 0 for atoms in self.elements.values()):
            raise DetectorError(f"material {self.name}: density and numbers of atoms must be above 0")


@dataclass(frozen=True)
class Detector:
    """Slabs of absorber and active material in turn, absorber first, tiled across by each layer's cells.

    The slabs are square, and wider than the layers' images: energy deposited beyond a layer's image is its overflow.

    Attributes:
        geometry: Layers from front to back; they fill the depth of the slabs, centred at z = 0.
        absorber: Material of the first slab of each pair.
        absorber_mm: Its thickness.
        active: Material of the second slab.
        active_mm: Its thickness.
        slabs: Number of pairs.
        width_mm: Side of the slabs, a whole number of cells of every layer.
        gap_mm: From the gun to the front face.
        cut_mm: Geant4's production cut, as a range.
    """

    geometry: Geometry
    absorber: Material
    absorber_mm: float
    active: Material
    active_mm: float
    slabs: int
    width_mm: float
    gap_mm: float
    cut_mm: float

    def __post_init__(self) -> None:
        lengths = (self.absorber_mm, self.active_mm, self.slabs, self.width_mm, self.gap_mm, self.cut_mm)
        if not all(length > 0 for length in lengths):
            raise DetectorError("thicknesses, slabs, width, gap and cut must be above 0")
        edges = [self.geometry.layers[0].z_min_mm, *(layer.z_max_mm for layer in self.geometry.layers)]
        if abs(edges[0] + self.depth_mm / 2) > _TOLERANCE_MM or abs(edges[-1] - self.depth_mm / 2) > _TOLERANCE_MM:
            raise DetectorError(f"layers reach from {edges[0]:g} to {edges[-1]:g} mm, slabs over {self.depth_mm:g} mm")
        if any(back <= front for front, back in pairwise(edges)):
            raise DetectorError("layers must be in order from front to back")
        for layer in self.geometry.layers:
            self.cells_across(layer)

    @property
    def depth_mm(self) -> float:
        """From front to back."""
        return self.slabs * (self.absorber_mm + self.active_mm)

    @property
    def symbols(self) -> set[str]:
        """Chemical symbols of all elements in it."""
        return set(self.absorber.elements) | set(self.active.elements)

    def cells_across(self, layer: Layer) -> tuple[int, int]:
        """How many cells of a layer (along phi, along eta) tile the slabs, those of its image in the middle."""
        counts = []
        for axis, pitch, image in (("phi", layer.cell_phi_mm, layer.n_phi), ("eta", layer.cell_eta_mm, layer.n_eta)):
            count = round(self.width_mm / pitch)
            if abs(count * pitch - self.width_mm) > _TOLERANCE_MM or count < image or (count - image) % 2:
                raise DetectorError(
                    f"layer {layer.index}: {image} cells of {pitch:g} mm along {axis} cannot be the middle of slabs "
                    f"{self.width_mm:g} mm wide"
                )
            counts.append(count)
        return counts[0], counts[1]

    def absorbers(self, layer: Layer) -> list[tuple[float, float]]:
        """The (front, back) of each absorber slab, or part of one, inside a layer; z in mm from its middle."""
        middle = (layer.z_min_mm + layer.z_max_mm) / 2
        found = []
        for slab in range(self.slabs):
            front = -self.depth_mm / 2 + slab * (self.absorber_mm + self.active_mm)
            front, back = max(front, layer.z_min_mm), min(front + self.absorber_mm, layer.z_max_mm)
            if back - front > _TOLERANCE_MM:
                found.append((front - middle, back - middle))
        return found

    def as_dict(self) -> dict[str, Any]:
        """Everything in it, as a detector file has it."""
        values = asdict(self)
        layers = values.pop("geometry")["layers"]
        for layer in layers:
            del layer["index"], layer["offset"]  # they follow from the order
        return {"name": self.geometry.id, **values, "layers": layers}


def detector_from_dict(values: dict[str, Any]) -> Detector:
    """The detector described as in a detector file; raise DetectorError for anything missing, unknown or impossible."""
    try:
        rest = {name: value for name, value in values.items() if name not in ("name", "layers", "absorber", "active")}
        return Detector(
            geometry=Geometry(str(values["name"]), tuple(_layers(values["layers"]))),
            absorber=Material(**values["absorber"]),
            active=Material(**values["active"]),
            **rest,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DetectorError(f"not a detector: {error}") from error


def read_detector(path: Path) -> Detector:
    """Read a detector file (TOML); raise DetectorError naming what is wrong with it."""
    try:
        return detector_from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, DetectorError) as error:
        raise DetectorError(f"{path}: {error}") from error


def _layers(rows: list[dict[str, Any]]) -> list[Layer]:
    layers: list[Layer] = []
    for row in rows:
        offset = layers[-1].span.stop if layers else 0
        layers.append(Layer(index=len(layers), offset=offset, **row))
    return layers


PAPER = Detector(
    geometry=CALOGAN,
    absorber=Material("lead", 11.35, {"Pb": 1}),
    absorber_mm=2.0,
    active=Material("liquid argon", 1.390, {"Ar": 1}),
    active_mm=4.0,
    slabs=80,
    width_mm=1120.0,
    gap_mm=48.0,
    cut_mm=0.7,
)
"""The detector of arXiv:1705.02355, section II. The paper's slabs are 1000 mm wide, which its cells do not tile; these
are a little wider, which only few of the particles that leave the images can notice."""
