"""Percentiles of a stream of durations in memory that does not grow."""

from __future__ import annotations

import math

import numpy as np

SMALLEST_MS = 1e-2
# each class is a hundredth wider than the one before; the last ones reach a day
RATIO = 1.01
CLASSES = math.ceil(math.log(1e10) / math.log(RATIO))


class Percentiles:
    """Counts durations in classes that are 1 % wide, so percentiles are right within 1 % however long it runs."""

    def __init__(self) -> None:
        self._counts = np.zeros(CLASSES, np.int64)
        self._sum_ms = 0.0
        self.count = 0
        self.most_ms = 0.0

    def add(self, duration_ms: float) -> None:
        """Count one duration."""
        place = math.log(max(duration_ms, SMALLEST_MS) / SMALLEST_MS) / math.log(RATIO)
        self._counts[min(CLASSES - 1, int(place))] += 1
        self.count += 1
        self._sum_ms += duration_ms
        self.most_ms = max(self.most_ms, duration_ms)

    def at(self, percent: float) -> float | None:
        """The duration that so many percent do not exceed, None before the first."""
        if not self.count:
            return None
        place = int(np.searchsorted(np.cumsum(self._counts), math.ceil(self.count * percent / 100) or 1))
        return min(self.most_ms, SMALLEST_MS * RATIO ** (place + 0.5))

    def as_dict(self) -> dict[str, float] | None:
        """p50, p90, p99, max and mean in milliseconds, None before the first."""
        if not self.count:
            return None
        named = {f"p{percent}": self.at(percent) or 0.0 for percent in (50, 90, 99)}
        return named | {"max": self.most_ms, "mean": self._sum_ms / self.count}
