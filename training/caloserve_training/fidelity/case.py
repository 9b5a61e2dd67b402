"""What is before the judge: showers of a generator, full simulation to compare them with, and what else is at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import stats

from caloserve.calorimeter import PARTICLES
from caloserve_training.data import ShowerSample
from caloserve_training.errors import DataError

FEWEST = 200
"""Showers of each side below which nothing can be said."""
UNLIKE = 1e-4
"""Two samples whose energies would differ so much less often than this are not of one spectrum."""
HADRON_PDG_ID = 100
"""Monte Carlo numbers of hadrons are larger."""


@dataclass(frozen=True)
class Pair:
    """Full simulation and generated showers to hold beside it."""

    reference: ShowerSample
    generated: ShowerSample


@dataclass(frozen=True)
class Case(Pair):
    """A pair of samples of one particle, with the same energies or the same spectrum, and what else is known.

    Attributes:
        particle: ``eplus``, ``gamma`` or ``piplus``.
        domain_gev: Lowest and highest energy the generator was trained for.
        training: Showers the generator was trained on, those of the reference left out.
        fixed: Showers at fixed energies or outside the domain.
        others: Samples of other particles by name, for the classifiers between particles.
        source: What made the generated showers, in words.
    """

    particle: str
    domain_gev: tuple[float, float] = (1.0, 100.0)
    training: ShowerSample | None = None
    fixed: Pair | None = None
    others: dict[str, Pair] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse samples that cannot be compared; raise DataError saying why."""
        for name, sample in (("reference", self.reference), ("generated", self.generated)):
            if len(sample) < FEWEST:
                raise DataError(f"{name}: {len(sample)} showers; at least {FEWEST} are needed to judge")
        if stats.ks_2samp(self.reference.energy, self.generated.energy).pvalue < UNLIKE:
            raise DataError(
                "generated: the energies are not distributed as the reference's; "
                "generate at the reference's energies (caloserve generate --energies-from)"
            )

    @property
    def hadronic(self) -> bool:
        """Whether the particle makes hadronic showers."""
        return abs(PARTICLES[self.particle].pdg_id) > HADRON_PDG_ID

    @cached_property
    def equal(self) -> Pair:
        """As many generated as reference showers: the first of each, a generator's first draw if it was drawn often."""
        size = min(len(self.reference), len(self.generated))
        return Pair(self.reference.select(slice(size)), self.generated.select(slice(size)))


def join(samples: list[ShowerSample]) -> ShowerSample:
    """Samples one after the other; their origins are those of the first."""
    return ShowerSample(
        np.concatenate([sample.energy for sample in samples]),
        np.concatenate([sample.cells for sample in samples]),
        samples[0].origin,
    )
