"""Tables on a terminal: with rich where it is installed, aligned text otherwise."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec

import click

_WIDTH = 140  # of output that is not a terminal

Rows = Sequence[Sequence[str]]


def print_table(columns: Sequence[str], groups: Sequence[Rows], *, left: int = 1) -> None:
    """Print rows in groups with a line between them; the first ``left`` columns are aligned to the left."""
    if find_spec("rich") is None:
        click.echo(plain_table(columns, groups, left=left))
        return
    from rich import box  # noqa: PLC0415 (slow to import, and optional)
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < left else "right", overflow="fold")
    for rows in groups:
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        table.add_section()
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)


def plain_table(columns: Sequence[str], groups: Sequence[Rows], *, left: int = 1) -> str:
    """The same table as plain text."""
    lines = [columns, *(row for rows in groups for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]

    def aligned(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    blocks = ["\n".join(aligned(row) for row in rows) for rows in groups]
    return "\n".join([aligned(columns), rule, f"\n{rule}\n".join(blocks)])
