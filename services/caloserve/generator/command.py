"""``caloserve generator``: one generator service in this process."""

import asyncio
from pathlib import Path

import click

from caloserve.calorimeter.particles import PARTICLES
from caloserve.generator.server import serve_generator
from caloserve.generator.settings import Provider, Settings, service_settings
from caloserve.wire.idle import IdleLoop
from caloserve.wire.logs import log_to_stderr
from caloserve.wire.serving import stop_with_stdin_option


@click.command(short_help="Serve one kind of particle.")
@click.option("--particle", required=True, type=click.Choice(list(PARTICLES)), help="The kind of particle to serve.")
@click.option(
    "--settings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A service.toml; by default the one that is installed for the particle.",
)
@click.option(
    "--releases",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with one folder per release; by default $CALOSERVE_RELEASES/PARTICLE or the installed ones.",
)
@click.option(
    "--release",
    "default_release",
    metavar="VERSION|FAMILY",
    help="Release served when a request names none; by default the newest without a family.",
)
@click.option("--address", help="Where to listen: HOST:PORT, port 0 for a free one, or unix:PATH.")
@click.option("--metrics-address", help="Where Prometheus finds /metrics: HOST:PORT.")
@click.option(
    "--provider",
    type=click.Choice([provider.value for provider in Provider]),
    help="What runs the model; there is no falling back.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads of ONNX Runtime.")
@stop_with_stdin_option
def generator(particle: str, settings: Path | None, *, stop_with_stdin: bool, **overrides: object) -> None:
    """Serve one kind of particle over gRPC until Ctrl-C.

    What is not given here comes from the service's settings. The addresses are printed as one JSON line.
    """
    log_to_stderr(particle)
    read = Settings.read(settings or service_settings(particle), **overrides)
    if read.particle.name != particle:
        raise click.BadParameter(f"{settings} is for {read.particle.name}", param_hint="--settings")
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        runner.run(serve_generator(read, stop_with_stdin=stop_with_stdin))
