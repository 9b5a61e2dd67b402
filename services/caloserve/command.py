"""The ``caloserve`` command. Its subcommands are found through entry points."""

import sys
from importlib.metadata import entry_points

import click

from caloserve.calorimeter.errors import CaloServeError

_GROUP = "caloserve.commands"


class _Subcommands(click.Group):
    """Loads a subcommand when it is asked for, so that ``--help`` of one does not import the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (the interface)
        return [entry.name for entry in entry_points(group=_GROUP)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        for entry in entry_points(group=_GROUP, name=cmd_name):
            command = entry.load()
            if isinstance(command, click.Command):
                return command
        return None


@click.group(cls=_Subcommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="caloserve", message="%(prog)s %(version)s")
def caloserve() -> None:
    """Calorimeter showers as a service: one call per event."""


def main() -> None:
    """Run the command; what a user did wrong is told in one line."""
    try:
        status = caloserve.main(prog_name="caloserve", standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except CaloServeError as error:
        _fail(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", 130)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(status)
