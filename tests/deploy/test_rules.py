import re
import subprocess
from pathlib import Path

import pytest

from caloserve.wire.series import BUCKETS_S

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
TESTS = sorted((Path(__file__).parent / "rules").glob("*.yml"))
ALERTS = (PROMETHEUS / "rules" / "alerts.yml").read_text()


@pytest.mark.parametrize("file", ["prometheus.yml", "one-machine.yml"])
def test_the_configuration_and_its_rules_are_well_formed(promtool: str, file: str) -> None:
    check = subprocess.run(
        [promtool, "check", "config", PROMETHEUS / file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert check.returncode == 0, check.stderr
    assert "3 rule files found" in check.stdout


@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(promtool: str, file: Path) -> None:
    test = subprocess.run(
        [promtool, "test", "rules", file.name], cwd=file.parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert test.returncode == 0, test.stdout + test.stderr


def test_every_alert_is_seen_to_be_raised_and_says_what_to_do() -> None:
    named = re.findall(r"alert: (\w+)", ALERTS)
    tests = "".join(file.read_text() for file in TESTS)
    raised = set(re.findall(r"alertname: (\w+)\n\s+eval_time: \w+\n\s+exp_alerts:\n", tests))
    assert set(named) == raised
    for word in ("summary: ", "runbook: ", "severity: "):
        assert ALERTS.count(word) == len(named)


def test_thresholds_of_latency_are_edges_of_buckets() -> None:
    told = set(re.findall(r'le="([^"]+)"', (PROMETHEUS / "rules" / "objectives.yml").read_text()))
    assert told
    assert told <= {repr(edge) for edge in BUCKETS_S}
