"""``caloserve serve``: the whole stack on this machine."""

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import click

from caloserve.calorimeter.errors import StackError
from caloserve.generator.settings import Provider
from caloserve.stack.stack import Stack, running_stack, wait_until_loaded
from caloserve.wire.logs import log_to_stderr
from caloserve.wire.serving import stop_with_stdin_option

log = logging.getLogger(__name__)

_WATCH_S = 0.5


@click.command(short_help="Serve everything on this machine.")
@click.option("--port", default=50050, show_default=True, type=click.IntRange(0, 65535), help="Router; 0: a free one.")
@click.option(
    "--address",
    metavar="unix:PATH",
    help="Router on a socket instead of a port; the generators are then on sockets too, in a private folder.",
)
@click.option(
    "--metrics-port",
    default=None,
    type=click.IntRange(0, 65535),
    help="The router's /metrics; by default 9464, or a free one with --port 0 or a socket.",
)
@click.option(
    "--releases", type=click.Path(file_okay=False, path_type=Path), help="Folder with PARTICLE/VERSION in it."
)
@click.option("--provider", type=click.Choice([provider.value for provider in Provider]), help="What runs the models.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of ONNX Runtime, per generator.")
@stop_with_stdin_option
def serve(
    port: int,
    address: str | None,
    metrics_port: int | None,
    *,
    releases: Path | None,
    provider: str | None,
    threads: int | None,
    stop_with_stdin: bool,
) -> None:
    """Serve e+, gamma and pi+ behind a router, on the loopback interface or a socket, until Ctrl-C.

    When all is ready, the router's addresses are printed as one JSON line. A generator that has no release to serve
    stays up and says so; the others go on.
    """
    log_to_stderr("serve")
    if address is not None and not address.startswith("unix:"):
        raise click.BadParameter(f"{address!r} is not unix:PATH", param_hint="--address")
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    if stop_with_stdin:
        threading.Thread(target=_wait_for_end_of_stdin, args=(interrupted,), daemon=True).start()
    if metrics_port is None:
        metrics_port = 9464 if port and address is None else 0
    options = [f"--{name}={value}" for name, value in (("provider", provider), ("threads", threads)) if value]
    router_address = address or f"127.0.0.1:{port}"
    with running_stack(router_address, f"127.0.0.1:{metrics_port}", releases, *options) as stack:
        wait_until_loaded(stack, interrupted)
        if not interrupted.is_set():
            router = stack.router
            click.echo(json.dumps({"address": router.address, "metrics_address": router.metrics_address}))
            _watch(stack, interrupted)


def _wait_for_end_of_stdin(ended: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    ended.set()


def _watch(stack: Stack, interrupted: threading.Event) -> None:
    """Tell once of each generator that ends; raise StackError when the router does."""
    lost: set[str] = set()
    while not interrupted.wait(_WATCH_S):
        if not stack.router.running:
            raise StackError("the router ended unexpectedly")
        for generator in stack.generators:
            if not generator.running and generator.name not in lost:
                lost.add(generator.name)
                log.error("the %s generator ended; its showers are UNAVAILABLE, the others go on", generator.name)
