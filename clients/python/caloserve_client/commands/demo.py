"""`caloserve demo`: one mixed event, from the call to the picture."""

import time
from pathlib import Path

import click
import numpy as np

from caloserve.calorimeter import PARTICLES, Particle
from caloserve_client.commands.connection import connected, target_option
from caloserve_client.commands.tables import Rows, print_table
from caloserve_client.events import Event
from caloserve_client.extras import require
from caloserve_client.requests import EventParticle

_ENERGIES_GEV = (5.0, 20.0, 50.0, 90.0)


@click.command(short_help="Make one mixed event and draw it.")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=7, show_default=True, help="Another seed, others.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="caloserve-event.png",
    show_default=True,
    help="Picture to write.",
)
@target_option
def demo(*, seed: int, output: Path, target: str | None) -> None:
    """Make one event of positrons, photons and pions, print what it left and draw it."""
    require("matplotlib", "the event display", "display")  # before anything is started
    particles = [EventParticle(kind.pdg_id, energy) for kind in PARTICLES.values() for energy in _ENERGIES_GEV]
    with connected(target) as client:
        first = client.generate_event(particles, seed=seed, event_id=1, output="both")
        began = time.perf_counter()
        event = client.generate_event(particles, seed=seed, event_id=1, output="both")
        took_ms = 1e3 * (time.perf_counter() - began)
    _print_event(event)
    same = np.array_equal(first.cells_mev, event.cells_mev)
    click.echo(
        f"{len(event)} showers in one call: {took_ms:.1f} ms for the client, "
        f"{event.timings.total_ms:.1f} ms of them in the router.\n"
        "That was the second call, on an open connection; its showers "
        f"{'are' if same else 'are NOT'} those of the first, bit for bit.\n"
        "A generator's ms are its own, for all its showers of the event together."
    )
    from caloserve_client.display import save_event_display  # noqa: PLC0415 (keeps --help fast)

    click.echo(save_event_display(event, output))


def _print_event(event: Event) -> None:
    layers = [f"layer {layer.index} / MeV" for layer in event.geometry.layers]
    columns = ["particle", "E / GeV", *layers, "E_tot / E", "release", "generator ms"]
    print_table(columns, [_rows(event, kind) for kind in PARTICLES.values()])


def _rows(event: Event, kind: Particle) -> Rows:
    """The kind's showers; what holds for all of them stands in the first row."""
    rows: list[list[str]] = []
    for index in np.flatnonzero(event.pdg_ids == kind.pdg_id).tolist():
        energy = float(event.energies_gev[index])
        deposits = [f"{image[index].sum(dtype=np.float64):.1f}" for image in event.layers]
        share = f"{event.e_tot_mev[index] / (1e3 * energy):.3f}"
        once = ["", ""]
        if not rows:
            once = [event.provenance[kind.name].release_version, _milliseconds(event, kind)]
        rows.append([kind.symbol, f"{energy:g}", *deposits, share, *once])
    return rows


def _milliseconds(event: Event, kind: Particle) -> str:
    timings = event.generator_timings.get(kind.name)
    return f"{timings.total_ms:.1f}" if timings else ""
