"""Which showers are trained on, looked at and kept to judge by: decided by each shower's digest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caloserve_training.data import ShowerSample

_WORDS = 2**32


@dataclass(frozen=True)
class Split:
    """Three samples that share no shower.

    Attributes:
        training: Trained on.
        validation: Looked at while training.
        test: Kept to judge the result by.
    """

    training: ShowerSample
    validation: ShowerSample
    test: ShowerSample


def split(sample: ShowerSample, *, validation: float, test: float) -> Split:
    """Split a sample by shares; the same shower falls to the same side whatever else the file holds, in any order."""
    words = np.array([int.from_bytes(digest[:4], "big") for digest in sample.digests()], dtype=np.float64) / _WORDS
    kept = words < test
    looked_at = ~kept & (words < test + validation)
    return Split(sample.select(~kept & ~looked_at), sample.select(looked_at), sample.select(kept))
