"""When the next window is due: every hop, never queueing up, with rests where only a share of the time may be used."""

from __future__ import annotations

import math


class Schedule:
    """Plain arithmetic on a clock that does not jump."""

    def __init__(self, hop_s: float, duty: float = 1.0) -> None:
        """Plan answers.

        Args:
            hop_s: seconds from one answer to the next.
            duty: share of the time that may be spent on computing, above 0, at most 1.
        """
        self.hop_s, self.duty = hop_s, duty
        self.due_s = -math.inf

    def rest_s(self, computed_s: float) -> float:
        """How long to rest after so much computing."""
        return computed_s * (1.0 / self.duty - 1.0)

    def finish(self, started_s: float, finished_s: float) -> float:
        """Plan the next window once one is answered.

        A window that was due while an earlier one was still computed starts at once; those that were missed are not
        made up for. After a time without frames the hops are counted anew.

        Args:
            started_s: when the work on the window began.
            finished_s: when its answer was there.

        Returns:
            How much later than a hop the answer was there; 0 where it was in time. A rest is no lateness.
        """
        begun_s = self.due_s if started_s - self.due_s <= self.hop_s else started_s
        planned_s = begun_s + self.hop_s
        self.due_s = max(planned_s, finished_s + self.rest_s(finished_s - started_s))
        return max(0.0, finished_s - planned_s)
