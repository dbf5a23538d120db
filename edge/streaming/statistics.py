"""Statistics of a stream in memory that does not grow: percentiles, counts, and the memory of the process."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import psutil

from adafocus.edge.streaming.result import Result

SMALLEST_MS = 1e-2
# each bin is a hundredth wider than the one before; the last ones reach a day
RATIO = 1.01
BINS = math.ceil(math.log(1e10) / math.log(RATIO))


class Percentiles:
    """Counts durations in bins that are 1 % wide, so percentiles are right within 1 % however long it runs."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS, np.int64)
        self._sum_ms = 0.0
        self.count = 0
        self.max_ms = 0.0

    def add(self, duration_ms: float) -> None:
        """Count one duration."""
        place = math.log(max(duration_ms, SMALLEST_MS) / SMALLEST_MS) / math.log(RATIO)
        self._counts[min(BINS - 1, int(place))] += 1
        self.count += 1
        self._sum_ms += duration_ms
        self.max_ms = max(self.max_ms, duration_ms)

    def at(self, percent: float) -> float | None:
        """Return the duration that so many percent do not exceed, None before the first."""
        if not self.count:
            return None
        place = int(np.searchsorted(np.cumsum(self._counts), math.ceil(self.count * percent / 100) or 1))
        return min(self.max_ms, SMALLEST_MS * RATIO ** (place + 0.5))

    def as_dict(self) -> dict[str, float] | None:
        """Return p50, p90, p99, max and mean in milliseconds, None before the first."""
        if not self.count:
            return None
        named = {f"p{percent}": self.at(percent) or 0.0 for percent in (50, 90, 99)}
        return named | {"max": self.max_ms, "mean": self._sum_ms / self.count}


SETTLED_S = 60.0


def resident_bytes(pid: int | None = None) -> int:
    """Return the resident memory of this process, or of another one.

    Raises:
        psutil.Error: there is no such process, or it may not be looked at.
    """
    return psutil.Process(pid).memory_info().rss


class MemoryGrowth:
    """Compares resident memory after the first minute with the most that came later."""

    def __init__(self) -> None:
        self.settled_bytes: int | None = None
        self.max_bytes = 0

    def sample(self, since_start_s: float) -> None:
        """Read the memory once; it costs some microseconds."""
        if since_start_s < SETTLED_S:
            return
        now = resident_bytes()
        self.max_bytes = max(now, self.max_bytes)
        if self.settled_bytes is None:
            self.settled_bytes = now

    def as_dict(self) -> dict[str, int | None]:
        """Return resident memory now, after the first minute, the most after it, and the growth; None within it."""
        settled = self.settled_bytes
        return {
            "resident_bytes": resident_bytes(),
            "after_first_minute_bytes": settled,
            "most_after_it_bytes": None if settled is None else self.max_bytes,
            "growth_bytes": None if settled is None else self.max_bytes - settled,
        }


STAGES = ("glance", "policy", "focus")


class Statistics:
    """Counts results; gives the summary."""

    def __init__(self) -> None:
        self.results = self.late = self.switches = 0
        self.latency, self.compute, self.host = Percentiles(), Percentiles(), Percentiles()
        self.memory = MemoryGrowth()
        self._exits: Counter[str] = Counter()
        self._gmac = 0.0
        self._encoded = self._reused = 0
        self._labels: Counter[str] = Counter()

    def add(self, result: Result) -> None:
        """Count one result."""
        self.results += 1
        self.latency.add(result.latency_ms)
        self.compute.add(result.compute_ms)
        spent = result.timing_ms
        self.host.add(result.compute_ms - spent.get("decode", 0.0) - sum(spent.get(stage, 0.0) for stage in STAGES))
        self._exits[result.exit_stage] += 1
        self._gmac += result.gmac
        self._encoded += result.glance_encoded
        self._reused += result.glance_reused
        if result.label is not None:
            self._labels[result.label] += 1

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the ``summary`` event."""
        return {
            "answers": self.results,
            "late": self.late,
            "switches": self.switches,
            "answers_by_label": dict(self._labels.most_common()),
            "latency_ms": self.latency.as_dict(),
            "compute_ms": self.compute.as_dict(),
            "host_ms": self.host.as_dict(),
            "exits": dict(self._exits),
            "mean_gmac": self._gmac / self.results if self.results else None,
            "glance": {"encoded": self._encoded, "reused": self._reused},
            "memory": self.memory.as_dict(),
        }
