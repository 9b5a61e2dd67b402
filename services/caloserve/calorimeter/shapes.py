"""Shower-shape variables: Table IV of arXiv:1705.02355, each a small function of flattened showers.

Every function takes cells (n, 504) in MeV and returns one float64 per shower, shape (n,).

Convention for empty layers and empty showers: a quantity that would be 0/0 is 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter.geometry import CALOGAN, Layer

Cells: TypeAlias = NDArray[np.floating]
Values: TypeAlias = NDArray[np.float64]

_LAYERS = CALOGAN.layers


@dataclass(frozen=True)
class ShowerShape:
    """A named variable: ``shape(cells)`` gives its value per shower."""

    name: str
    unit: str
    description: str
    function: Callable[[Cells], Values]

    def __call__(self, cells: Cells) -> Values:
        """Value per shower, shape (n,), of cells (n, 504) in MeV."""
        return self.function(cells)


def _ratio(numerator: Values, denominator: Values) -> Values:
    ratio = np.zeros_like(denominator)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio


def layer_energies(cells: Cells) -> Values:
    """E_i of every layer in MeV, shape (n, layers)."""
    return np.stack([layer_energy(cells, layer) for layer in _LAYERS], axis=1)


def layer_energy(cells: Cells, layer: Layer) -> Values:
    """E_i, the energy deposited in a layer, MeV."""
    energy: Values = np.sum(cells[:, layer.span], axis=1, dtype=np.float64)
    return energy


def total_energy(cells: Cells) -> Values:
    """E_tot, the energy deposited in all layers, MeV."""
    energy: Values = layer_energies(cells).sum(axis=1)
    return energy


def layer_fraction(cells: Cells, layer: Layer) -> Values:
    """f_i = E_i / E_tot."""
    return _ratio(layer_energy(cells, layer), total_energy(cells))


def brightest_ratio(cells: Cells, layer: Layer) -> Values:
    """E_ratio,i = (I(1) - I(2)) / (I(1) + I(2)) of the layer's two brightest cells."""
    two = np.partition(cells[:, layer.span].astype(np.float64), layer.cells - 2, axis=1)[:, -2:]
    return _ratio(two[:, 1] - two[:, 0], two[:, 1] + two[:, 0])


def depth(cells: Cells) -> Values:
    """d, the index of the deepest layer that holds energy."""
    hit = layer_energies(cells) > 0
    deepest: Values = np.max(hit * np.arange(len(_LAYERS), dtype=np.float64), axis=1)
    return deepest


def depth_weighted_energy(cells: Cells) -> Values:
    """l_d = sum_i i E_i, MeV."""
    return _depth_moment(cells, 1)


def shower_depth(cells: Cells) -> Values:
    """s_d = l_d / E_tot."""
    return _ratio(_depth_moment(cells, 1), total_energy(cells))


def shower_depth_width(cells: Cells) -> Values:
    """sigma_sd = sqrt(sum_i i^2 E_i / E_tot - s_d^2)."""
    return _root(_ratio(_depth_moment(cells, 2), total_energy(cells)) - shower_depth(cells) ** 2)


def phi_width(cells: Cells, layer: Layer) -> Values:
    """sigma_i along phi: sqrt(sum I x^2 / E_i - (sum I x / E_i)^2), mm."""
    return _width(cells, layer, axis=0)


def eta_width(cells: Cells, layer: Layer) -> Values:
    """sigma_i along eta: sqrt(sum I x^2 / E_i - (sum I x / E_i)^2), mm."""
    return _width(cells, layer, axis=1)


def occupancy(cells: Cells, layer: Layer) -> Values:
    """The paper's sparsity: the fraction of the layer's cells that hold energy."""
    fraction: Values = np.mean(cells[:, layer.span] > 0, axis=1)
    return fraction


def _depth_moment(cells: Cells, power: int) -> Values:
    weights = np.arange(len(_LAYERS), dtype=np.float64) ** power
    return _moment(layer_energies(cells), weights)


def _width(cells: Cells, layer: Layer, axis: int) -> Values:
    image = cells[:, layer.span].reshape(-1, *layer.shape).astype(np.float64)
    profile = image.sum(axis=2 - axis)
    x = (layer.phi_mm, layer.eta_mm)[axis]
    energy = profile.sum(axis=1)
    return _root(_ratio(_moment(profile, x**2), energy) - _ratio(_moment(profile, x), energy) ** 2)


def _moment(profile: Values, weights: Values) -> Values:
    # Not a matrix product: that rounds a row differently from batch to batch.
    moment: Values = np.sum(profile * weights, axis=1)
    return moment


def _root(variance: Values) -> Values:
    return np.sqrt(np.maximum(variance, 0.0))  # rounding can leave a vanishing variance below zero


_PER_LAYER: tuple[tuple[str, str, str, Callable[[Cells, Layer], Values]], ...] = (
    ("e", "MeV", "energy in layer {}", layer_energy),
    ("f", "", "fraction of the energy in layer {}", layer_fraction),
    ("e_ratio", "", "difference over sum of the two brightest cells of layer {}", brightest_ratio),
    ("sigma_phi", "mm", "lateral width of layer {} along phi", phi_width),
    ("sigma_eta", "mm", "lateral width of layer {} along eta", eta_width),
    ("occupancy", "", "fraction of hit cells in layer {}", occupancy),
)

_GLOBAL = (
    ShowerShape("e_tot", "MeV", "total energy", total_energy),
    ShowerShape("d", "", "deepest layer with energy", depth),
    ShowerShape("l_d", "MeV", "depth-weighted total energy", depth_weighted_energy),
    ShowerShape("s_d", "", "shower depth", shower_depth),
    ShowerShape("sigma_sd", "", "shower depth width", shower_depth_width),
)


def _of_layer(function: Callable[[Cells, Layer], Values], layer: Layer) -> Callable[[Cells], Values]:
    return lambda cells: function(cells, layer)


SHOWER_SHAPES = MappingProxyType(
    {shape.name: shape for shape in _GLOBAL}
    | {
        f"{name}_{layer.index}": ShowerShape(
            f"{name}_{layer.index}", unit, description.format(layer.index), _of_layer(function, layer)
        )
        for name, unit, description, function in _PER_LAYER
        for layer in _LAYERS
    }
)
"""Every variable of Table IV by name: global ones first, then ``name_i`` for each layer i."""
