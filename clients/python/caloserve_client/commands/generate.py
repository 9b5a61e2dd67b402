"""`caloserve generate`: showers into a file."""

import time
from pathlib import Path
from typing import get_args

import click
import numpy as np
from numpy.typing import NDArray

from caloserve.calorimeter import PARTICLES
from caloserve_client.commands.connection import connected, target_option
from caloserve_client.commands.progress import shower_bar
from caloserve_client.energies import uniform_energies
from caloserve_client.requests import Encoding, EnergyPolicy

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
@click.option(
    "--release", metavar="VERSION|FAMILY", help="Release, or family for its newest.  [default: the generator's]"
)
@click.option("--conserve", is_flag=True, help="Draw showers again that deposit more than the particle's energy.")
@click.option(
    "--energy-tolerance",
    type=click.FloatRange(min=0),
    metavar="SHARE",
    help="Of the particle's energy, that a shower may deposit beyond it, with --conserve.  [default: 0]",
)
@click.option(
    "--max-attempts",
    type=click.IntRange(min=1),
    help="Draws of one shower at most, with --conserve.  [default: the service's limit]",
)
@click.option(
    "--encoding",
    type=click.Choice(get_args(Encoding)),
    default="dense",
    show_default=True,
    help="How cells travel: bitmap for slow networks. The file is the same.",
)
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
    conserve: bool,
    energy_tolerance: float | None,
    max_attempts: int | None,
    encoding: Encoding,
    output: Path,
    target: str | None,
) -> None:
    """Write showers of one kind of particle to an HDF5 file in the layout of CaloGAN's data sets.

    Give the energies in exactly one way: --energies, --energies-from or --uniform.
    """
    from caloserve_client.formats.calogan import CaloGANWriter, read_energies  # noqa: PLC0415 (keeps --help fast)

    if not conserve and (energy_tolerance is not None or max_attempts is not None):
        raise click.UsageError("--energy-tolerance and --max-attempts go with --conserve")
    policy: EnergyPolicy = "conserve" if conserve else "as_generated"
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
        chunks = client.iter_showers(
            particle,
            values,
            seed=seed,
            event_id=event_id,
            release=release,
            energy_policy=policy,
            energy_tolerance=energy_tolerance,
            max_attempts=max_attempts,
            encoding=encoding,
        )
        attempts = []
        with shower_bar(len(values), particle) as advance:
            for chunk in chunks:
                writer.append(chunk)
                attempts.append(chunk.attempts)
                advance(len(chunk))
        took = time.perf_counter() - began
    click.echo(f"{len(values)} {particle} showers in {took:.2f} s ({len(values) / took:.0f}/s): {output}")
    if conserve:
        click.echo(_acceptance(np.concatenate(attempts)))


def _acceptance(attempts: NDArray[np.uint32]) -> str:
    """What drawing again cost: ``attempts`` at each shower, shape (n,)."""
    drawn = int(attempts.sum())
    return f"acceptance {len(attempts) / drawn:.4f}: {drawn} drawn, {attempts.max()} at most for one shower"
