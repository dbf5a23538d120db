"""Statistics of a stream in memory that does not grow: percentiles, counts, and the memory of the process."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.streaming.result import Answer

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


STATM = Path("/proc/self/statm")
SETTLED_S = 60.0


def resident_bytes(statm: Path = STATM) -> int | None:
    """Resident memory of this process; None where the system does not say (anything but Linux)."""
    try:
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


class Growth:
    """Compares resident memory after the first minute with the most that came later."""

    def __init__(self, statm: Path = STATM) -> None:
        self._statm = statm
        self.settled_bytes: int | None = None
        self.most_bytes: int | None = None

    def look(self, since_start_s: float) -> None:
        """Read once; costs some microseconds."""
        now = resident_bytes(self._statm)
        if now is None or since_start_s < SETTLED_S:
            return
        if self.settled_bytes is None:
            self.settled_bytes = now
        self.most_bytes = max(now, self.most_bytes or 0)

    def as_dict(self) -> dict[str, int | None]:
        """Resident memory now, after the first minute, the most after it, and the growth; None where unknown."""
        grown = None
        if self.settled_bytes is not None and self.most_bytes is not None:
            grown = self.most_bytes - self.settled_bytes
        return {
            "resident_bytes": resident_bytes(self._statm),
            "after_first_minute_bytes": self.settled_bytes,
            "most_after_it_bytes": self.most_bytes,
            "growth_bytes": grown,
        }


STAGES = ("glance", "policy", "focus")


class Tally:
    """Counts answers; gives the summary."""

    def __init__(self) -> None:
        self.answers = self.late = self.switches = 0
        self.latency, self.compute, self.host = Percentiles(), Percentiles(), Percentiles()
        self.memory = Growth()
        self._exits: dict[str, int] = {}
        self._gmac = 0.0
        self._encoded = self._reused = 0
        self._labels: dict[str, int] = {}

    def count(self, answer: Answer) -> None:
        """Take in an answer."""
        self.answers += 1
        self.latency.add(answer.latency_ms)
        self.compute.add(answer.compute_ms)
        spent = answer.timing_ms
        self.host.add(answer.compute_ms - spent.get("decode", 0.0) - sum(spent.get(stage, 0.0) for stage in STAGES))
        self._exits[answer.exit_stage] = self._exits.get(answer.exit_stage, 0) + 1
        self._gmac += answer.gmac
        self._encoded += answer.glance_encoded
        self._reused += answer.glance_reused
        if answer.label is not None:
            self._labels[answer.label] = self._labels.get(answer.label, 0) + 1

    def as_dict(self) -> dict[str, Any]:
        """For the ``summary`` event."""
        return {
            "answers": self.answers,
            "late": self.late,
            "switches": self.switches,
            "answers_by_label": dict(sorted(self._labels.items(), key=lambda item: -item[1])),
            "latency_ms": self.latency.as_dict(),
            "compute_ms": self.compute.as_dict(),
            "host_ms": self.host.as_dict(),
            "exits": dict(self._exits),
            "mean_gmac": self._gmac / self.answers if self.answers else None,
            "glance": {"encoded": self._encoded, "reused": self._reused},
            "memory": self.memory.as_dict(),
        }
