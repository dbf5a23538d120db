"""Keep what native libraries print about themselves off the screen, and nothing else."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LOG_PREFIXES = (b"INFO: ", b"I0000 ", b"W0000 ", b"WARNING: All log messages before absl::")


@contextmanager
def hide_log_lines(prefixes: tuple[bytes, ...] = LOG_PREFIXES) -> Iterator[None]:
    """Hold back what is written to the process's standard error, and let through all but log lines.

    Args:
        prefixes: beginnings of lines to drop.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
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
