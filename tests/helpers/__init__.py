"""What tests of several rooms share."""

from __future__ import annotations

import pytest

# what pytest collected, before any of it was left out by a marker
COLLECTED = pytest.StashKey[tuple[pytest.Item, ...]]()
