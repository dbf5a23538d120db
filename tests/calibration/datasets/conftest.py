"""What the reading of clip sets says in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

READING = logging.getLogger("adafocus.calibration.datasets")


@pytest.fixture
def messages() -> Iterator[list[str]]:
    """Collect the warnings that reading a clip set gives."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    READING.addHandler(handler)
    yield found
    READING.removeHandler(handler)
