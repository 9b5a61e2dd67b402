"""`caloserve replay`: whether a file's showers can be made again."""

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from caloserve_client.commands.connection import connected, target_option
from caloserve_client.commands.progress import shower_bar
from caloserve_client.commands.tables import print_table
from caloserve_client.errors import ClientError
from caloserve_client.formats.calogan import open_showers
from caloserve_client.replay import Replay, replay_showers

_IDENTICAL, _DIFFERS, _CANNOT_BE_REPLAYED = range(3)
"""Exit statuses."""

_NAMED = 10  # rows that a line spells out


class _CannotBeReplayedError(click.ClickException):
    exit_code = _CANNOT_BE_REPLAYED


@click.command(short_help="Make a file's showers again and compare.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.hdf5")
@click.option(
    "--row", "rows", type=click.IntRange(min=0), multiple=True, help="One of its showers, from 0; repeatable."
)
@target_option
@click.pass_context
def replay(context: click.Context, *, file: Path, rows: tuple[int, ...], target: str | None) -> None:
    """Make the showers of a file of `caloserve generate` again, from what it says made them, and compare the bits.

    Exit status 0 says that all are identical, 1 that some differ, 2 that they cannot be made again.
    """
    try:
        with open_showers(file) as recorded:
            chosen = np.unique(np.array(rows, dtype=np.intp)) if rows else np.arange(len(recorded))
            if chosen.max(initial=-1) >= len(recorded):
                raise click.BadParameter(f"{chosen.max()} is not one of the {len(recorded)} rows", param_hint="--row")
            made_by = recorded.provenance
            with connected(target) as client, shower_bar(len(chosen), made_by.particle) as advance:
                result = replay_showers(client, recorded, chosen, advance)
    except ClientError as error:
        raise _CannotBeReplayedError(str(error)) from error
    click.echo(
        f"{file}: {made_by.particle} showers of release {made_by.release_version}, seed {made_by.seed}, "
        f"event {made_by.event_id}"
    )
    if result.changes:
        changes = [[name.replace("_", " "), str(before), str(now)] for name, (before, now) in result.changes.items()]
        print_table(["what made them", "recorded", "now"], [changes], left=3)
    context.exit(_verdict(result))


def _verdict(result: Replay) -> int:
    """Say how the showers compare, and return the exit status that says it too."""
    count, differing = len(result.rows), result.differing
    click.echo(f"{result.same_bits.sum()} of {count} showers are identical to the bit.")
    if differing.any():
        worst = int(np.argmax(np.where(differing, result.differences, -1.0)))
        click.echo(
            f"{differing.sum()} differ, by at most {result.differences[worst]:.2g} of their largest cell "
            f"(row {result.rows[worst]}): {_listed(result.rows[differing])}."
        )
        click.echo(_explanation(result))
    for error in result.errors[:_NAMED]:
        click.echo(f"Row {error.row} was not made again: {error.status.name} {error.message}".rstrip())
    if result.errors[_NAMED:]:
        click.echo(f"Nor were {len(result.errors) - _NAMED} more.")
    if result.errors:
        return _CANNOT_BE_REPLAYED
    return _DIFFERS if differing.any() else _IDENTICAL


def _listed(rows: NDArray[np.intp]) -> str:
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return ("row " if len(rows) == 1 else "rows ") + ", ".join(map(str, rows[:_NAMED].tolist())) + more


def _explanation(result: Replay) -> str:
    if not result.other_rounding:
        return "Nothing that is known to have changed explains that."
    place = "within" if result.within_tolerance else "beyond"
    return (
        f"That is {place} the tolerance of {result.tolerance:g} that is stated for {', '.join(result.other_rounding)}."
    )
