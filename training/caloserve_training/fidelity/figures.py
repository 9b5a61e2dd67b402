"""Figures of merit that go with a release: into its manifest, to whoever asks the service, and before the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caloserve.calorimeter import CALOGAN, SHOWER_SHAPES
from caloserve.generator.manifest import Figure
from caloserve_training.fidelity.bins import EnergyBin, measure_bins
from caloserve_training.fidelity.case import Case
from caloserve_training.fidelity.classifiers import Sight, contests_of
from caloserve_training.fidelity.memorising import Novelty, measure_novelty
from caloserve_training.fidelity.variables import response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from caloserve_training.data import ShowerSample

    Draw = Callable[[NDArray[np.float32], int], NDArray[np.float32]]

DRAWS = 10
_RATIOS = (
    ("e_tot_ratio", "response_mean"),
    ("response_width_ratio", "response_width"),
    ("minimum_ionising_ratio", "minimum_ionising"),
)
"""Names of figures, and the measures whose ratio to the reference they are."""


def draw_case(
    draw: Draw, reference: ShowerSample, *, particle: str, training: ShowerSample | None = None, source: str = ""
) -> Case:
    """The case of a generator drawn from `DRAWS` times at each of the reference's energies.

    The uncertainty of a mean is then the reference's own.

    Args:
        draw: Makes cells in MeV, ``(n, 504)``, from energies in GeV, ``(n,)``, and a seed.
        reference: Full simulation, never trained on.
        particle: Its name.
        training: What the generator was trained on, the reference left out.
        source: What the generator is, in words.
    """
    cells = np.concatenate([draw(reference.energy, seed) for seed in range(DRAWS)])
    generated = type(reference)(np.tile(reference.energy, DRAWS), cells, "")
    return Case(reference, generated, particle, training=training, source=source)


def quick_figures(case: Case) -> tuple[Figure, ...]:
    """All figures, without the rest of the report."""
    return figures_of(case, measure_bins(case), contests_of(case), measure_novelty(case))


def figures_of(case: Case, bins: Sequence[EnergyBin], sights: Sequence[Sight], novelty: Novelty) -> tuple[Figure, ...]:
    """All figures, from what the judge has measured. The size that stands with a figure is the reference's."""
    return (*_by_energy(bins), *_overall(case), *_classifiers(sights), *_copies(case, novelty))


def _by_energy(bins: Sequence[EnergyBin]) -> Iterator[Figure]:
    for entry in bins:
        size = entry.true_count
        for measure in entry.measures:
            unit = "MeV" if measure.name.endswith("_mev") else ""
            name = f"{measure.name}_{entry.key}"
            yield _figure(name, measure.made, measure.made_error, measure.true, size, unit=unit)
        for name, of in _RATIOS:
            found = entry.find(of)
            if found is not None and np.isfinite(found.ratio):
                yield _figure(f"{name}_{entry.key}", found.ratio, found.ratio_error, 1.0, size)


def _overall(case: Case) -> Iterator[Figure]:
    """Occupancies and energy above the particle's, over all energies."""
    for layer in CALOGAN.layers:
        occupancy = SHOWER_SHAPES[f"occupancy_{layer.index}"]
        yield _mean(f"occupancy_{layer.index}_mean", *(occupancy(s.cells) for s in (case.generated, case.reference)))
    above = (np.asarray(response(sample) > 1.0, dtype=np.float64) for sample in (case.generated, case.reference))
    yield _mean("e_tot_above_e", *above)


def _classifiers(sights: Sequence[Sight]) -> Iterator[Figure]:
    """The better classifier's area; beside it that of Geant4 against Geant4."""
    for sight in sights:
        yield _figure(f"auc_{sight.name}", sight.best.auc, sight.best.error, sight.best_floor.auc, sight.best.size)


def _copies(case: Case, novelty: Novelty) -> Iterator[Figure]:
    yield _figure("copies", novelty.copies, None, 0.0, len(case.equal.generated))
    if novelty.training_copies is not None:
        yield _figure("training_copies", novelty.training_copies, None, 0.0, len(case.generated))


def _mean(name: str, made: NDArray[np.float64], true: NDArray[np.float64]) -> Figure:
    return _figure(name, float(made.mean()), float(made.std() / np.sqrt(len(made))), float(true.mean()), len(true))


def _figure(
    name: str, value: float, uncertainty: float | None, reference: float, size: int, *, unit: str = ""
) -> Figure:
    error = None if uncertainty is None else _rounded(uncertainty)
    return Figure(name, _rounded(value), _rounded(reference), unit, size, error)


def _rounded(value: float) -> float:
    """Six significant digits: more would only be noise in the comparison of two manifests."""
    return float(f"{value:.6g}")
