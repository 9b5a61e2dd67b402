"""``caloserve router``: the router in this process."""

import asyncio

import click

from caloserve.calorimeter.particles import PARTICLES
from caloserve.generator.settings import Settings, service_settings
from caloserve.router.server import serve_router
from caloserve.wire.logs import log_to_stderr
from caloserve.wire.serving import stop_with_stdin_option

DEFAULT_ADDRESS = "127.0.0.1:50050"
DEFAULT_METRICS_ADDRESS = "127.0.0.1:9464"


@click.command(short_help="Route events to the generators.")
@click.option(
    "--backend",
    "backends",
    multiple=True,
    metavar="PARTICLE=ADDRESS",
    help="Where a particle's generator listens; once per particle. By default, where the installed settings say.",
)
@click.option("--address", default=DEFAULT_ADDRESS, show_default=True, help="HOST:PORT (0: a free one) or unix:PATH.")
@click.option("--metrics-address", default=DEFAULT_METRICS_ADDRESS, show_default=True, help="HOST:PORT of /metrics.")
@click.option(
    "--timeout",
    "timeout_s",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds that a generator may take for one part of an event.",
)
@stop_with_stdin_option
def router(
    backends: tuple[str, ...], address: str, metrics_address: str, timeout_s: float, *, stop_with_stdin: bool
) -> None:
    """Route whole events to the generators until Ctrl-C. The addresses are printed as one JSON line."""
    log_to_stderr("router")
    targets = dict(_parse(backend) for backend in backends) or {
        name: Settings.read(service_settings(name)).address for name in PARTICLES
    }
    asyncio.run(serve_router(targets, address, metrics_address, timeout_s, stop_with_stdin=stop_with_stdin))


def _parse(backend: str) -> tuple[str, str]:
    particle, separator, target = backend.partition("=")
    if not separator or particle not in PARTICLES or not target:
        known = ", ".join(PARTICLES)
        raise click.BadParameter(f"{backend!r} is not PARTICLE=ADDRESS with one of {known}", param_hint="--backend")
    return particle, target
