"""Where the time of a clip goes: milliseconds by name, with nothing between two names."""

from __future__ import annotations

import time


class Stopwatch:
    """Gives all the time since the last lap to the name of the lap.

    Attributes:
        spent_ms: milliseconds by name, in the order of the first lap of each.
    """

    def __init__(self) -> None:
        self.spent_ms: dict[str, float] = {}
        self._began = self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Add what has passed since the last lap to ``name``."""
        now = time.perf_counter()
        self.spent_ms[name] = self.spent_ms.get(name, 0.0) + 1e3 * (now - self._last)
        self._last = now

    def elapsed_ms(self) -> float:
        """Milliseconds since the start of this watch."""
        return 1e3 * (time.perf_counter() - self._began)

    def before(self, moment: float) -> float:
        """Milliseconds from ``moment``, of ``time.perf_counter``, to the start of this watch."""
        return 1e3 * (self._began - moment)
