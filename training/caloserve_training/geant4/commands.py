"""The commands ``caloserve simulate`` and ``caloserve geant4-tables``."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from caloserve.calorimeter import PARTICLES
from caloserve_client.errors import ExtraMissingError
from caloserve_client.extras import require

if TYPE_CHECKING:
    from caloserve_training.geant4.beam import Beam

_UINT64 = click.IntRange(0, 2**64 - 1)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def _parse_energies(_context: click.Context, _option: click.Parameter, value: str) -> tuple[bool, tuple[float, ...]]:
    """LOW:HIGH or E,E,...; whether they are fixed, and the numbers."""
    fixed = ":" not in value
    try:
        energies = tuple(float(part) for part in value.split("," if fixed else ":"))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is neither a range such as 1:100 nor a list such as 10,50") from error
    return fixed, energies


@click.command(short_help="Simulate showers with Geant4.")
@click.option("--particle", type=click.Choice(list(PARTICLES)), required=True, help="Kind of particle.")
@click.option(
    "--energies",
    callback=_parse_energies,
    default="1:100",
    show_default=True,
    metavar="LOW:HIGH|E,E,...",
    help="Kinetic energies in GeV: spread evenly between bounds, or fixed ones in turn.",
)
@click.option("--count", type=click.IntRange(1, 2**32 - 1), required=True, help="Showers in the file.")
@click.option("--seed", type=_UINT64, required=True, help="The same seed gives the same showers.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes at a time. [default: cores]")
@click.option("--impact", type=float, nargs=2, default=(0, 0), metavar="PHI ETA", help="Where particles hit, mm.")
@click.option("--angle", type=float, nargs=2, default=(0, 0), metavar="POLAR AZIMUTH", help="To the axis, degrees.")
@click.option("--detector", type=click.Path(exists=True, path_type=Path), help="Another calorimeter (TOML).")
@click.option("--tables", type=_FOLDER, help="Geant4's tables. [default: $GEANT4_DATA_DIR]")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
def simulate(
    *,
    particle: str,
    energies: tuple[bool, tuple[float, ...]],
    count: int,
    seed: int,
    jobs: int | None,
    impact: tuple[float, float],
    angle: tuple[float, float],
    detector: Path | None,
    tables: Path | None,
    output: Path,
) -> None:
    """Simulate showers with Geant4, FTFP_BERT, into a file of CaloGAN's layout.

    A file that is there already is completed to --count, and so is one whose simulation was killed: run the same
    command again.
    """
    if find_spec("geant4_pybind") is None:  # not imported: that would ask for tables
        raise ExtraMissingError("simulating", "geant4")
    from caloserve_training.geant4.beam import Beam  # noqa: PLC0415 (keeps --help fast)
    from caloserve_training.geant4.detector import PAPER, read_detector  # noqa: PLC0415
    from caloserve_training.geant4.simulation import Simulation  # noqa: PLC0415
    from caloserve_training.geant4.simulation import simulate as run_simulation  # noqa: PLC0415
    from caloserve_training.geant4.tables import find_tables  # noqa: PLC0415
    from caloserve_training.progress import shower_progress  # noqa: PLC0415

    described = PAPER if detector is None else read_detector(detector)
    fixed, values = energies
    beam = Beam(particle, values, seed, fixed, impact, *angle)
    simulation = Simulation(
        detector=described,
        beam=beam,
        tables=find_tables(tables, described.symbols),
        output=output,
        command=_command(beam, count, detector, output),
    )
    with shower_progress(particle, count) as report:
        outcome = run_simulation(simulation, count, jobs or _cores(), report)
    speed = f", {outcome.simulated / outcome.cpu_s:.2f} showers/s per core" if outcome.simulated else ""
    click.echo(
        f"{output}: {outcome.showers} {particle} showers, {outcome.simulated} of them new, in {outcome.wall_s:.0f} s"
        f" ({outcome.cpu_s:.0f} s of CPU{speed}); {simulation.identity['geant4']}, {simulation.tables.kind}"
    )


def _command(beam: Beam, count: int, detector: Path | None, output: Path) -> str:
    """The command that repeats the simulation, files by their names: paths mean nothing elsewhere."""
    energies = (",".join if beam.fixed else ":".join)(f"{energy:.12g}" for energy in beam.energies_gev)
    words = f"caloserve simulate --particle {beam.particle} --energies {energies} --count {count} --seed {beam.seed}"
    if beam.impact_mm != (0, 0):
        words += f" --impact {beam.impact_mm[0]:.12g} {beam.impact_mm[1]:.12g}"
    if beam.polar_deg:
        words += f" --angle {beam.polar_deg:.12g} {beam.azimuth_deg:.12g}"
    if detector is not None:
        words += f" --detector {detector.name}"
    return f"{words} --output {output.name}"


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@click.command("geant4-tables", short_help="Fetch or write the tables that Geant4 reads.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--fetch", "way", flag_value="fetch", help="The four official sets, checksums verified.")
@click.option(
    "--standin", "way", flag_value="standin", help="Stand-ins from formulas and xraylib, for closed networks."
)
@click.option("--detector", type=click.Path(exists=True, path_type=Path), help="For another calorimeter (TOML).")
def geant4_tables(*, folder: Path, way: str | None, detector: Path | None) -> None:
    """Fill FOLDER with the tables that Geant4 reads, or, without an option, say what is in it.

    Give it to `caloserve simulate --tables`, or set GEANT4_DATA_DIR to it.
    """
    from caloserve_training.geant4.detector import PAPER, read_detector  # noqa: PLC0415
    from caloserve_training.geant4.tables import find_tables  # noqa: PLC0415

    symbols = (PAPER if detector is None else read_detector(detector)).symbols
    if way == "fetch":
        require("rich", "fetching tables", "geant4")
        from caloserve_training.geant4.official import fetch_tables  # noqa: PLC0415
        from caloserve_training.progress import download_progress  # noqa: PLC0415

        with download_progress() as report_on:
            fetch_tables(folder, report_on)
    elif way == "standin":
        require("xraylib", "writing stand-in tables", "geant4")
        from caloserve_training.geant4.standin.tables import write_standin_tables  # noqa: PLC0415

        write_standin_tables(folder, symbols)
    found = find_tables(folder, symbols)
    click.echo(f"{folder}: {found.kind} for {', '.join(sorted(symbols))}, nothing missing; sha256 {found.sha256}")
