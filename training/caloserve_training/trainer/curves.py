"""Losses and figures of a run, step by step: a table for everyone, and events for TensorBoard."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboard.summary import Writer

TABLE = "curves.csv"
EVENTS = "events"


class Curves:
    """Writes ``curves.csv`` (step, name, value) and TensorBoard's events; a run that goes on adds to both.

    Values after the step that it goes on from are those of steps that were lost, and are taken back from the table.
    """

    def __init__(self, folder: Path, *, after: int) -> None:
        table = folder / TABLE
        kept = [row for row in _rows(table) if int(row[0]) <= after]
        self._file = table.open("w", encoding="utf-8", newline="")
        self._table = csv.writer(self._file)
        self._table.writerows([("step", "name", "value"), *kept])
        self._file.flush()
        self._events = Writer(str(folder / EVENTS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        self._events.close()

    def add(self, number: int, values: Mapping[str, float]) -> None:
        """Values at a step."""
        for name, value in values.items():
            self._table.writerow((number, name, f"{value:.6g}"))
            self._events.add_scalar(name, value, step=number)
        self._file.flush()
        self._events.flush()


def _rows(table: Path) -> list[list[str]]:
    if not table.is_file():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]
