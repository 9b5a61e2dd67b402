#!/usr/bin/env python3
"""Writes the dashboards to ``dashboards/``, from where Grafana is provisioned: ``deploy/grafana/build.py``."""

from pathlib import Path

from boards import DASHBOARDS


def build(folder: Path) -> None:
    """Write one file per dashboard below ``folder``."""
    folder.mkdir(exist_ok=True)
    for dashboard in DASHBOARDS:
        (folder / f"{dashboard.uid.removeprefix('caloserve-')}.json").write_text(dashboard.text(), encoding="utf-8")


if __name__ == "__main__":
    build(Path(__file__).parent / "dashboards")
