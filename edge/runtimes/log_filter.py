"""Keep what native libraries print about themselves off the screen, and nothing else."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# log lines of PyTorch's libraries about extensions for other machines
IMPORT_LOG_PREFIXES = (b"Failed to load ", b"W0", b"W1")
LOG_PREFIXES = (b"INFO: ", b"I0000 ", b"W0000 ", b"WARNING: All log messages before absl::")

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2

# the descriptor belongs to the whole process: a second thread would take the first one's file for standard error
_ALONE = threading.RLock()


@contextmanager
def hide_log_lines(
    prefixes: tuple[bytes, ...] = LOG_PREFIXES, outputs: tuple[int, ...] = (STANDARD_ERROR,)
) -> Iterator[list[bytes]]:
    """Hold back what is written to the process's standard error, and let through all but log lines.

    Args:
        prefixes: beginnings of lines to drop; an empty one drops everything.
        outputs: descriptors to hold back: that of standard error, and for libraries that log to standard output, too,
            that of it. What is let through goes to standard error.

    Yields:
        a list that holds the dropped lines after the block.
    """
    dropped: list[bytes] = []
    with _ALONE, tempfile.TemporaryFile() as held:
        _flush(outputs)
        kept = {output: os.dup(output) for output in outputs}
        for output in outputs:
            os.dup2(held.fileno(), output)
        try:
            yield dropped
        finally:
            _flush(outputs)
            for output, own in kept.items():
                os.dup2(own, output)
                os.close(own)
            held.seek(0)
            for line in held:
                if line.startswith(prefixes):
                    dropped.append(line)
                elif line.strip():
                    os.write(2, line)


def _flush(outputs: tuple[int, ...]) -> None:
    """Write what this process itself still holds, so that it lands where it was meant to."""
    sys.stderr.flush()
    if STANDARD_OUTPUT in outputs:
        sys.stdout.flush()
        with contextlib.suppress(OSError, AttributeError, TypeError):
            # what libraries in C hold
            ctypes.CDLL(None).fflush(None)


def end_quietly() -> None:
    """Let nothing be written to standard error any more: for what libraries log while the process ends."""
    sys.stderr.flush()
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), STANDARD_ERROR)
