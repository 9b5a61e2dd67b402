"""The table on the screen and in ``docs/benchmarks.md``."""

from collections.abc import Sequence
from typing import Final

from rich.table import Table

from caloserve_bench.rows import Row

_COLUMNS: Final = (
    "line", "what", "showers/s (quartiles)", "p50 / p95 / p99 ms", "CPU us/shower", "client busy", "goal", "reached"
)  # fmt: skip
_MARKS: Final = {None: "", True: " ✓", False: " ✗"}
_COLOURS: Final = {None: "", True: "green", False: "red"}


def on_screen(rows: Sequence[Row], title: str) -> Table:
    """For a terminal."""
    table = Table(title=title, title_justify="left")
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in ("line", "what", "goal", "reached") else "right")
    previous = rows[0].line if rows else ""
    for row in rows:
        if row.line != previous:
            table.add_section()
            previous = row.line
        *cells, reached = _cells(row)
        table.add_row(*cells, f"[{_COLOURS[row.met]}]{reached}[/]" if _COLOURS[row.met] else reached)
    return table


def as_markdown(rows: Sequence[Row]) -> str:
    """For a document."""
    lines = [_COLUMNS, tuple("---" for _ in _COLUMNS), *(_cells(row) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    rate = f"{row.rate.median:,.0f} ({row.rate.low:,.0f}-{row.rate.high:,.0f})" if row.rate else ""
    latencies = " / ".join(f"{latency:.2f}" for latency in row.latencies_ms) if row.latencies_ms else ""
    cpu = f"{row.cpu_us:.1f}" if row.cpu_us else ""  # a server elsewhere does not tell
    client = f"{row.client_share:.0%}" if row.client_share else ""
    return (row.line, row.what, rate, latencies, cpu, client, row.goal, f"{row.reached}{_MARKS[row.met]}")
