"""The command line: a table of verbs, each loaded when it is used, and errors that end in one sentence."""

from __future__ import annotations

import ast
import atexit
import gc
import io
import os
import re
import signal
import sys
import threading
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import click

from adafocus.edge.runtimes.loading import load_sentence
from adafocus.edge.signals import ENDED_BY, Terminated, end_cleanly_on_sigterm
from adafocus.errors import AdafocusError, sentence_of

WORKSTATION_GROUP = "adafocus.commands"
DEVICE_VERBS = tuple(
    EntryPoint(name, "adafocus.edge.commands.{0}:{0}".format(name.replace("-", "_")), "")
    for name in ("run", "stream", "inspect", "selftest", "bench", "energy", "doctor", "vectors")
)
NO_SUMMARY = "This command cannot be described here; run it to see what it needs."
REFUSED = 2
# as click and rich have it
NOBODY_READS = 1


class Verbs(click.Group):
    """Verbs of the device by the table above, those of the workstation by entry point; a verb is imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs."""
        return [*super().list_commands(ctx), *(verb.name for verb in (*DEVICE_VERBS, *_workstation_verbs()))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb with this name; None where there is none."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            return found
        named = [verb for verb in DEVICE_VERBS if verb.name == cmd_name]
        # a verb of the device is not looked for in all packages that are installed
        named = named or [verb for verb in _workstation_verbs() if verb.name == cmd_name]
        return _loaded(named[0]) if named else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs in two groups, each with its first sentence, without importing one."""
        for title, verbs in (("On the device", DEVICE_VERBS), ("On the workstation", _workstation_verbs())):
            with formatter.section(title):
                formatter.write_dl([(verb.name, summary(verb)) for verb in verbs])


def _loaded(verb: EntryPoint) -> click.Command:
    """Import a verb. What importing makes is there to stay, so nobody searches it for garbage, now or later."""
    command: click.Command = verb.load()
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    return command


def _workstation_verbs() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=WORKSTATION_GROUP))


def summary(verb: EntryPoint) -> str:
    """Return the first sentence of a verb's docstring, read from the source, so that nothing heavy is imported."""
    try:
        spec = find_spec(verb.module)
        source = Path(spec.origin or "").read_text(encoding="utf-8") if spec else ""
    except (ImportError, OSError):
        return NO_SUMMARY
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == verb.attr:
            return re.split(r"(?<=\.)\s", " ".join((ast.get_docstring(node) or NO_SUMMARY).split()))[0]
    return NO_SUMMARY


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="adafocus-edge")
def program() -> None:
    """Recognize actions in videos on small devices with Uni-AdaFocus."""


def main(command: click.Command = program, name: str = "adafocus") -> None:
    """Run a program as a process: errors become one sentence and exit code 2.

    Args:
        command: what to run; the verbs unless something else is given.
        name: how it was typed.
    """
    end_cleanly_on_sigterm()
    if command is program:
        # until the verb is imported
        gc.disable()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a file may have any bytes for a name, and a terminal any encoding
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:], command, name)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _nobody_reads()
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the process, also where a source hangs in a library and keeps its thread: a normal end would abort then."""
    if any(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        # what was put off until the end, such as removing temporary folders, is still done
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str], command: click.Command = program, name: str = "adafocus") -> int:
    """Run the program and return its exit code.

    Only errors of the user's input, of the system, of libraries that do not load and of the user's patience end in a
    sentence. Whatever else is raised is a mistake in this program and keeps its traceback.
    """
    try:
        code = command.main(args=arguments, prog_name=name, standalone_mode=False)
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
    except BrokenPipeError:
        return _nobody_reads()
    except Exception as error:
        sentence = load_sentence(error)
        if sentence is None and isinstance(error, (OSError, MemoryError)):
            sentence = sentence_of(error)
        if sentence is None:
            raise
        return _refused(sentence)
    # click hands back the code that a verb left with, and what a verb returned otherwise: nothing
    return code if isinstance(code, int) else 0


def _refused(sentence: str) -> int:
    click.echo(f"adafocus: {sentence}", err=True)
    return REFUSED


def _stopped(stopped: BaseException) -> int:
    """Say what stopped the program, Ctrl-C or SIGTERM; click hides the one it met behind an exception of its own."""
    terminated = isinstance(stopped, Terminated) or isinstance(stopped.__cause__, Terminated)
    click.echo("adafocus: stopped by SIGTERM." if terminated else "adafocus: stopped.", err=True)
    return ENDED_BY + (signal.SIGTERM if terminated else signal.SIGINT)


def _nobody_reads() -> int:
    """Drop what is still buffered: the reader of the pipe has gone, as ``head`` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return NOBODY_READS
