"""What a run found, as a table on the screen, as JSON, and as a chapter of ``docs/benchmarks.md``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from caloserve_bench.machine import Machine
from caloserve_bench.rows import Row
from caloserve_bench.slices import Series
from caloserve_bench.table import as_markdown, on_screen

HISTORY: Final = Path(__file__).parents[3] / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Report:
    """One run."""

    name: str
    machine: Machine
    settings: Mapping[str, float]
    rows: Sequence[Row]
    series: Mapping[str, Series]

    def show(self) -> None:
        """Print the table, as wide as it has to be."""
        console = Console()
        if not console.is_terminal:
            console = Console(width=240)
        console.print(on_screen(self.rows, f"{self.name}: {self.machine}"))

    def write(self, path: Path) -> None:
        """Write everything as JSON, each contender's rates round by round."""
        document = {
            "name": self.name,
            "machine": asdict(self.machine),
            "settings": dict(self.settings),
            "rows": [asdict(row) for row in self.rows],
            "series": {name: _numbers(series) for name, series in self.series.items()},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    def record(self) -> None:
        """Add a chapter to the history."""
        settings = ", ".join(f"{name} {value:g}" for name, value in self.settings.items())
        chapter = f"\n### {self.machine.date}, {self.name}\n\n{self.machine}; {settings}.\n\n{as_markdown(self.rows)}"
        with HISTORY.open("a", encoding="utf-8") as document:
            document.write(chapter)


def _numbers(series: Series) -> dict[str, Any]:
    return {
        "showers_per_second": series.rate()._asdict(),
        "showers_per_second_by_round": series.rates().tolist(),
        "server_cpu_us_per_shower": series.cpu_us()._asdict(),
        "client_busy": series.client_share()._asdict(),
        "latency_ms": {f"p{percent}": series.latency_ms(percent / 100) for percent in (50, 95, 99)},
        "calls": series.calls(),
        "refused_share": series.refused_share(),
        "failed": series.failed(),
    }
