"""Pictures of a judgement, in the order of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caloserve_training.fidelity.pictures import matrices, panels, physics, separation, showers

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from caloserve_training.fidelity.judge import Judgement


@dataclass(frozen=True)
class Picture:
    """One picture: the section it stands in, what it shows, how it is drawn (None: there is nothing to draw)."""

    section: str
    title: str
    caption: str
    draw: Callable[[Judgement], Figure | None]


PICTURES = (
    Picture(
        "showers",
        "The average shower",
        "Mean energy of every cell, its ratio, and its pull (rank-sum test of the cell's share of the energy, in "
        "standard deviations). After Figs. 6-8 of the paper.",
        showers.draw_average,
    ),
    Picture(
        "showers",
        "Single showers and their nearest neighbours",
        "Geant4 showers picked at random, each above the generated shower nearest to it (Euclidean distance of the "
        "cells, among those within a tenth of its energy). After Figs. 9-11.",
        showers.draw_neighbours,
    ),
    Picture(
        "energies",
        "Response in bins of energy",
        "E_tot/E. After Figs. 12 and 13; the ratio's band is Geant4's own statistical uncertainty.",
        physics.draw_bins,
    ),
    Picture(
        "energies",
        "Response at single energies",
        "After Fig. 13. Where there are no showers of one energy, those of a window about it stand in.",
        physics.draw_responses,
    ),
    Picture("shapes", "The whole shower", "", panels.draw_global),
    Picture("shapes", "Layer 0", "", panels.draw_first),
    Picture("shapes", "Layer 1", "", panels.draw_middle),
    Picture("shapes", "Layer 2", "", panels.draw_last),
    Picture(
        "cells",
        "Cell-energy spectrum",
        "Cells per shower in bins of energy, with errors from shower to shower.",
        panels.draw_spectra,
    ),
    Picture(
        "correlations",
        "Correlations between shower shapes",
        "Rank correlations, the energy taken out; right, the difference in standard deviations.",
        matrices.draw_correlations,
    ),
    Picture(
        "novelty",
        "Distances",
        "Left: from each shower to the nearest other of its sample. Right: to the nearest training shower, for "
        "generated showers and for Geant4 showers never trained on.",
        separation.draw_distances,
    ),
    Picture(
        "classifiers",
        "What the classifiers see",
        "ROC curves; grey, Geant4 against Geant4. On the diagonal nothing can be told apart.",
        separation.draw_curves,
    ),
)
