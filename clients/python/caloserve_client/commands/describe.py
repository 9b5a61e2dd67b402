"""`caloserve describe`: what serves, and how good it is."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, TypeAlias

import click

from caloserve_client.commands.connection import connected, target_option
from caloserve_client.commands.tables import Rows, print_table
from caloserve_client.generators import FidelityFigure, Generator, Release

_TELLING = ("e_tot_ratio", "minimum_ionising_ratio", "occupancy", "auc", "copies")
"""Beginnings of the names of the figures that tell most; --json has all."""


_SIDE_BY_SIDE: Final = 4
"""Columns that a terminal has room for; where there are more, each generator has a table of its own."""

Column: TypeAlias = tuple[Generator, Release | None]


@click.command(short_help="Show what serves, and how good it is.")
@target_option
@click.option("--json", "as_json", is_flag=True, help="Everything there is to know, as JSON.")
def describe(*, target: str | None, as_json: bool) -> None:
    """Show the generators: their state, releases, training domains and fidelity."""
    with connected(target) as client:
        generators = client.list_generators()
    if as_json:
        click.echo(json.dumps([asdict(generator) for generator in generators], indent=2))
        return
    by_generator = [_columns(generator) for generator in generators]
    together = [column for columns in by_generator for column in columns]
    for columns in [together] if len(together) <= _SIDE_BY_SIDE else by_generator:
        names = ["", *(generator.particle for generator, _ in columns)]
        print_table(names, _groups(columns), left=len(names))


def _columns(generator: Generator) -> list[Column]:
    """One for each release, the default first as the generator tells them; one without a release where it has none."""
    releases = generator.description.releases if generator.description else ()
    return [(generator, release) for release in releases] or [(generator, None)]


def _groups(columns: Sequence[Column]) -> list[Rows]:
    generators = [generator for generator, _ in columns]
    releases = [release for _, release in columns]
    services = [generator.description for generator in generators]
    state = [
        ["state", *(generator.state for generator in generators)],
        ["service version", *(service.service_version if service else "" for service in services)],
    ]
    if any(generator.message for generator in generators):
        state.append(["message", *(generator.message for generator in generators)])
    model = [
        ["release", *(_version(*column) for column in columns)],
        ["domain / GeV", *(_domain(release) for release in releases)],
        ["parameters", *(f"{release.parameters:,}" if release else "" for release in releases)],
        ["model sha256", *(release.model_sha256[:12] if release else "" for release in releases)],
        ["geometry", *(release.geometry.id if release else "" for release in releases)],
        ["determinism", *(release.determinism if release else "" for release in releases)],
        ["runs on", *(release.execution_provider if release else "" for release in releases)],
        ["ONNX Runtime", *(release.onnxruntime_version if release else "" for release in releases)],
    ]
    groups: list[Rows] = [state, [row for row in model if any(row[1:])]]
    figures = _figures(releases)
    return [*groups, figures] if figures else groups


def _version(generator: Generator, release: Release | None) -> str:
    if release is None or generator.description is None:
        return ""
    default = " (default)" if release.version == generator.description.default_release else ""
    return release.version + default


def _domain(release: Release | None) -> str:
    return f"{release.energy_min_gev:g} to {release.energy_max_gev:g}" if release else ""


def _figures(releases: Sequence[Release | None]) -> Rows:
    """The figures of merit that tell most, one per row; in brackets full simulation's, and the sample's size."""
    by_release = [{figure.name: figure for figure in release.fidelity} if release else {} for release in releases]
    names = dict.fromkeys(name for figures in by_release for name in figures if name.startswith(_TELLING))
    rows = []
    for name in names:
        row = [name]
        for figures in by_release:
            figure = figures.get(name)
            row.append("" if figure is None else _figure(figure))
        rows.append(row)
    return rows


def _figure(figure: FidelityFigure) -> str:
    """Value, error and what to hold it against; an area under a curve means nothing without the sample's size."""
    error = "" if figure.uncertainty is None else f" ± {figure.uncertainty:.1g}"
    beside = [] if figure.reference is None else [f"{figure.reference:.4g}"]
    if figure.reference is None or figure.name.startswith("auc"):
        beside.append(f"n = {figure.sample_size}")
    unit = f" {figure.unit}" if figure.unit else ""
    return f"{figure.value:.4g}{error}{unit} ({', '.join(beside)})"
