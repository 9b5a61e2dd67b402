"""Checks: one question each, with the probability of so large a difference between samples of one law."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FALSE_ALARM = 0.01
"""Probability that any of all checks fails on showers of the very law of the reference."""


class Topic(StrEnum):
    """What a check is about, most telling first."""

    COPIES = "Copies"
    CELLS = "Cells"
    ENERGY = "Energy"
    SHAPES = "Shower shapes"
    CORRELATIONS = "Correlations"
    CLASSIFIERS = "Classifiers"


@dataclass(frozen=True)
class Check:
    """The answer to one question about the generated showers.

    Attributes:
        name: As in ``fidelity.json``.
        topic: What it is about.
        title: What was compared, in words.
        measured: What came out, in words that hold whether it agrees or not.
        p: Probability of a difference as large between samples of one law; 0 where a single case is too many.
        direct: Whether it points at one cause, rather than at something that many causes move.
    """

    name: str
    topic: Topic
    title: str
    measured: str
    p: float
    direct: bool = False


@dataclass(frozen=True)
class Result:
    """A check, and what became of it among all others.

    Attributes:
        check: The check.
        adjusted: Its probability, Holm-corrected for the number of checks.
    """

    check: Check
    adjusted: float

    @property
    def agrees(self) -> bool:
        """Whether the check found nothing that chance would not."""
        return self.adjusted >= FALSE_ALARM


def weigh(checks: Sequence[Check]) -> tuple[Result, ...]:
    """Results in the order of the checks."""
    adjusted = holm(np.array([check.p for check in checks]))
    return tuple(Result(check, float(p)) for check, p in zip(checks, adjusted, strict=True))


def holm(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's correction for asking many questions at once, in the order given."""
    count = len(probabilities)
    order = np.argsort(probabilities, kind="stable")
    scaled = probabilities[order] * np.arange(count, 0, -1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def with_error(value: float, error: float) -> str:
    """A value and its error, both to two digits of the error, as in ``0.9935 ± 0.0012``."""
    if not np.isfinite(value):
        return "-"
    if error <= 0:
        return f"{value:.4g}"
    digits = max(1 - int(np.floor(np.log10(error))), 0)
    return f"{value:.{digits}f} ± {error:.{digits}f}" if digits < 7 else f"{value:.2e} ± {error:.1e}"  # noqa: PLR2004


def percent(ratio: float, error: float) -> str:
    """A ratio's distance from 1 with its error, to two digits of the error, as in ``+3.00 ± 0.12 %``."""
    size = 100.0 * error
    digits = 0 if size <= 0 else min(max(1 - int(np.floor(np.log10(size))), 0), 3)
    return f"{100.0 * (ratio - 1.0):+.{digits}f} ± {size:.{digits}f} %"
