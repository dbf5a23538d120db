"""The command line. Verbs of the device live here; those of the workstation are found by name and loaded when used."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from edge import commands
from edge.errors import WORKSTATION_INSTALL, AdafocusError

WORKSTATION_GROUP = "adafocus.commands"


class Verbs(click.Group):
    """Device verbs, and the workstation's by entry point, imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all verbs."""
        return sorted({*super().list_commands(ctx), *(point.name for point in _workstation())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A verb by name."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            return found
        for point in _workstation():
            if point.name == cmd_name:
                return point.load()
        return None


def _workstation() -> Any:
    return entry_points(group=WORKSTATION_GROUP)


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="adafocus-edge")
def program() -> None:
    """Uni-AdaFocus video recognition on small devices."""


for command in commands.ALL:
    program.add_command(command)


def main() -> None:
    """Entry point: errors become one sentence and exit code 2."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the program and return its exit code."""
    try:
        program.main(args=arguments, prog_name="adafocus", standalone_mode=False)
    except AdafocusError as error:
        click.echo(f"adafocus: {error}", err=True)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("adafocus: stopped.", err=True)
        return 130
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except ModuleNotFoundError as error:
        click.echo(
            f"adafocus: this runs on a workstation and needs the package {error.name!r}, which is not installed. "
            f"Install it: {WORKSTATION_INSTALL}",
            err=True,
        )
        return 2
    except ValueError as error:
        # the rooms of the workstation mark the errors that hold a sentence; this room does not import them
        if not getattr(error, "for_user", False):
            raise
        click.echo(f"adafocus: {error}", err=True)
        return 2
    except OSError as error:
        place = f"{Path(error.filename)}: " if error.filename else ""
        click.echo(f"adafocus: {place}{error.strerror or error}. Check the path and the space on the disk.", err=True)
        return 2
    return 0
