"""Every expression of every dashboard and rule: well formed, and full of data once the services are used."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from caloserve.stack.stack import Stack

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
GRAFANA = DEPLOY / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
RATE_INTERVAL = "30s"
"""What stands for $__rate_interval here; Grafana takes at least four times the interval of the scrapes."""

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)


def panels(board: Path) -> list[Any]:
    """All but the titles of rows."""
    return [panel for panel in json.loads(board.read_text())["panels"] if panel["type"] != "row"]


def expressions(board: Path) -> list[tuple[str, str]]:
    """(panel, expression) of a dashboard."""
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", RATE_INTERVAL))
        for panel in panels(board)
        for target in panel["targets"]
    ]


def tell(count: int, name: str, expression: str) -> None:
    """One line of what the run saw; pytest shows it with -s, or when the test fails."""
    print(f"{count:4d} series  {name}: {' '.join(expression.split())}")  # noqa: T201


def provisioned_uids() -> list[str]:
    text = (GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text()
    return re.findall(r"^\s+uid: (\S+)", text, re.MULTILINE)


def test_the_dashboards_are_what_their_code_says(tmp_path: Path) -> None:
    script = f"import pathlib, sys; sys.path.insert(0, {str(GRAFANA)!r}); import build; "
    subprocess.run(
        [sys.executable, "-B", "-c", f"{script}build.build(pathlib.Path({str(tmp_path)!r}))"], check=True, timeout=30
    )
    built = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert built == {path.name: path.read_text() for path in BOARDS}, "run deploy/grafana/build.py"


@each_board
def test_every_data_source_is_provisioned(board: Path) -> None:
    told = re.findall(r'"uid": "([^"]+)"', json.dumps(panels(board)))
    assert told
    assert set(told) <= set(provisioned_uids())


@each_board
def test_every_panel_is_told_apart_has_a_unit_and_a_place_of_its_own(board: Path) -> None:
    assert len({panel["id"] for panel in panels(board)}) == len(panels(board))
    taken: set[tuple[int, int]] = set()
    for panel in panels(board):
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        place = panel["gridPos"]
        area = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in area) < 24
        assert not area & taken
        taken |= area


def test_every_expression_is_well_formed(promtool: str, tmp_path: Path) -> None:
    found = [expression for board in BOARDS for _, expression in expressions(board)]
    rules = [{"record": f"checked:expression:{number}", "expr": expression} for number, expression in enumerate(found)]
    file = tmp_path / "expressions.yml"
    file.write_text(json.dumps({"groups": [{"name": "expressions", "rules": rules}]}))
    check = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, timeout=60, check=False)
    assert check.returncode == 0, check.stderr
    assert f"{len(found)} rules found" in check.stdout


@pytest.mark.timeout(90)
def test_no_panel_is_empty_under_load(prometheus: Any) -> None:
    empty = []
    for board in BOARDS:
        for title, expression in expressions(board):
            count = len(prometheus.series(expression))
            tell(count, f"{board.stem} / {title}", expression)
            if count == 0:
                empty.append(f"{board.stem} / {title}: {expression}")
    assert not empty, "\n".join(empty)


@pytest.mark.timeout(90)
def test_every_recording_rule_has_data_and_every_rule_is_well(prometheus: Any) -> None:
    rules = [rule for group in prometheus.get("/api/v1/rules")["groups"] for rule in group["rules"]]
    empty = []
    for rule in rules:
        count = len(prometheus.series(rule["query"]))
        tell(count, f"{rule['type']} {rule['name']}", rule["query"])
        assert rule["health"] == "ok", rule
        if rule["type"] == "recording" and count == 0:
            empty.append(rule["query"])
    assert not empty, "\n".join(empty)


@pytest.mark.timeout(90)
def test_alerts_that_are_silent_still_watch_something_that_is_there(prometheus: Any) -> None:
    rules = [rule for group in prometheus.get("/api/v1/rules")["groups"] for rule in group["rules"]]
    watched = {
        name
        for rule in rules
        if rule["type"] == "alerting"
        for name in re.findall(r"(?:[a-z_]+:)?caloserve_[\w:]+", rule["query"])
    }
    assert len(watched) > 10
    assert not [name for name in watched if not prometheus.get("/api/v1/query", query=name)["result"]]


@pytest.mark.timeout(90)
def test_the_planted_bad_cells_raise_their_alert_and_health_raises_none(prometheus: Any) -> None:
    raised = {alert["labels"]["alertname"] for alert in prometheus.get("/api/v1/alerts")["alerts"]}
    assert "CaloServeBadCells" in raised
    assert not raised & {
        "CaloServeTargetDown",
        "CaloServeServiceMissing",
        "CaloServeGeneratorNotServing",
        "CaloServeReplicasDiffer",
    }


@pytest.mark.timeout(90)
def test_what_is_served_passes_promtool(promtool: str, watched_stack: Stack) -> None:
    for server in watched_stack.processes:
        with urllib.request.urlopen(f"http://{server.metrics_address}/metrics") as answer:
            told = answer.read()
        check = subprocess.run([promtool, "check", "metrics"], input=told, capture_output=True, timeout=30, check=False)
        assert check.returncode == 0, f"{server.name}: {check.stdout.decode()}{check.stderr.decode()}"
