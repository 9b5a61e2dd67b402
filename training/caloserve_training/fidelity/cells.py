"""Cell by cell: each cell's energies, and the spectrum of all cells of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from caloserve.calorimeter import CALOGAN, Layer
from caloserve_training.fidelity.checks import Check, Topic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caloserve_training.fidelity.case import Case

    Values = NDArray[np.float64]

SPECTRUM_EDGES_MEV = np.geomspace(1e-3, 3e4, 46)
NAMED = 3
"""Cells called by their place in a finding."""
FAR = 0.5
"""A cell whose hits or mean energy differ by more than this share is named as dead, dim or bright."""
RARE = 5
"""Showers of both samples that must hit a bin of the spectrum for it to be tested."""


@dataclass(frozen=True)
class CellMaps:
    """Per cell, flattened: mean energies in MeV, shares of showers that hit it, and the pull of its energies.

    Attributes:
        made_mean: Generated mean energy.
        true_mean: Reference mean energy.
        made_hit: Share of generated showers that hit the cell.
        true_hit: Share of reference showers.
        pull: Difference of the cell's energies in standard deviations (rank sum), positive where generated are larger.
        p: Two-sided probability of each pull.
    """

    made_mean: Values
    true_mean: Values
    made_hit: Values
    true_hit: Values
    pull: Values
    p: Values


@dataclass(frozen=True)
class Spectrum:
    """Cells per shower in bins of energy, in one layer: means, errors of the means, and the test's probability."""

    layer: int
    made: Values
    made_error: Values
    true: Values
    true_error: Values
    p: float


def map_cells(case: Case) -> CellMaps:
    """Rank-sum test of every cell's share of the particle's energy; it holds for any distribution, zeros included."""
    made, true = (sample.cells / sample.energy[:, np.newaxis] for sample in (case.generated, case.reference))
    counts = len(made), len(true)
    ranks = stats.rankdata(np.concatenate([made, true]), axis=0)
    total = sum(counts)
    # Ties, most of them zeros, make the sum of ranks vary less; the variance of the ranks themselves knows that.
    deviation = np.sqrt(ranks.var(axis=0) * counts[0] * counts[1] / (total - 1))
    excess = ranks[: counts[0]].sum(axis=0) - counts[0] * (total + 1) / 2
    pull = np.divide(excess, deviation, out=np.zeros_like(excess), where=deviation > 0)
    return CellMaps(
        case.generated.cells.mean(axis=0, dtype=np.float64),
        case.reference.cells.mean(axis=0, dtype=np.float64),
        (made > 0).mean(axis=0),
        (true > 0).mean(axis=0),
        pull,
        2.0 * stats.norm.sf(np.abs(pull)),
    )


def cell_checks(maps: CellMaps) -> list[Check]:
    """One check per layer, of its most deviant cell."""
    return [
        Check(
            f"cells_{layer.index}",
            Topic.CELLS,
            f"Cells of layer {layer.index}, each by itself",
            _cells_in_words(maps, layer),
            min(float(maps.p[layer.span].min()) * layer.cells, 1.0),
            direct=bool(_far(maps, layer).any()),
        )
        for layer in CALOGAN.layers
    ]


def measure_spectra(case: Case) -> list[Spectrum]:
    """One entry per layer. Cells of one shower are not independent, so each bin is tested on its count per shower."""
    spectra = []
    for layer in CALOGAN.layers:
        made, true = (_counts(sample.cells[:, layer.span]) for sample in (case.generated, case.reference))
        errors = [counts.std(axis=0) / np.sqrt(len(counts)) for counts in (made, true)]
        error = np.hypot(*errors)
        difference = made.mean(axis=0) - true.mean(axis=0)
        tested = (made > 0).sum(axis=0) + (true > 0).sum(axis=0) >= RARE * 2
        pulls = np.divide(difference, error, out=np.zeros_like(difference), where=tested & (error > 0))
        p = min(float(2.0 * stats.norm.sf(np.abs(pulls).max())) * max(int(tested.sum()), 1), 1.0)
        spectra.append(Spectrum(layer.index, made.mean(axis=0), errors[0], true.mean(axis=0), errors[1], p))
    return spectra


