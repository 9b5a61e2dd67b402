from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from caloserve.v1 import event_pb2
from caloserve_client.commands import tables
from caloserve_client.commands.describe import describe

if TYPE_CHECKING:
    from tests.clients.conftest import FakeServer


@pytest.mark.parametrize("with_rich", [True, False])
def test_table(server: FakeServer, monkeypatch: pytest.MonkeyPatch, *, with_rich: bool) -> None:
    if with_rich:
        pytest.importorskip("rich")
    else:
        monkeypatch.setattr(tables, "find_spec", lambda _name: None)
    result = CliRunner().invoke(describe, ["--target", server.target])
    assert result.exit_code == 0, result.output
    rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "eplus gamma piplus" in rows
    assert "state serving serving unreachable" in rows
    assert "message connection refused" in rows
    assert "release 0.1.0 (default) 0.1.0 (default)" in rows
    assert "domain / GeV 1 to 100 1 to 100" in rows
    assert "parameters 1,234,567 1,234,567" in rows
    assert "determinism bitwise bitwise" in rows
    assert "e_tot_ratio_1_10_gev 0.987 ± 0.01 (1) 0.987 ± 0.01 (1)" in rows
    assert "auc_cells 0.5123 (n = 1000) 0.5123 (n = 1000)" in rows


def test_more_releases_than_fit_side_by_side_make_a_table_for_each_generator(server: FakeServer) -> None:
    def add_releases(answer: event_pb2.ListGeneratorsResponse) -> None:
        for version in ("0.0.9", "calogan2017-0.1.0"):
            answer.generators[0].description.releases.add(version=version)

    server.tamper = add_releases
    result = CliRunner().invoke(describe, ["--target", server.target])
    rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert [row for row in rows if row.startswith(("eplus", "gamma", "piplus", "release"))] == [
        "eplus eplus eplus", "release 0.1.0 (default) 0.0.9 calogan2017-0.1.0",
        "gamma", "release 0.1.0 (default)", "piplus",
    ]  # fmt: skip


def test_json(server: FakeServer) -> None:
    result = CliRunner().invoke(describe, ["--target", server.target, "--json"])
    generators = json.loads(result.stdout)
    assert [generator["state"] for generator in generators] == ["serving", "serving", "unreachable"]
    assert generators[0]["description"]["releases"][0]["geometry"]["layers"][0]["n_eta"] == 96
    assert generators[2]["description"] is None
