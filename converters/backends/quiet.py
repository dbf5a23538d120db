"""Keeping the converters' own progress and advice off the screen."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

from adafocus.edge.runtimes.log_filter import hide_log_lines


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings, progress, log lines below errors and what is printed; exceptions come through."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.ExitStack() as held:
            held.enter_context(hide_log_lines())
            held.enter_context(contextlib.redirect_stdout(io.StringIO()))
            held.enter_context(contextlib.redirect_stderr(io.StringIO()))
            held.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
