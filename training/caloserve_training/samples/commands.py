"""The command ``caloserve data``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from caloserve_client.commands.tables import print_table
from caloserve_client.extras import require

if TYPE_CHECKING:
    from caloserve_training.samples.sample import Sample

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Fetch, check, merge, describe or compare files of showers.")
@click.argument("files", nargs=-1, type=_FILE)
@click.option("--info", is_flag=True, help="Say what is in each file.")
@click.option("--check", is_flag=True, help="Shapes, numbers, ranges, units, duplicates.")
@click.option("--merge", type=click.Path(dir_okay=False, path_type=Path), metavar="OUTPUT", help="Make one of them.")
@click.option("--compare", type=_FILE, metavar="REFERENCE", help="Set the shower shapes of a file beside another's.")
@click.option(
    "--fetch",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The public CaloGAN data set, checksums verified; no FILES.",
)
def data(
    *, files: tuple[Path, ...], info: bool, check: bool, merge: Path | None, compare: Path | None, fetch: Path | None
) -> None:
    """Work on FILES of showers in CaloGAN's layout, in exactly one of these ways."""
    if sum(map(bool, (info, check, merge, compare, fetch))) != 1:
        raise click.UsageError("choose one of --info, --check, --merge, --compare and --fetch")
    if bool(files) == (fetch is not None):
        raise click.UsageError("--fetch takes no files, all else needs them")
    require("h5py", "working on files of showers", "geant4")
    if fetch is not None:
        _fetch(fetch)
    elif merge is not None:
        _merge(files, merge)
    elif compare is not None:
        _compare(files, compare)
    elif info:
        _info(files)
    else:
        _check(files)


def _fetch(folder: Path) -> None:
    from caloserve_training.progress import download_progress  # noqa: PLC0415 (keeps --help fast)
    from caloserve_training.samples.public import fetch_public  # noqa: PLC0415

    with download_progress() as report_on:
        paths = fetch_public(folder, report_on)
    for path in paths:
        click.echo(f"{path}: verified")


def _merge(files: tuple[Path, ...], output: Path) -> None:
    from caloserve_training.samples.merge import merge  # noqa: PLC0415

    click.echo(f"{output}: {merge(files, output)} showers of {len(files)} files")


def _info(files: tuple[Path, ...]) -> None:
    from caloserve_training.samples.sample import read_sample  # noqa: PLC0415

    for path in files:
        print_table(["", str(path)], [_description(read_sample(path))], left=2)


def _description(sample: Sample) -> list[tuple[str, str]]:
    """Names and values: what the showers are, then what the file says about itself."""
    from caloserve_training.data import file_sha256  # noqa: PLC0415

    energies = sample.layer_energies()
    total, energy = energies.sum(axis=1), sample.energy_gev
    shares = energies.sum(axis=0) / max(total.sum(), 1e-30)
    rows = [
        ("showers", f"{len(sample)}"),
        ("kinetic energy / GeV", f"{energy.min():.4g} to {energy.max():.4g}" if len(sample) else ""),
        ("mean E_tot / E", f"{(total / (1e3 * energy)).mean():.4f}" if len(sample) else ""),
        ("energy by layer", " / ".join(f"{share:.4f}" for share in shares)),
        ("sha256", file_sha256(sample.path)),
    ]
    return rows + [(name, str(value)) for name, value in sorted(sample.attributes.items())]


def _check(files: tuple[Path, ...]) -> None:
    from caloserve_training.samples.check import check_sample  # noqa: PLC0415
    from caloserve_training.samples.sample import read_sample  # noqa: PLC0415

    bad = []
    for path in files:
        findings = check_sample(read_sample(path))
        rows = [(finding.check, "ok" if finding.good else "WRONG", finding.words) for finding in findings]
        print_table([str(path), "", ""], [rows], left=3)
        bad += [f"{path}: {finding.check}" for finding in findings if not finding.good]
    if bad:
        raise click.ClickException("; ".join(bad))


def _compare(files: tuple[Path, ...], reference: Path) -> None:
    require("scipy", "comparing showers", "geant4")
    from caloserve_training.data import read_showers  # noqa: PLC0415
    from caloserve_training.samples import comparison  # noqa: PLC0415
    from caloserve_training.samples.sample import read_sample  # noqa: PLC0415

    differing = []
    true = read_showers(reference)
    for path in files:
        hadronic = read_sample(path).attributes.get("particle") == "piplus" or path.stem == "piplus"
        tolerance = comparison.HADRONIC_TOLERANCE if hadronic else comparison.ELECTROMAGNETIC_TOLERANCE
        made = read_showers(path)
        compared = comparison.compare(made, true)
        rows = [
            (
                f"{shape.name} / {shape.unit}" if shape.unit else shape.name,
                f"{shape.mean:.5g}",
                f"{shape.reference:.5g}",
                f"{shape.error:.2g}",
                f"{shape.difference:+.2%}",
                f"{shape.p_value:.3f}",
                "agrees" if shape.agrees(tolerance) else "DIFFERS",
            )
            for shape in compared
        ]
        columns = ["mean of", f"{path.name}, {len(made)}", f"{reference.name}, {len(true)}", "error", "difference"]
        print_table([*columns, "p (KS, Holm)", ""], [rows])
        differing += [f"{path}: {shape.name}" for shape in compared if not shape.agrees(tolerance)]
    click.echo(f"A shape agrees if p > {comparison.SIGNIFICANCE} or its means are within 2 % (pi+: 5 %).")
    if differing:
        raise click.ClickException(f"differing from {reference}: {', '.join(differing)}")
