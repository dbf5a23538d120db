"""A head start for conversions: a process imports what they need while the command itself still imports."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence
from multiprocessing.context import BaseContext

# importing it imports torch and whatever else every conversion needs
WORKERS = "adafocus.converters.workers"
# runtime -> the library of its converter
LIBRARIES = {"litert": "adafocus.converters.backends.litert_library"}


def context() -> BaseContext:
    """Return how worker processes are started: on Linux as forks of one that has imported everything.

    Elsewhere each imports for itself: frameworks of macOS do not survive a fork, and Windows has none.
    """
    return multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")


def give(runtimes: Sequence[str]) -> None:
    """Start the process whose forks are the workers, and return at once; where it runs already, nothing happens."""
    found = context()
    if found.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        found.set_forkserver_preload([WORKERS, *(LIBRARIES[name] for name in runtimes if name in LIBRARIES)])
        forkserver.ensure_running()
