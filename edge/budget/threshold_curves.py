"""From a position between 'always stop after the glance' (0) and 'never stop early' (1) to the exits' thresholds."""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adafocus.edge.bundle.manifest import ExitBudget, Exits
from adafocus.edge.exits import ALWAYS, NEVER, Criterion
from adafocus.errors import BundleError

# clips whose glance tells how confident glances are here
REMEMBERED = 50
# no confidence reaches it, as none is above the criterion's largest value
ABOVE = 1e-9


class Curve(Protocol):
    """Thresholds by position; none falls where the position rises.

    Attributes:
        name: where it comes from, for the output.
    """

    name: str

    def thresholds(self, position: float) -> tuple[float, ...]:
        """One threshold per exit but the last, for a position in 0..1."""
        ...

    def observe(self, confidences: tuple[float, ...]) -> None:
        """Take in the confidences of the exits of a clip, the glance first."""
        ...


class CalibratedCurve:
    """Thresholds of the bundle's table, straight lines between its rows and on to the criterion's bounds."""

    name = "calibrated in the bundle"

    def __init__(self, positions: ArrayLike, rows: ArrayLike, criterion: Criterion, classes: int) -> None:
        order = np.argsort(positions, kind="stable")
        table = np.maximum.accumulate(np.asarray(rows, np.float64)[order], axis=0)
        lowest, highest = bounds(criterion, classes, table[(table > ALWAYS) & (table < NEVER)])
        inside = np.clip(np.asarray(positions, np.float64)[order], 0.0, 1.0)
        ends = np.full((1, table.shape[1]), lowest), np.full((1, table.shape[1]), highest)
        self._positions = np.concatenate(([0.0], inside, [1.0]))
        self._table = np.clip(np.concatenate((ends[0], table, ends[1])), lowest, highest)

    def thresholds(self, position: float) -> tuple[float, ...]:
        """One threshold per exit but the last."""
        columns = self._table.T
        outside = _outside(position, len(columns))
        return outside or tuple(float(np.interp(position, self._positions, column)) for column in columns)

    def observe(self, confidences: tuple[float, ...]) -> None:
        """Do nothing: the table stays what it is."""


class LearnedCurve:
    """One threshold for all exits: the quantile of the confidence of the glance for the clips seen here lately.

    The position is the share of clips that go on after the glance. The first clip goes all the way.
    """

    name = "learned here"

    def __init__(self, exits: int, criterion: Criterion, classes: int) -> None:
        self._exits, self._criterion, self._classes = exits, criterion, classes
        self._seen: deque[float] = deque(maxlen=REMEMBERED)

    def thresholds(self, position: float) -> tuple[float, ...]:
        """One threshold per exit but the last."""
        outside = _outside(position if self._seen else math.ceil(position), self._exits)
        if outside:
            return outside
        seen = np.sort(np.asarray(self._seen))
        lowest, highest = bounds(self._criterion, self._classes, seen)
        places = np.concatenate(([0.0], (np.arange(len(seen)) + 0.5) / len(seen), [1.0]))
        return (float(np.interp(position, places, [lowest, *seen, highest])),) * self._exits

    def observe(self, confidences: tuple[float, ...]) -> None:
        """Remember the confidence of the glance."""
        self._seen.append(confidences[0])


def curve_of(
    exits: Exits, count: int, classes: int, unit: str, ranges: dict[str, tuple[float, float]]
) -> CalibratedCurve | LearnedCurve:
    """Return the bundle's table, or a curve that is learned from the clips where it has none.

    Args:
        exits: of the manifest.
        count: exits but the last.
        classes: labels.
        unit: of the budget.
        ranges: unit -> cost after the glance and of the full path. Rows in GMAC hold on every machine, so they are
            preferred; rows in the budget's own unit are the next choice.

    Raises:
        BundleError: a row has another number of thresholds than there are exits.
    """
    for choice in dict.fromkeys(("GMAC", unit)):
        rows = [row for row in exits.budgets if row.unit == choice]
        if rows:
            low, high = ranges[choice]
            positions = [(row.budget - low) / max(high - low, np.finfo(float).tiny) for row in rows]
            return CalibratedCurve(positions, [_checked(row, count) for row in rows], exits.criterion, classes)
    return LearnedCurve(count, exits.criterion, classes)


def bounds(criterion: Criterion, classes: int, known: NDArray[np.float64]) -> tuple[float, float]:
    """Confidence that every clip reaches, and one that none does; for raw logits as far out as ``known`` is wide."""
    if criterion == "softmax":
        return 0.0, 1.0 + ABOVE
    if criterion == "entropy":
        return -math.log(classes) - ABOVE, ABOVE
    if not len(known):
        return ALWAYS, NEVER
    wide = max(1.0, float(known.max() - known.min()))
    return float(known.min()) - wide, float(known.max()) + wide


def _outside(position: float, count: int) -> tuple[float, ...] | None:
    if position <= 0.0:
        return (ALWAYS,) * count
    return (NEVER,) * count if position >= 1.0 else None


def _checked(row: ExitBudget, count: int) -> tuple[float, ...]:
    if len(row.thresholds) != count:
        raise BundleError(
            f"the budget of {row.budget:g} {row.unit} in the manifest has {len(row.thresholds)} thresholds, expected "
            f"{count}, one for each exit but the last. Calibrate the bundle again."
        )
    return row.thresholds
