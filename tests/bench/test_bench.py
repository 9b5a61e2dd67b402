import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caloserve_bench.load import repeat
from caloserve_bench.slices import Series, Slice

BENCH = Path(__file__).parent


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a very short run wrote."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, "-m", "caloserve_bench", "ours", "--rounds=1", "--seconds=0.05", f"--json={path}"]
    command += [
        f"--only={name}" for name in ("raw 512", "generator unary", "event 10 ", "small", "one shower", "batch 1 ")
    ]
    run = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(BENCH)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "at least 0.90 of raw" in run.stdout
    return json.loads(path.read_text())


def test_what_is_asked_for_is_measured(document: Any) -> None:
    assert {row["line"] for row in document["rows"]} == {"a", "b", "d", "e", "f", "one"}
    assert all(series["calls"] > 0 for name, series in document["series"].items() if name.startswith("one shower"))
    assert all(np.isfinite(series["showers_per_second"]["median"]) for series in document["series"].values())


def test_a_report_says_what_it_was_measured_on(document: Any) -> None:
    machine = document["machine"]
    assert machine["cores"] == len(os.sched_getaffinity(0))
    assert all(machine[name] for name in ("cpu", "instruction_set", "onnxruntime", "commit", "date"))


def test_rates_are_compared_round_by_round() -> None:
    ours, theirs = (
        Series("", [Slice(1.0, showers, (), 0, 0, 0.0, 0.0) for showers in rounds]) for rounds in ((10, 100), (20, 200))
    )
    assert ours.rate_over(theirs) == (0.5, 0.5, 0.5)


def test_work_in_this_process_is_timed_and_counted() -> None:
    done = repeat(lambda: sum(range(1000)) and 3, 0.02)
    assert done.showers == 3 * len(done.latencies_s) > 0
    assert 0 < done.server_cpu_s < 2 * done.seconds
