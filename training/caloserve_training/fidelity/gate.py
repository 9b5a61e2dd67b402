"""The gate: what stands against a release, beside the one that is served and beside what no release may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from caloserve_training.fidelity.checks import holm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from caloserve.generator.manifest import Figure
    from caloserve_training.fidelity.policy import Policy, Rule


@dataclass(frozen=True)
class Served:
    """The release that a candidate is held beside: the newest of its family.

    Attributes:
        version: Of the release.
        figures: Its own, on the candidate's reference.
    """

    version: str
    figures: Sequence[Figure]


def objections(policy: Policy, candidate: Sequence[Figure], served: Served | None) -> tuple[str, ...]:
    """What stands against the candidate, in words; nothing for one that may be published.

    Args:
        policy: For its kind of shower.
        candidate: Its figures.
        served: What it is to replace; None for the first of a family, which has only the limits to pass.
    """
    figures = {figure.name: figure for figure in candidate}
    found = [*_beyond_limits(policy, figures)]
    if served is not None:
        found += _worse(policy, figures, served)
    return tuple(found)


def _beyond_limits(policy: Policy, figures: dict[str, Figure]) -> Iterator[str]:
    for rule in policy.rules:
        figure = figures.get(rule.figure)
        if figure is None:
            yield f"{rule.figure} was not measured"
        elif _distance(rule, figure) > rule.limit:
            yield f"{_in_words(figure)} is further than {rule.limit:g} from {rule.best:g}"


def _worse(policy: Policy, figures: dict[str, Figure], served: Served) -> Iterator[str]:
    before = {figure.name: figure for figure in served.figures}
    rules = [rule for rule in policy.rules if rule.figure in figures and rule.figure in before]
    corrected = holm(np.array([_probability(rule, figures[rule.figure], before[rule.figure]) for rule in rules]))
    for rule, p in zip(rules, corrected, strict=True):
        if p < stats.norm.sf(policy.sigma):
            yield (
                f"{_in_words(figures[rule.figure])} is worse than {_in_words(before[rule.figure])} of "
                f"{served.version}, p = {p:.1e} (limit: {policy.sigma:g} sigma, Holm-corrected)"
            )


def _probability(rule: Rule, new: Figure, old: Figure) -> float:
    """Of a loss as large between releases that are equally good."""
    loss = _distance(rule, new) - _distance(rule, old)
    error = float(np.hypot(new.uncertainty or 0.0, old.uncertainty or 0.0))
    if error == 0.0:
        return 0.0 if loss > 0 else 1.0
    return float(stats.norm.sf(loss / error))


def _distance(rule: Rule, figure: Figure) -> float:
    """From the best value; a classifier that tells less than chance is no worse for it."""
    distance = figure.value - rule.best
    return max(distance, 0.0) if rule.figure.startswith("auc_") else abs(distance)


def _in_words(figure: Figure) -> str:
    error = "" if figure.uncertainty is None else f" ± {figure.uncertainty:.2g}"
    return f"{figure.name} {figure.value:.4g}{error}"
