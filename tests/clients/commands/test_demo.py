from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from caloserve_client.commands.demo import demo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import FakeServer


def test_table_and_picture(server: FakeServer, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "event.png"
    result = CliRunner().invoke(demo, ["--target", server.target, "--output", str(picture)])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert sum(line.split()[:1] in (["e⁺"], ["γ"], ["π⁺"]) for line in lines) == 12  # noqa: RUF001
    assert any(line.split()[-2:] == ["0.1.0", "2.0"] for line in lines)
    assert "its showers are those of the first, bit for bit" in result.stdout
    assert lines[-1] == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
