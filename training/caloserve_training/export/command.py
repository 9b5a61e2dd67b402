"""The command ``caloserve export``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from caloserve.calorimeter import CaloServeError
from caloserve_training.fidelity.command import progress_bar, quieten

if TYPE_CHECKING:
    from rich.table import Table

    from caloserve_training.export.variants import Exported, Variant

VARIANTS = ("plain", "fused", "int8")
_BATCH = 128
"""In whose speeds graphs are compared in one number: what a busy generator runs."""


@click.command(short_help="A trained generator as one ONNX file.")
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--variant", type=click.Choice(VARIANTS), help="Which to write.  [default: fused, if there is one]")
def export(run: Path, *, output: Path, variant: str | None) -> None:
    """Turn the trained generator of RUN into ONNX, compare it with Keras, and measure it.

    The paper's generator comes in three forms: plain is as Keras has it; fused makes the same showers but for rounding,
    faster; int8 is fused with its largest product in 8-bit integers, faster again and a quarter of the size.
    """
    quieten()
    from caloserve_training.export.variants import (  # noqa: PLC0415
        Variant,
        default_variant,
        export_variants,
        steps_of,
        variants_of,
    )
    from caloserve_training.trainer.run import Run  # noqa: PLC0415

    try:
        generator = Run.open(run).load_generator()
        chosen = Variant(variant) if variant else default_variant(generator)
        wanted = variants_of(generator)
        if chosen not in wanted:
            raise click.UsageError(f"only the paper's generator, calogan2017, has a graph that is {chosen}")
        with progress_bar() as progress:
            task = progress.add_task("making graphs", total=steps_of(wanted))
            exported = export_variants(
                generator, wanted, lambda step: progress.update(task, advance=1, description=step)
            )
        output.mkdir(parents=True, exist_ok=True)
        (output / "model.onnx").write_bytes(exported[chosen].model)
        (output / "export.json").write_text(_described(exported, chosen), encoding="utf-8")
    except (CaloServeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    _print(exported)
    click.echo(f"Wrote {output / 'model.onnx'}: {chosen}, {_megabytes(exported[chosen])}; figures in export.json")


def _described(exported: dict[Variant, Exported], chosen: Variant) -> str:
    """All figures, as JSON."""
    forms = {name: {"bytes": len(form.model), **asdict(form.described())} for name, form in exported.items()}
    return json.dumps({"written": chosen, "variants": forms}, indent=2) + "\n"


def _print(exported: dict[Variant, Exported]) -> None:
    """What was found, the speeds beside those of the paper's Table III."""
    from rich.console import Console  # noqa: PLC0415

    from caloserve_training.export.speed import BATCHES, PAPER_MS  # noqa: PLC0415
    from caloserve_training.export.variants import Variant  # noqa: PLC0415

    found, timed = _table("Difference from Keras, in shares of a shower's largest cell"), _table("ms per shower")
    for name in ("size", "largest", "RMS", "mean E_tot"):
        found.add_column(name, justify="right")
    for batch in BATCHES:
        timed.add_column(f"batch {batch}", justify="right")
    for name, form in exported.items():
        difference = form.difference
        shares = (f"{difference.largest:.1e}", f"{difference.rms:.1e}", f"{difference.e_tot_shift:+.1e}")
        found.add_row(name, _megabytes(form), *shares)
        timed.add_row(f"{name}, one thread", *(f"{speed.ms_per_shower:.3g}" for speed in form.speeds))
    timed.add_row("paper, CPU of 2017", *(f"{value:.3g}" for value in PAPER_MS.values()))
    plain = exported[Variant.PLAIN]
    timed.caption = "  ".join(_gain(plain, form) for form in exported.values() if form is not plain)
    Console().print(found, timed)


def _gain(plain: Exported, form: Exported) -> str:
    """How much faster a form is in batches of 128."""
    before, after = (next(speed for speed in each.speeds if speed.batch == _BATCH) for each in (plain, form))
    return f"{form.variant}: {before.ms_per_shower / after.ms_per_shower:.2f} times plain at batch {_BATCH}."


def _table(title: str) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("graph")
    return table


def _megabytes(form: Exported) -> str:
    return f"{len(form.model) / 1e6:.1f} MB"
