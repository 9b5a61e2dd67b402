"""Whether a file holds what training can rely on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caloserve_training.samples.sample import Sample

_NAMED = 5  # showers that a finding names
_LARGEST_RESPONSE = 1.2  # annihilation and nuclear energy add a few per cent at most
_SMALLEST_MEDIAN_RESPONSE = 3e-3  # a minimum-ionising 100 GeV particle leaves about 3e-3 of its energy
_LARGEST_ENERGY_GEV = 1e4
_ROUNDING_MEV = 1e-3  # of an overflow that is the difference of two sums


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: What was looked at.
        good: Whether it is as it should be.
        words: Details.
    """

    check: str
    good: bool
    words: str


def check_sample(sample: Sample) -> list[Finding]:
    """Numbers, ranges, units and duplicates; the shapes were checked in reading."""
    cells, energy = sample.cells, sample.energy_gev
    finite = np.isfinite(cells).all(axis=1)
    shapes = ", ".join(f"{layer.n_phi} x {layer.n_eta}" for layer in sample.geometry.layers)
    findings = [
        Finding("shapes", len(sample) > 0, f"{len(sample)} showers, layers {shapes}"),
        _rows("energies positive and finite", ~(np.isfinite(energy) & (energy > 0))),
        _rows("cells finite", ~finite),
        _rows("cells not negative", (cells < 0).any(axis=1)),
    ]
    if "overflow" in sample.columns:
        overflow = sample.columns["overflow"]
        wrong = ~(np.isfinite(overflow) & (overflow >= -_ROUNDING_MEV)).all(axis=1)
        findings.append(_rows("overflow finite, not negative", wrong))
    usable = finite & np.isfinite(energy) & (energy > 0)
    return [*findings, *_units(sample, usable), _duplicates(sample)]


def _rows(check: str, wrong: NDArray[np.bool_] | np.bool_) -> Finding:
    rows = np.flatnonzero(wrong)
    if not len(rows):
        return Finding(check, good=True, words="all")
    named = ", ".join(str(row) for row in rows[:_NAMED])
    more = ", ..." if len(rows) > _NAMED else ""
    return Finding(check, good=False, words=f"not in {len(rows)} showers: {named}{more}")


def _units(sample: Sample, usable: NDArray[np.bool_]) -> list[Finding]:
    """Energies in GeV and deposits in MeV: no shower leaves much more than its energy, nor most next to nothing."""
    if not usable.any():
        return []
    energy = sample.energy_gev.astype(np.float64)
    response = np.zeros(len(sample))
    response[usable] = sample.layer_energies().sum(axis=1)[usable] / (1e3 * energy[usable])
    median, largest = float(np.median(response[usable])), float(response[usable].max())
    low, high = float(energy[usable].min()), float(energy[usable].max())
    return [
        Finding("energies in GeV", high <= _LARGEST_ENERGY_GEV, f"{low:g} to {high:g}"),
        Finding("deposits in MeV", median >= _SMALLEST_MEDIAN_RESPONSE, f"median E_tot/E is {median:.3g}"),
        Finding("no more left than brought", largest <= _LARGEST_RESPONSE, f"largest E_tot/E is {largest:.3g}"),
    ]


def _duplicates(sample: Sample) -> Finding:
    digests = sample.digests()
    repeated = {digest for digest, times in Counter(digests).items() if times > 1}
    return _rows("no duplicates", np.array([digest in repeated for digest in digests], dtype=np.bool_))
