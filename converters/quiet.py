"""Keeping the converters' own progress and advice off the screen."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

from edge.quiet import without_remarks


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings, log lines below errors and what is printed; errors come through."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), without_remarks():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
