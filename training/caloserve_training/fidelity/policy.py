"""The policy of the gate: which figures a release is held to, and how far from the best each may be."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources

from caloserve_training.errors import PolicyError

MOST_RULES = 8
"""With every further question a real loss must be larger to be told from chance."""


@dataclass(frozen=True)
class Rule:
    """One figure.

    Attributes:
        figure: Its name.
        best: The value of a perfect generator.
        limit: How far from it a release may be.
    """

    figure: str
    best: float
    limit: float


@dataclass(frozen=True)
class Policy:
    """Rules for one kind of shower.

    Attributes:
        version: Of the policy file; it goes into the manifest.
        sigma: Standard deviations at which a figure counts as worse.
        rules: At most `MOST_RULES`.
    """

    version: int
    sigma: float
    rules: tuple[Rule, ...]


def read_policy(*, hadronic: bool) -> Policy:
    """The policy that comes with this version."""
    text = resources.files(__package__).joinpath("policy.toml").read_text(encoding="utf-8")
    return parse_policy(text, hadronic=hadronic)


def parse_policy(text: str, *, hadronic: bool) -> Policy:
    """A policy from TOML; raise PolicyError saying what is wrong with it."""
    try:
        document = tomllib.loads(text)
        entries = document["hadronic" if hadronic else "electromagnetic"]
        rules = tuple(Rule(str(entry["figure"]), float(entry["best"]), float(entry["limit"])) for entry in entries)
        policy = Policy(int(document["version"]), float(document["sigma"]), rules)
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"the policy is malformed: {error}") from error
    names = {rule.figure for rule in rules}
    if not 0 < len(rules) <= MOST_RULES or len(names) < len(rules):
        raise PolicyError(f"the policy names {len(rules)} figures; it must name 1 to {MOST_RULES}, each once")
    return policy
