"""Keep what native libraries print about themselves off the screen, and nothing else."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# log lines of PyTorch's libraries about extensions for other machines
IMPORT_LOG_PREFIXES = (b"Failed to load ", b"W0", b"W1")
LOG_PREFIXES = (b"INFO: ", b"I0000 ", b"W0000 ", b"WARNING: All log messages before absl::")


# the descriptor belongs to the whole process: a second thread would take the first one's file for standard error
_ALONE = threading.RLock()


@contextmanager
def hide_log_lines(prefixes: tuple[bytes, ...] = LOG_PREFIXES) -> Iterator[None]:
    """Hold back what is written to the process's standard error, and let through all but log lines.

    Args:
        prefixes: beginnings of lines to drop.
    """
    with _ALONE, tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if line.strip() and not line.startswith(prefixes):
                    os.write(2, line)
