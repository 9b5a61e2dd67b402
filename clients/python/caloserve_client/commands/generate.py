"""`caloserve generate`: showers into a file."""

import sys
import time
from pathlib import Path

import click
import numpy as np

from caloserve.calorimeter import PARTICLES
from caloserve_client.commands.connection import connected, target_option
from caloserve_client.energies import uniform_energies

_UINT64 = click.IntRange(0, 2**64 - 1)


def _parse_list(_context: click.Context, _option: click.Parameter, value: str | None) -> list[float] | None:
    """Numbers with commas between them."""
    try:
        return None if value is None else [float(part) for part in value.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a list of energies in GeV such as 10,50") from error


def _parse_range(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Two numbers with a colon between them."""
    if value is None:
        return None
    try:
        low, high = (float(part) for part in value.split(":"))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a range of energies in GeV such as 1:100") from error
    return low, high


@click.command(short_help="Write showers to an HDF5 file.")
@click.option("--particle", required=True, type=click.Choice(list(PARTICLES)), help="Kind of particle.")
@click.option("--energies", callback=_parse_list, metavar="E,E,...", help="Kinetic energies in GeV.")
@click.option("--energies-from", type=click.Path(path_type=Path), metavar="FILE.hdf5", help="Those of a CaloGAN file.")
@click.option("--uniform", callback=_parse_range, metavar="LOW:HIGH", help="Even between two bounds, with --count.")
@click.option("--count", type=click.IntRange(min=1), help="How many showers, with --uniform.")
@click.option("--seed", type=_UINT64, default=0, show_default=True, help="The same seed gives the same file.")
@click.option("--event-id", type=_UINT64, default=0, show_default=True, help="Another event, other showers.")
@click.option("--release", help="Exact release version.  [default: the generator's]")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FILE.hdf5", help="File to write.")
@target_option
def generate(
    *,
    particle: str,
    energies: list[float] | None,
    energies_from: Path | None,
    uniform: tuple[float, float] | None,
    count: int | None,
    seed: int,
    event_id: int,
    release: str | None,
    output: Path,
    target: str | None,
) -> None:
    """Write showers of one kind of particle to an HDF5 file in the layout of CaloGAN's data sets.

    Give the energies in exactly one way: --energies, --energies-from or --uniform.
    """
    from caloserve_client.formats.calogan import CaloGANWriter, read_energies  # noqa: PLC0415 (keeps --help fast)

    if sum(way is not None for way in (energies, energies_from, uniform)) != 1:
        raise click.UsageError("give exactly one of --energies, --energies-from and --uniform")
    if (count is None) != (uniform is None):
        raise click.UsageError("--uniform and --count go together")
    if uniform is not None and count is not None:
        values = uniform_energies(*uniform, count, seed=seed, event_id=event_id)
    elif energies_from is not None:
        values = read_energies(energies_from)
    else:
        values = np.array(energies, dtype=np.float32)

    with CaloGANWriter(output) as writer, connected(target) as client:
        began = time.perf_counter()
        chunks = client.iter_showers(particle, values, seed=seed, event_id=event_id, release=release)
        with click.progressbar(
            length=len(values),
            label=particle,
            show_pos=True,
            item_show_func=_speed,
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
        ) as bar:
            for chunk in chunks:
                writer.append(chunk)
                bar.update(len(chunk), (bar.pos + len(chunk)) / (time.perf_counter() - began))
        took = time.perf_counter() - began
    click.echo(f"{len(values)} {particle} showers in {took:.2f} s ({len(values) / took:.0f}/s): {output}")


def _speed(showers_per_second: float | None) -> str | None:
    return None if showers_per_second is None else f"{showers_per_second:.0f} showers/s"
