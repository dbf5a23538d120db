"""Paths of thresholds, from 'always leave at the first exit' to 'never leave early', and what clips cost along them.

A path has one parameter, so a budget is a position on it. Costs are smoothed: of n clips the one with the i-th lowest
confidence lies, on average, above a share of ``i / (n + 1)`` of all clips there are, whatever their distribution. So
the cost that is realized on other clips is, on average, the one that was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

# common ratios of the shares that leave at one exit and at the next; beyond them nearly all clips leave at one end
RATIOS = np.geomspace(1e-3, 1e3, 61)


@dataclass(frozen=True)
class ThresholdPath:
    """Thresholds by position; none falls where the position rises.

    Attributes:
        positions: ``(steps,)`` rising from 0 to 1.
        thresholds: ``(steps, exits)`` of all exits but the last.
    """

    positions: Floats
    thresholds: Floats

    def at(self, position: float) -> Floats:
        """Interpolate the thresholds ``(exits,)`` at a position."""
        return np.array([np.interp(position, self.positions, column) for column in self.thresholds.T])

    def leaving_positions(self, confidence: Floats) -> Floats:
        """Return up to which position each clip has left by each exit, ``(n, exits)``.

        Args:
            confidence: ``(n, exits)`` of all exits but the last.
        """
        columns = zip(confidence.T, self.thresholds.T, strict=True)
        each = [np.interp(values, thresholds, self.positions) for values, thresholds in columns]
        return np.maximum.accumulate(np.stack(each, axis=1), axis=1)


Family: TypeAlias = Callable[[Floats, float, float], ThresholdPath]


def shared_path(confidence: Floats, low: float, high: float) -> ThresholdPath:
    """Make the path on which all exits have the same threshold.

    Args:
        confidence: ``(n, exits)`` of all exits but the last.
        low: every clip is above this.
        high: no clip is as high.
    """
    exits = confidence.shape[1]
    return ThresholdPath(np.array([0.0, 1.0]), np.array([[low] * exits, [high] * exits]))


def geometric_path(confidence: Floats, low: float, high: float) -> ThresholdPath:
    """Make the path whose thresholds let shares ``q ** k`` leave, as the official routine does; q is the parameter.

    Args:
        confidence: as of :func:`shared_path`.
        low: likewise.
        high: likewise.
    """
    rows = [_thresholds_of_ratio(confidence, low, high, q) for q in RATIOS]
    exits = confidence.shape[1]
    thresholds = np.maximum.accumulate(np.stack([np.full(exits, low), *rows, np.full(exits, high)]), axis=0)
    return ThresholdPath(np.linspace(0.0, 1.0, len(thresholds)), thresholds)


FAMILIES: dict[str, Family] = {"shared": shared_path, "geometric": geometric_path}


def _thresholds_of_ratio(confidence: Floats, low: float, high: float, q: float) -> Floats:
    """Find thresholds ``(exits,)`` at which the shares of clips that leave have the common ratio ``q``."""
    clips, exits = confidence.shape
    shares = q ** np.arange(exits + 1.0)
    remaining = np.ones(clips, bool)
    thresholds = np.full(exits, low)
    for place in range(exits):
        if remaining.any():
            staying = 1.0 - shares[place] / shares[place:].sum()
            values, below = smoothed_cdf(confidence[remaining, place], low, high)
            thresholds[place] = np.interp(staying, below, values)
        remaining &= confidence[:, place] < thresholds[place]
    return thresholds


def smoothed_cdf(values: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Estimate the share of all there is that lies below a value, from a sample: corners of a line without steps.

    Where many values are equal, as int8 logits are, a threshold can only have all of them on one side; at the value
    itself the line is half way, so that the nearer side is found.

    Args:
        values: ``(n,)``, all between ``low`` and ``high`` and none of them.
        low: nothing lies below it.
        high: nothing lies above it.

    Returns:
        values and shares, rising, of the same length.
    """
    found, counts = np.unique(values, return_counts=True)
    below = np.concatenate(([0], np.cumsum(counts)))
    at_values = (below[:-1] + below[1:] + 1) / 2
    between, at_between = (found[:-1] + found[1:]) / 2, below[1:-1] + 0.5
    places = np.concatenate(([low], found, between, [high]))
    shares = np.concatenate(([0.0], at_values, at_between, [len(values) + 1.0])) / (len(values) + 1)
    order = np.argsort(places, kind="stable")
    return places[order], np.maximum.accumulate(shares[order])


class CostCurve:
    """Mean cost of a clip by the position on a path, smoothed."""

    def __init__(self, leaving_positions: Floats, exit_costs: Floats) -> None:
        """Compute the curve.

        Args:
            leaving_positions: ``(n, exits)`` of :meth:`ThresholdPath.leaving_positions`.
            exit_costs: ``(exits + 1,)``, the last exit included.
        """
        shares = [smoothed_cdf(column, 0.0, 1.0) for column in leaving_positions.T]
        self.positions = np.unique(np.concatenate([places for places, _ in shares]))
        steps = zip(np.diff(exit_costs), shares, strict=True)
        self.costs = exit_costs[0] + sum(step * np.interp(self.positions, *corners) for step, corners in steps)

    def position(self, cost: float) -> float:
        """Find the position at which clips cost this on average."""
        return float(np.interp(cost, self.costs, self.positions))
