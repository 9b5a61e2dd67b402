"""The judge: every comparison, classifiers trained on it, and the verdict on all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caloserve_training.fidelity.checks import Result, Topic, weigh
from caloserve_training.fidelity.classifiers import CONTESTS, Sight, classifier_checks, contests_of
from caloserve_training.fidelity.comparison import STEPS, Comparison, compare
from caloserve_training.fidelity.figures import figures_of
from caloserve_training.fidelity.table_two import Accuracy, missing, table_two, trials_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from caloserve.generator.manifest import Figure
    from caloserve_training.fidelity.case import Case

    Report = Callable[[str], None]


@dataclass(frozen=True)
class Judgement(Comparison):
    """A comparison, what the classifiers made of the samples, and the results of all checks.

    Attributes:
        sights: Generated showers against Geant4's.
        accuracies: Table II, particle against particle.
        no_table_two: Why there is no Table II, empty if there is.
        results: All checks with their Holm-corrected probabilities.
    """

    sights: tuple[Sight, ...]
    accuracies: list[Accuracy]
    no_table_two: str
    results: tuple[Result, ...]

    @property
    def wrong(self) -> list[Result]:
        """What does not agree: first what points at one cause, then the least likely."""
        topics = list(Topic)

        def order(result: Result) -> tuple[bool, int, float]:
            direct = result.check.direct
            return not direct, topics.index(result.check.topic) if direct else 0, result.check.p

        return sorted((result for result in self.results if not result.agrees), key=order)

    def figures(self) -> tuple[Figure, ...]:
        """Figures of merit, as they go into a manifest."""
        return figures_of(self.case, self.bins, self.sights, self.novelty)


def steps_of(case: Case) -> int:
    """How often `judge` will report."""
    return STEPS + CONTESTS + trials_of(case)


def judge(case: Case, report: Report = lambda _: None) -> Judgement:
    """Judge a case; ``report`` is called after each step with what comes next."""
    comparison = compare(case, report)
    sights = contests_of(case, lambda: report("classifiers"))
    no_table_two = missing(case)
    return Judgement(
        **vars(comparison),
        sights=sights,
        accuracies=[] if no_table_two else table_two(case, lambda: report("Table II")),
        no_table_two=no_table_two,
        results=weigh([*comparison.checks(), *classifier_checks(sights)]),
    )
