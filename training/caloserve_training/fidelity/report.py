"""The report: one HTML page that needs nothing else, and the same in JSON."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import asdict, dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2

from caloserve.calorimeter import PARTICLES
from caloserve_training.fidelity.checks import FALSE_ALARM, Result, Topic, with_error
from caloserve_training.fidelity.pictures import PICTURES
from caloserve_training.fidelity.pictures.panels import probability
from caloserve_training.fidelity.table_two import GEANT4, GENERATED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

    from caloserve_training.fidelity.bins import Measure
    from caloserve_training.fidelity.judge import Judgement

SCHEMA = 1
HTML, JSON = "report.html", "fidelity.json"
DPI = 130
PAPER = {
    ("eplus", "piplus", GEANT4): "99.6 %, 96.5 %",
    ("eplus", "piplus", GENERATED): "98.2 %, 99.9 %",
    ("eplus", "gamma", GEANT4): "66.1 %, 70.6 %",
    ("eplus", "gamma", GENERATED): "54.3 %, 100.0 %",
}
"""Table II of the paper, tested on Geant4 and on generated showers."""
SHOWN = 10
"""Findings on the top page; the others are in the table of all checks."""


@dataclass(frozen=True)
class Agreement:
    """A topic on the top page: how many of its checks agree, and its most telling figure."""

    topic: str
    agreeing: int
    checks: int
    words: str


def write_report(judgement: Judgement, folder: Path, *, made_on: str) -> tuple[Path, Path]:
    """Write ``report.html`` and ``fidelity.json``; the folder is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON).write_text(json.dumps(as_json(judgement), indent=1) + "\n", encoding="utf-8")
    (folder / HTML).write_text(as_html(judgement, made_on=made_on), encoding="utf-8")
    return folder / HTML, folder / JSON


def as_json(judgement: Judgement) -> dict[str, Any]:
    """Every number of the report, and the verdict."""
    case = judgement.case
    return {
        "schema": SCHEMA,
        "particle": case.particle,
        "generated": {"source": case.source, "showers": len(case.generated)},
        "reference": {"origin": case.reference.origin, "showers": len(case.reference)},
        "training_showers": None if case.training is None else len(case.training),
        "false_alarm": FALSE_ALARM,
        "checks": [
            {**asdict(result.check), "p_holm": result.adjusted, "agrees": result.agrees} for result in judgement.results
        ],
        "figures": [asdict(figure) for figure in judgement.figures()],
        "layer_scales": [asdict(scale) for scale in judgement.scales],
        "energy_bins": [
            {
                "low_gev": entry.low_gev,
                "high_gev": entry.high_gev,
                "generated": entry.made_count,
                "reference": entry.true_count,
                "measures": [asdict(measure) for measure in entry.measures],
            }
            for entry in judgement.bins
        ],
        "variables": [
            {
                "name": entry.variable.name,
                "unit": entry.variable.unit,
                "generated_mean": entry.means[0],
                "reference_mean": entry.means[1],
                "error": entry.error,
                "ks": entry.statistic,
                "p": entry.p,
                "separation": entry.separation,
                "separation_floor": entry.separation_floor,
                "wasserstein": entry.wasserstein,
                "wasserstein_floor": entry.wasserstein_floor,
            }
            for entry in judgement.distributions
        ],
        "response": [
            {
                "energy_gev": entry.energy_gev,
                "window_gev": entry.window_gev,
                "showers": [len(entry.made), len(entry.true)],
                "measures": [asdict(measure) for measure in entry.measures],
            }
            for entry in judgement.responses
        ],
        "beyond_domain": [asdict(entry) for entry in judgement.beyond],
        "classifiers": [
            {
                "on": entry.sight,
                "method": entry.method,
                "floor": floor,
                "auc": entry.auc,
                "error": entry.error,
                "showers": entry.size,
            }
            for sight in judgement.sights
            for contests, floor in ((sight.contests, False), (sight.floor, True))
            for entry in contests
        ],
        "table_two": [asdict(entry) for entry in judgement.accuracies],
        "no_table_two": judgement.no_table_two,
    }


def as_html(judgement: Judgement, *, made_on: str) -> str:
    """The page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["p"] = probability
    environment.filters["pm"] = with_error
    source = resources.files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    drawn = [(picture, picture.draw(judgement)) for picture in PICTURES]
    pictures: dict[str, list[dict[str, str]]] = {picture.section: [] for picture in PICTURES}
    for picture, figure in drawn:
        if figure is not None:
            image = {"title": picture.title, "caption": picture.caption, "data": embedded(figure)}
            pictures[picture.section].append(image)
    return environment.from_string(source).render(
        judgement=judgement,
        case=judgement.case,
        particle=PARTICLES[judgement.case.particle],
        wrong=judgement.wrong,
        shown=SHOWN,
        agreements=agreements(judgement),
        pictures=pictures,
        made_on=made_on,
        false_alarm=FALSE_ALARM,
        failing=_failing(judgement),
        bins=[_rows(entry.label, entry.made_count, entry.true_count, entry.measures) for entry in judgement.bins],
        responses=[
            _rows(entry.label, len(entry.made), len(entry.true), entry.measures) for entry in judgement.responses
        ],
        beyond=[
            _rows("{:g}-{:g} GeV".format(*entry.window_gev), entry.made_count, entry.true_count, entry.measures)
            for entry in judgement.beyond
        ],
        table_two=table_two_rows(judgement),
    )


def table_two_rows(judgement: Judgement) -> list[dict[str, Any]]:
    """Rows of Table II: pair of particles and training sample, an accuracy for each test sample, and the paper's."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for entry in judgement.accuracies:
        key = (entry.first, entry.second, entry.trained_on)
        pair = f"{PARTICLES[entry.first].symbol} / {PARTICLES[entry.second].symbol}"
        row = rows.setdefault(key, {"pair": pair, "trained_on": entry.trained_on, "paper": PAPER[key]})
        row["geant4" if entry.tested_on == GEANT4 else "generated"] = entry
    return list(rows.values())


def _rows(label: str, made: int, true: int, measures: tuple[Measure, ...]) -> dict[str, Any]:
    return {"label": label, "made": made, "true": true, "measures": measures}


def _failing(judgement: Judgement) -> Callable[[str], bool]:
    names = {result.check.name for result in judgement.wrong}
    return lambda variable: f"variable_{variable}" in names


def agreements(judgement: Judgement) -> list[Agreement]:
    """What is right, topic by topic, each with the check that could have seen most."""
    entries = []
    for topic in Topic:
        results = [result for result in judgement.results if result.check.topic == topic]
        right = [result for result in results if result.agrees]
        if right:
            entries.append(Agreement(str(topic), len(right), len(results), _telling(right)))
    return entries


def _telling(results: list[Result]) -> str:
    """The one that points at a cause, else the nearest to disagreeing."""
    direct = [result for result in results if result.check.direct]
    told = min(direct or results, key=lambda result: result.check.p)
    return f"{'' if direct else 'nearest to failing: '}{told.check.title}: {told.check.measured}"


def embedded(figure: Figure) -> str:
    """A figure as a data URL."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="webp", dpi=DPI, pil_kwargs={"lossless": True, "method": 4})
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
