"""The variables showers are compared in: Table IV of arXiv:1705.02355 and what later work on the same data added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES, Layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample

    Values = NDArray[np.float64]

MEV_PER_GEV = 1000.0
FAINT_MEV = 1.0
BRIGHTEST = 5
GLOBAL = "whole shower"


@dataclass(frozen=True)
class Variable:
    """A number per shower.

    Attributes:
        name: As in figures and files.
        symbol: As on an axis, in mathtext.
        unit: Empty for a ratio.
        description: In words.
        group: ``whole shower`` or ``layer 0``, ``layer 1``, ``layer 2``.
        function: From a sample to values, shape ``(n,)``.
        logarithmic: Whether it spans decades.
    """

    name: str
    symbol: str
    unit: str
    description: str
    group: str
    function: Callable[[ShowerSample], Values]
    logarithmic: bool = False

    def __call__(self, sample: ShowerSample) -> Values:
        """Value of each shower, shape ``(n,)``."""
        return self.function(sample)

    @property
    def axis(self) -> str:
        """Symbol and unit."""
        return f"{self.symbol} / {self.unit}" if self.unit else self.symbol


def response(sample: ShowerSample) -> Values:
    """E_tot / E."""
    values: Values = SHOWER_SHAPES["e_tot"](sample.cells) / (MEV_PER_GEV * sample.energy)
    return values


def at_one_energy(values: Values, sample: ShowerSample) -> Values:
    """The same matrix with every energy as a share of the particle's, which moves far less with it."""
    scale = np.where([variable.unit == "MeV" for variable in VARIABLES], sample.energy[:, np.newaxis], 1.0)
    return np.asarray(values / scale, dtype=np.float64)


def matrix(sample: ShowerSample) -> Values:
    """All variables, shape ``(n, variables)``, in the order of `VARIABLES`."""
    return np.stack([variable(sample) for variable in VARIABLES], axis=1)


def _share(part: Values, whole: Values) -> Values:
    shares = np.zeros_like(whole)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _centroid(sample: ShowerSample, layer: Layer, axis: int) -> Values:
    image = sample.cells[:, layer.span].reshape(-1, *layer.shape).astype(np.float64)
    profile = image.sum(axis=2 - axis)
    return _share(profile @ (layer.phi_mm, layer.eta_mm)[axis], profile.sum(axis=1))


def _brightest(sample: ShowerSample, layer: Layer, rank: int) -> Values:
    cells = sample.cells[:, layer.span].astype(np.float64)
    kth = layer.cells - rank
    return _share(np.partition(cells, kth, axis=1)[:, kth], cells.sum(axis=1))


def _faint(sample: ShowerSample, layer: Layer) -> Values:
    cells = sample.cells[:, layer.span]
    hits = (cells > 0).sum(axis=1).astype(np.float64)
    return _share(hits - (cells > FAINT_MEV).sum(axis=1), hits)


def _shape(name: str, sample: ShowerSample) -> Values:
    return SHOWER_SHAPES[name](sample.cells)


_SYMBOLS = {
    "e_tot": r"$E_{\mathrm{tot}}$",
    "d": "$d$",
    "l_d": "$l_d$",
    "s_d": "$s_d$",
    "sigma_sd": r"$\sigma_{s_d}$",
    "e": "$E_{{{}}}$",
    "f": "$f_{{{}}}$",
    "e_ratio": r"$E_{{\mathrm{{ratio}},{}}}$",
    "sigma_phi": r"$\sigma_{{{}}}$ along $\phi$",
    "sigma_eta": r"$\sigma_{{{}}}$ along $\eta$",
    "occupancy": "occupancy",
}
_DECADES = ("e_tot", "l_d", "e_0", "e_1", "e_2", "f_2")


def _table_four() -> Iterator[Variable]:
    for shape in SHOWER_SHAPES.values():
        stem, _, index = shape.name.rpartition("_")
        of_layer = index.isdigit()
        yield Variable(
            shape.name,
            _SYMBOLS[stem].format(index) if of_layer else _SYMBOLS[shape.name],
            shape.unit,
            shape.description,
            f"layer {index}" if of_layer else GLOBAL,
            partial(_shape, shape.name),
            logarithmic=shape.name in _DECADES,
        )


def _later() -> Iterator[Variable]:
    yield Variable("response", r"$E_{\mathrm{tot}}/E$", "", "response E_tot/E", GLOBAL, response)
    for layer in CALOGAN.layers:
        number = layer.index
        group = f"layer {number}"
        for axis, way in enumerate(("phi", "eta")):
            yield Variable(
                f"centroid_{way}_{number}",
                rf"$\langle \{way} \rangle_{number}$",
                "mm",
                f"centroid of layer {number} along {way}",
                group,
                partial(_centroid, layer=layer, axis=axis),
            )
        for rank in range(1, BRIGHTEST + 1):
            yield Variable(
                f"brightest_{rank}_{number}",
                f"$I_{{({rank})}}/E_{{{number}}}$",
                "",
                f"share of cell no. {rank} by brightness in layer {number}",
                group,
                partial(_brightest, layer=layer, rank=rank),
            )
        yield Variable(
            f"faint_{number}",
            f"hits below {FAINT_MEV:g} MeV",
            "",
            f"share of the hit cells below {FAINT_MEV:g} MeV in layer {number}",
            group,
            partial(_faint, layer=layer),
        )


VARIABLES: tuple[Variable, ...] = (*_table_four(), *_later())
BY_NAME = {variable.name: variable for variable in VARIABLES}
