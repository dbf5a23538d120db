"""Predictions over time: an exponential mean in seconds, and a label that must persist before it is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Persistence:
    """When a label is shown and dropped (hysteresis).

    Attributes:
        enter: a label is shown where its smoothed score reaches this ...
        leave: ... and dropped where it falls below this, which is lower, so that it does not flicker.
        windows: a label must lead this many predictions in a row before it is shown ...
        seconds: ... and they must span this long.
    """

    enter: float = 0.3
    leave: float = 0.15
    windows: int = 2
    seconds: float = 0.0


@dataclass(frozen=True)
class Smoothed:
    """The state after a prediction.

    Attributes:
        label: index of the label that is shown, None: no label.
        score: its smoothed score; without a label the best smoothed score.
        best: index of the best smoothed score.
        switched_from: the label that was shown before, where this prediction changed it.
        switched: whether this prediction changed the label.
        probabilities: ``(K,)`` smoothed.
    """

    label: int | None
    score: float
    best: int
    switched: bool
    switched_from: int | None
    probabilities: NDArray[np.float64]


class Smoother:
    """Exponential mean of probabilities with a time constant in seconds, and hysteresis on the label."""

    def __init__(self, time_constant_s: float, persistence: Persistence | None = None) -> None:
        """Start without a label.

        Args:
            time_constant_s: after this time an old prediction still counts 1/e; 0: no mean, every one counts alone.
                The mean depends on the moments of the predictions, not on their number.
            persistence: when a label is shown and dropped.
        """
        self.time_constant_s = time_constant_s
        self.persistence = persistence or Persistence()
        self.label: int | None = None
        self._mean: NDArray[np.float64] | None = None
        self._at_s = -math.inf
        self._candidate: int | None = None
        self._since_s = 0.0
        self._times = 0

    def update(self, probabilities: ArrayLike, at_s: float) -> Smoothed:
        """Take a prediction.

        Args:
            probabilities: ``(K,)``, summing to 1.
            at_s: when, on a clock that does not jump. Where it does go back, no time counts as passed.
        """
        newest = np.asarray(probabilities, dtype=np.float64).reshape(-1)
        if self._mean is None or self.time_constant_s <= 0:
            self._mean = newest.copy()
        else:
            passed_s = max(0.0, at_s - self._at_s)
            self._mean += -math.expm1(-passed_s / self.time_constant_s) * (newest - self._mean)
        self._at_s = max(self._at_s, at_s)
        before = self.label
        best = int(np.argmax(self._mean))
        self._decide(self._mean, best)
        score = float(self._mean[best if self.label is None else self.label])
        switched = self.label != before
        return Smoothed(self.label, score, best, switched, before if switched else None, self._mean.copy())

    def reset(self) -> int | None:
        """Go back to no label and no memory, as after an outage; return the label that was shown."""
        before, self.label = self.label, None
        self._mean, self._candidate = None, None
        return before

    def _decide(self, mean: NDArray[np.float64], best: int) -> None:
        rule = self.persistence
        if best == self.label or mean[best] < rule.enter:
            self._candidate = None
        elif best != self._candidate:
            self._candidate, self._since_s, self._times = best, self._at_s, 1
        else:
            self._times += 1
        if (
            self._candidate is not None
            and self._times >= rule.windows
            and self._at_s - self._since_s >= rule.seconds - 1e-9
        ):
            self.label, self._candidate = self._candidate, None
        elif self.label is not None and mean[self.label] < rule.leave:
            self.label = None
