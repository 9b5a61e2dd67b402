from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from caloserve_client import CaloServeClient, ExtraMissingError, FormatError, NotAskedForError
from caloserve_client.display import MOST_ROWS, draw_event, save_event_display

if TYPE_CHECKING:
    from pathlib import Path

PARTICLES = [(-11, 20.0), (22, 50.0), (211, 5.0), (22, 1000.0), (2212, 10.0)]


def texts(client: CaloServeClient, particles: list[tuple[int, float]]) -> set[str]:
    figure = draw_event(client.generate_event(particles, seed=7, event_id=3, partial=True))
    written = {text.get_text() for axes in figure.axes for text in axes.texts}
    return written | {text.get_text() for text in figure.texts} | {axes.get_title() for axes in figure.axes}


def test_a_png_of_moderate_size(client: CaloServeClient, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    event = client.generate_event(PARTICLES[:3], output="both")
    path = save_event_display(event, tmp_path / "event.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 1_000_000
    assert path.read_bytes() == save_event_display(event, tmp_path / "again.png").read_bytes()


def test_says_what_is_seen(client: CaloServeClient) -> None:
    pytest.importorskip("matplotlib")
    written = texts(client, PARTICLES)
    assert {"e⁺", "γ", "π⁺", "Σ", "20 GeV", "50 GeV", "5 GeV"} <= written  # noqa: RUF001
    assert "Event 3: 5 particles" in written
    assert "layer 1: 12 × 12 cells, 347 mm deep" in written  # noqa: RUF001
    assert any("gamma 0.1.0" in text and "seed 7" in text for text in written)
    assert {"not made: out of domain", "PDG 2212", "not made: unknown particle"} <= written


def test_long_events_are_cut_and_say_so(client: CaloServeClient) -> None:
    pytest.importorskip("matplotlib")
    event = client.generate_event([(22, 10.0)] * (MOST_ROWS + 1))
    figure = draw_event(event)
    assert any(f"the first {MOST_ROWS} are drawn" in text.get_text() for text in figure.texts)


def test_an_event_without_any_energy(client: CaloServeClient, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    event = client.generate_event([(22, 1000.0)], partial=True)
    assert save_event_display(event, tmp_path / "event.png").exists()


def test_needs_showers_and_a_place(client: CaloServeClient, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(NotAskedForError):
        draw_event(client.generate_event(PARTICLES[:3], output="sum"))
    with pytest.raises(FormatError, match=r"cannot be written \(No such file"):
        save_event_display(client.generate_event(PARTICLES[:3]), tmp_path / "nowhere" / "event.png")


def test_without_matplotlib(client: CaloServeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ExtraMissingError, match=r'pip install "caloserve\[display\]"'):
        draw_event(client.generate_event(PARTICLES[:3]))