def spectrum_checks(spectra: list[Spectrum]) -> list[Check]:
    """One check per layer, of the most deviant bin."""
    return [
        Check(
            f"spectrum_{entry.layer}",
            Topic.CELLS,
            f"Cell-energy spectrum of layer {entry.layer}",
            _spectrum_in_words(entry),
            entry.p,
        )
        for entry in spectra
    ]


def _counts(cells: NDArray[np.float32]) -> Values:
    """Cells of each shower in each bin of energy, shape ``(n, bins)``."""
    bins = np.searchsorted(SPECTRUM_EDGES_MEV, cells)
    width = len(SPECTRUM_EDGES_MEV) + 1
    flat = (np.arange(len(cells))[:, np.newaxis] * width + bins).ravel()
    counts = np.bincount(flat, minlength=len(cells) * width).reshape(len(cells), width)
    # Cells without energy are beside the first bin; faint ones are counted in it, bright ones in the last.
    hits = counts[:, 1:-1].astype(np.float64)
    hits[:, 0] += counts[:, 0] - (cells <= 0).sum(axis=1)
    hits[:, -1] += counts[:, -1]
    return hits


def _far(maps: CellMaps, layer: Layer) -> NDArray[np.bool_]:
    """Cells far from the reference beyond chance: their hits for those often hit, their mean energy for the others."""
    span = layer.span
    mean = np.divide(
        maps.made_mean[span], maps.true_mean[span], out=np.ones(layer.cells), where=maps.true_mean[span] > 0
    )
    hit = np.divide(maps.made_hit[span], maps.true_hit[span], out=np.ones(layer.cells), where=maps.true_hit[span] > 0)
    far = (np.abs(mean - 1.0) > FAR) & ((np.abs(hit - 1.0) > FAR) | (maps.true_hit[span] > FAR))
    return np.asarray(far & (maps.p[span] * layer.cells < 1e-3))  # noqa: PLR2004


def _cells_in_words(maps: CellMaps, layer: Layer) -> str:
    order = np.argsort(maps.p[layer.span], kind="stable")
    far = _far(maps, layer)[order]
    named = order[far][:NAMED] if far.any() else order[:1]
    words = "; ".join(_cell_in_words(maps, layer, int(cell)) for cell in named)
    more = int(far.sum()) - len(named)
    deviant = int((maps.p[layer.span] * layer.cells < 1e-2).sum())  # noqa: PLR2004
    ending = f"; {more} more cells as far off" if more > 0 else ""
    return f"{words}{ending}; {deviant} of {layer.cells} cells beyond chance"


def _cell_in_words(maps: CellMaps, layer: Layer, cell: int) -> str:
    phi, eta = divmod(cell, layer.n_eta)
    at = layer.offset + cell
    dead = "dead cell " if maps.made_hit[at] == 0 and maps.true_hit[at] > 0 else ""
    return (
        f"{dead}({phi}, {eta}) hit in {100 * maps.made_hit[at]:.1f} % (Geant4 {100 * maps.true_hit[at]:.1f} %), "
        f"mean {maps.made_mean[at]:.3g} MeV ({maps.true_mean[at]:.3g})"
    )


def _spectrum_in_words(entry: Spectrum) -> str:
    error = np.hypot(entry.made_error, entry.true_error)
    pulls = np.divide(entry.made - entry.true, error, out=np.zeros_like(error), where=error > 0)
    worst = int(np.argmax(np.abs(pulls)))
    low, high = SPECTRUM_EDGES_MEV[worst : worst + 2]
    return (
        f"furthest off at {low:.2g}-{high:.2g} MeV: {entry.made[worst]:.3g} cells a shower "
        f"(Geant4 {entry.true[worst]:.3g} ± {error[worst]:.2g})"
    )
