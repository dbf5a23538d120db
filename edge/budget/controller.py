"""Keeps the mean cost of clips at a budget, although clips get harder and the machine slower.

The thresholds of the exits follow a position on a curve, from 0 (stop after the glance) to 1 (never stop early).

- It starts where the budget lies between the two costs, and every clip moves it against what the clip cost too much:
  an integral controller, which cannot wind up because its sum ends one clip's step beyond 0 and 1.
- The account of all clips so far moves the target of the next window by what it owes, at most by half the
  tolerance: the mean of all clips comes to the budget, and no old debt takes the running mean away from it.
- Where one end of the curve would take the running mean out of the tolerance and the other would not, the next clip
  gets the other. So the gain can be small, and it is mostly the clips themselves that decide which of them stop.

The running mean is the mean cost of the last 50 clips.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from adafocus.edge.budget.costs import Budget, Costs, costs_of, refuse_out_of_range
from adafocus.edge.budget.threshold_curves import Curve, curve_of
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip

WINDOW_CLIPS = 50
TOLERANCE = 0.05
# joules are held closer: what clips really take differs from what a profile says of them, within its own tolerance
TOLERANCE_J = 0.02
# share of the budget by which the target moves to pay old debts; it leaves room within the tolerances
MAX_REPAID = TOLERANCE / 2
# positions moved by a clip that costs a whole range too much, for a range as wide as the budget. Where it is small the
# running mean wanders, where it is large the clips before decide more than the clip itself; so it grows only with what
# one clip can do to the running mean
GAIN, LEAST_GAIN, MAX_GAIN = 0.25, 0.1, 0.4


class Controller:
    """Thresholds that meet a budget on average.

    Use: set ``recognizer.thresholds = controller.thresholds`` before a clip, call :meth:`observe` after it.
    """

    def __init__(self, budget: Budget, costs: Costs, curve: Curve) -> None:
        self.budget = budget
        self._costs, self._curve = costs, curve
        self._tolerance = TOLERANCE_J if budget.unit == "J" else TOLERANCE
        self._sum = self._fair_position()
        self._recent: deque[float] = deque(maxlen=WINDOW_CLIPS)
        self._spent, self._clips, self._owed = 0.0, 0, 0.0

    @classmethod
    def start(cls, budget: Budget, recognizer: Recognizer, clip: Clip, costs: Costs | None = None) -> Controller:
        """Make a controller for a recognizer.

        Args:
            budget: what was asked.
            recognizer: whose thresholds are to be set.
            clip: the first clip; a budget in ms times it for about ten clips' time.
            costs: where they are known already; those in joules always are, see ``EnergyCosts``.

        Raises:
            AdafocusError: the budget cannot be met by any clip, or is in joules and no costs are given.
        """
        manifest = recognizer.bundle.manifest
        if costs is None:
            costs = costs_of(budget, recognizer, clip)
        else:
            refuse_out_of_range(budget, costs.low, costs.high)
        ranges = {"GMAC": (float(recognizer.exit_macs[0]) / 1e9, float(recognizer.exit_macs[-1]) / 1e9)}
        ranges[budget.unit] = (costs.low, costs.high)
        count = len(recognizer.exit_macs) - 1
        return cls(budget, costs, curve_of(manifest.exits, count, len(manifest.labels), budget.unit, ranges))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """For the next clip, one per exit but the last."""
        return self._curve.thresholds(self.position)

    @property
    def position(self) -> float:
        """0: always stop after the glance; 1: never stop early."""
        guarded = self._guard()
        return _within(self._sum, 0.0, 1.0) if guarded is None else guarded

    @property
    def mean(self) -> float | None:
        """Mean cost of all clips so far; None before the first."""
        return self._spent / self._clips if self._clips else None

    @property
    def running_mean(self) -> float | None:
        """Mean cost of the last 50 clips; None before the first."""
        return sum(self._recent) / len(self._recent) if self._recent else None

    def observe(self, prediction: Prediction) -> float:
        """Take in what a clip cost; the cost in the budget's unit."""
        fair = self._fair_position()
        cost = self._costs.observe(prediction)
        self._curve.observe(prediction.confidences)
        self._spent += cost
        self._clips += 1
        self._recent.append(cost)
        asked = self.budget.value
        self._owed = _within(self._owed + cost - asked, -WINDOW_CLIPS * asked, WINDOW_CLIPS * asked)
        most = MAX_REPAID * asked
        target = asked - _within(self._owed / WINDOW_CLIPS, -most, most)
        self._move(self._fair_position() - fair, target - cost)
        return cost

    def _move(self, fairly: float, saved: float) -> None:
        """Follow the range to where the budget lies in it now, and pay back, or spend, what a clip saved."""
        width = self._costs.high - self._costs.low
        gain = _within(GAIN * width / self.budget.value, LEAST_GAIN, MAX_GAIN)
        moved = gain * saved / width if width > 0.0 else 0.0
        self._sum = _within(self._sum + fairly + moved, -gain, 1.0 + gain)

    def state(self) -> dict[str, Any]:
        """Return what to show: numbers in the budget's unit."""
        return {
            "asked": self.budget.value,
            "unit": self.budget.unit,
            "mean": self.mean,
            "running_mean": self.running_mean,
            "clips": self._clips,
            "thresholds": list(self.thresholds),
            "curve": self._curve.name,
            "position": self.position,
            "range": [self._costs.low, self._costs.high],
            **self._costs.about(),
        }

    def _guard(self) -> float | None:
        """Return the end of the curve that keeps the running mean within the tolerance, where the other does not.

        Before there are 50 clips, their sum may be as far from its budget as that of 50 clips later.
        """
        asked, whole = self.budget.value, len(self._recent) == WINDOW_CLIPS
        clips = WINDOW_CLIPS if whole else len(self._recent) + 1
        without_oldest = sum(self._recent) - (self._recent[0] if whole else 0.0)
        cheap, dear = (without_oldest + cost for cost in (self._costs.low, self._costs.high))
        least, most = ((clips + side * self._tolerance * WINDOW_CLIPS) * asked for side in (-1, 1))
        if cheap <= most < dear:
            return 0.0
        return 1.0 if cheap < least <= dear else None

    def _fair_position(self) -> float:
        """Where the budget lies between the glance and the full path at what they cost now."""
        low, high = self._costs.low, self._costs.high
        return _within((self.budget.value - low) / (high - low), 0.0, 1.0) if high > low else 1.0


def _within(value: float, lowest: float, highest: float) -> float:
    return min(max(value, lowest), highest)
