"""A bundle of few files that a test may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.edge.bundle.bundle import Bundle
from tests.fuzzing.kind import small_bundle


@pytest.fixture
def folder(shipped_bundle: Bundle, tmp_path: Path) -> Path:
    return small_bundle(shipped_bundle.path, tmp_path / "bundle")
