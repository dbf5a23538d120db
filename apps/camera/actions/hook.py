"""A program of the user's own, called when the label changes. No shell is between."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from adafocus.apps.camera.actions.action import Event
from adafocus.errors import AdafocusError

HOOK_LIMIT_S = 10.0


class Hook:
    """Calls a program with the event as JSON on its standard input, and the label in its environment."""

    kinds = frozenset({"switched"})

    def __init__(self, command: str, limit_s: float = HOOK_LIMIT_S) -> None:
        """Find the program.

        Args:
            command: program and arguments; quotation marks hold words together, and nothing else has a meaning.
            limit_s: after this time it is killed, with all that it started.

        Raises:
            AdafocusError: there is no such program.
        """
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise AdafocusError(f"--hook is {command!r}, in which a quotation mark is not closed.") from error
        if not self._words or shutil.which(self._words[0]) is None:
            raise AdafocusError(
                f"--hook is {command!r}, expected a program that can be started. Check its path, and make it "
                f"executable: chmod +x {shlex.quote(self._words[0]) if self._words else 'PROGRAM'}"
            )
        self.name, self.limit_s = f"hook {os.path.basename(self._words[0])}", limit_s

    def check(self, labels: Sequence[str]) -> None:
        """Do nothing: a program may be called with any label."""

    def act(self, event: Event) -> None:
        """Call the program and wait for it.

        Raises:
            AdafocusError: it does not start, fails, or takes longer than the limit.
        """
        told = {"LABEL": event["to"] or "", "BEFORE": event["from"] or "", "SCORE": f"{event['score']:.4f}"}
        around = {**os.environ, **{f"ADAFOCUS_{name}": value for name, value in told.items()}}
        # what a service manager tells this program is not meant for others
        around = {name: value for name, value in around.items() if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")}
        try:
            process = subprocess.Popen(
                self._words, stdin=subprocess.PIPE, stdout=2, env=around, start_new_session=True, text=True
            )
        except OSError as error:
            raise AdafocusError(f"The {self.name} does not start: {error.strerror}.") from error
        try:
            with suppress(BrokenPipeError):
                process.communicate(json.dumps(dict(event), ensure_ascii=False) + "\n", timeout=self.limit_s)
            code = process.wait(self.limit_s)
        except subprocess.TimeoutExpired as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AdafocusError(f"The {self.name} took longer than {self.limit_s:g} s and was ended.") from error
        if code:
            raise AdafocusError(f"The {self.name} ended with exit code {code}.")

    def close(self) -> None:
        """Do nothing: a program that was called has ended."""
