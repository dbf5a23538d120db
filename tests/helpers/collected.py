"""What pytest collected, before any of it was left out by a marker."""

from __future__ import annotations

import pytest

COLLECTED = pytest.StashKey[tuple[pytest.Item, ...]]()
