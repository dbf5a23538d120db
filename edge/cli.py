"""The command line. Verbs of the device live here; those of the workstation are found by name and loaded when used."""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
import threading
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

import click

from adafocus.edge import commands
from adafocus.edge.signals import ENDED_BY, Terminated, end_cleanly_on_sigterm
from adafocus.errors import WORKSTATION_INSTALL, AdafocusError

WORKSTATION_GROUP = "adafocus.commands"
REFUSED = 2
# as click and rich have it
NOBODY_READS = 1


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
    end_cleanly_on_sigterm()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a file may have any bytes for a name, and a terminal any encoding
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _nobody_reads()
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the process. A source that hangs in a library keeps its thread, and leaving under it would abort."""
    if any(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        # what was put off until the end, such as removing temporary folders, is still done
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the program and return its exit code.

    Only errors of the user's input, of the system and of the user's patience end in a sentence. Whatever else is raised
    is a mistake in this program and keeps its traceback.
    """
    try:
        code = program.main(args=arguments, prog_name="adafocus", standalone_mode=False)
        sys.stdout.flush()
    except AdafocusError as error:
        return _refused(str(error))
    except click.ClickException as error:
        error.show()
        return REFUSED
    except (click.Abort, KeyboardInterrupt) as stopped:
        return _stopped(stopped)
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except ModuleNotFoundError as error:
        return _refused(
            f"this runs on a workstation and needs the package {error.name!r}, which is not installed. "
            f"Install it: {WORKSTATION_INSTALL}"
        )
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        place = f"{Path(error.filename)}: " if error.filename else ""
        return _refused(f"{place}{error.strerror or error}. Check the path and the space on the disk.")
    except MemoryError:
        return _refused("there is not enough memory for this. Close other programs, or use a smaller bundle.")
    # click hands back the code that a verb left with, and what a verb returned otherwise: nothing
    return code if isinstance(code, int) else 0


def _refused(sentence: str) -> int:
    click.echo(f"adafocus: {sentence}", err=True)
    return REFUSED


def _stopped(stopped: BaseException) -> int:
    """Ctrl-C or SIGTERM; click hides the one it met behind an exception of its own."""
    terminated = isinstance(stopped, Terminated) or isinstance(stopped.__cause__, Terminated)
    click.echo("adafocus: stopped by SIGTERM." if terminated else "adafocus: stopped.", err=True)
    return ENDED_BY + (signal.SIGTERM if terminated else signal.SIGINT)


def _nobody_reads() -> int:
    """The reader of a pipe has gone, as ``head`` does. What is still buffered must not be written at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return NOBODY_READS
