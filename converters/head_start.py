"""A head start for conversions: a process imports what they need while the command itself still imports."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.context import BaseContext

# importing it imports torch and whatever else every conversion needs
WORKERS = "adafocus.converters.workers"
# runtime -> the library of its converter
LIBRARIES = {"litert": "adafocus.converters.backends.litert_library"}


def context() -> BaseContext:
    """Return how worker processes are started: as forks of one that has imported everything, where the system can."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def give(runtimes: Sequence[str]) -> None:
    """Start the process whose forks are the workers, and return at once; where it runs already, nothing happens."""
    found = context()
    if found.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        found.set_forkserver_preload([WORKERS, *(LIBRARIES[name] for name in runtimes if name in LIBRARIES)])
        forkserver.ensure_running()
