"""The command ``caloserve publish``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from caloserve.calorimeter import CaloServeError
from caloserve_training.export.command import VARIANTS
from caloserve_training.fidelity.command import judge_with, print_verdict, progress_bar, quieten

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--version", required=True, help="Version of the release: X.Y.Z or FAMILY-X.Y.Z.")
@click.option("--reference", type=_FILE, help="Showers to judge by. [default: tests/data/PARTICLE.hdf5]")
@click.option("--releases", type=_FOLDER, help="Where releases go. [default: services/PARTICLE/releases]")
@click.option("--training", type=_FILE, help="The run's data, to see whether any of it is replayed.")
@click.option("--variant", type=click.Choice(VARIANTS), help="Form of the ONNX graph.  [default: the smallest]")
@click.option("--accept", metavar="REASON", help="Publish a release that the gate refuses; the manifest says why.")
def publish(
    run: Path,
    *,
    version: str,
    reference: Path | None,
    releases: Path | None,
    training: Path | None,
    variant: str | None,
    accept: str | None,
) -> None:
    """Export a finished run to ONNX, judge it and publish it as a release.

    A release that is worse than the newest of its family, or worse than any may be, is refused.
    """
    quieten()
    from caloserve_training.export.variants import Variant  # noqa: PLC0415
    from caloserve_training.publish import prepare_release, release  # noqa: PLC0415
    from caloserve_training.trainer.run import Run  # noqa: PLC0415

    try:
        particle = Run.open(run).description.particle
        with progress_bar() as progress:
            candidate = prepare_release(
                run,
                version=version,
                reference=reference or Path("tests", "data", f"{particle}.hdf5"),
                releases=releases or Path("services", particle, "releases"),
                training=training,
                variant=Variant(variant) if variant else None,
                judge_case=partial(judge_with, progress),
            )
        print_verdict(candidate.judgement)
        published = release(candidate, accept=accept)
    except (CaloServeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Published {particle} {version}; its report is {candidate.folder / 'fidelity' / 'report.html'}")
    if published.fidelity.accepted:
        click.echo(f"The gate refused it: {'; '.join(published.fidelity.objections)}")
