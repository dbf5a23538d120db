"""SIGTERM ends the program like Ctrl-C does: everything is closed, what was begun is removed, one sentence is said."""

from __future__ import annotations

import signal
from types import FrameType

# what a shell adds to the number of the signal that ended a program
ENDED_BY = 128


class Terminated(KeyboardInterrupt):
    """The process was asked to end. Whoever ends cleanly on Ctrl-C ends cleanly on this, too."""


def end_cleanly_on_sigterm() -> None:
    """Raise :class:`Terminated` in the main thread on SIGTERM. A second one ends the process at once."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Terminated
