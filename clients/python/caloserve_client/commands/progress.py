"""A progress bar for many showers."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def shower_bar(count: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many of ``count`` showers are there, and how fast they come; call it with what came."""
    began = time.perf_counter()
    with click.progressbar(
        length=count,
        label=label,
        show_pos=True,
        item_show_func=_speed,
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    ) as bar:
        yield lambda came: bar.update(came, (bar.pos + came) / (time.perf_counter() - began))


def _speed(showers_per_second: float | None) -> str | None:
    return None if showers_per_second is None else f"{showers_per_second:.0f} showers/s"
