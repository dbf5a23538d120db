"""How much memory this process holds, and whether it grows."""

from __future__ import annotations

import os
from pathlib import Path

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
