"""Two samples side by side: every measurement but the trained classifiers'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from caloserve_training.fidelity import variables
from caloserve_training.fidelity.bins import EnergyBin, measure_bins
from caloserve_training.fidelity.calibration import LayerScale, layer_scales, scale_checks
from caloserve_training.fidelity.case import Case
from caloserve_training.fidelity.cells import (
    CellMaps,
    Spectrum,
    cell_checks,
    map_cells,
    measure_spectra,
    spectrum_checks,
)
from caloserve_training.fidelity.checks import Check
from caloserve_training.fidelity.correlations import Correlations, compare_correlations, correlation_check
from caloserve_training.fidelity.distributions import Distribution, compare_distributions, distribution_checks
from caloserve_training.fidelity.memorising import Novelty, measure_novelty, novelty_checks
from caloserve_training.fidelity.ranks import conditional_ranks
from caloserve_training.fidelity.response import Beyond, Response, beyond_domain, responses_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Report = Callable[[str], None]

STEPS = 4


@dataclass(frozen=True)
class Comparison:
    """All that was measured.

    Attributes:
        case: What was compared.
        made: Variables of the generated showers, ``(n, variables)``.
        true: Variables of the reference, ``(m, variables)``.
    """

    case: Case
    made: Values
    true: Values
    scales: list[LayerScale]
    bins: list[EnergyBin]
    distributions: list[Distribution]
    correlations: Correlations
    maps: CellMaps
    spectra: list[Spectrum]
    novelty: Novelty
    responses: list[Response]
    beyond: list[Beyond]

    def checks(self) -> list[Check]:
        """One check per question; what lies beyond the training domain counts for none."""
        return [
            *novelty_checks(self.novelty),
            *cell_checks(self.maps),
            *spectrum_checks(self.spectra),
            *scale_checks(self.scales),
            *(check for entry in self.bins for check in entry.checks),
            *distribution_checks(self.distributions),
            correlation_check(self.correlations),
        ]


def compare(case: Case, report: Report = lambda _: None) -> Comparison:
    """Compare the samples; ``report`` is called after each of `STEPS` steps with what comes next."""
    made, true = variables.matrix(case.generated), variables.matrix(case.reference)
    energies = (case.generated.energy.astype(np.float64), case.reference.energy.astype(np.float64))
    ranks = conditional_ranks(
        energies, (variables.at_one_energy(made, case.generated), variables.at_one_energy(true, case.reference))
    )
    distributions = compare_distributions(made, true, ranks)
    correlations = compare_correlations(ranks)
    report("energies")
    scales, bins = layer_scales(case), measure_bins(case)
    responses, beyond = responses_of(case), beyond_domain(case)
    report("cells")
    maps, spectra = map_cells(case), measure_spectra(case)
    report("distances")
    with threadpool_limits(1):  # two threads are slower than one where other work runs too
        novelty = measure_novelty(case)
    report("classifiers")
    return Comparison(
        case, made, true, scales, bins, distributions, correlations, maps, spectra, novelty, responses, beyond
    )
