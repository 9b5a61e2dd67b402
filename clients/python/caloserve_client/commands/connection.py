"""Where a command gets its showers: from a server that runs, or from a stack of its own."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from caloserve_client.client import CaloServeClient
from caloserve_client.embedded import EmbeddedStack

target_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--target", metavar="HOST:PORT", help="A server that runs; without it a stack is started for the command alone."
)


@contextmanager
def connected(target: str | None) -> Iterator[CaloServeClient]:
    """A client of ``target``, or of an embedded stack that lives as long as the block."""
    if target is not None:
        with CaloServeClient(target) as client:
            yield client
        return
    click.echo("Starting a stack for this command (use --target for one that runs) ...", err=True)
    with _ending_on_sigterm(), EmbeddedStack() as stack, CaloServeClient(stack.target) as client:
        yield client


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Leave the block in order when the command is told to end; the stack would outlive it otherwise."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
