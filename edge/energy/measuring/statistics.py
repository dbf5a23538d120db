"""Figures of windows and their 95 % intervals: medians, and the bootstrap over rounds.

Heat and meters drift. The order of workloads turns around from round to round, so that a steady drift meets all of
them alike, and can be told from them: what all of them share is taken off, and figures are those of the middle of the
measurement. What is resampled are rounds: two workloads are compared within each.

The interval is the percentile interval of the bootstrap, widened for few rounds as T. Hesterberg describes it ("What
Teachers Should Know About the Bootstrap", The American Statistician 69, 2015, 5.3): percentiles are taken as far out as
Student's t with n - 1 degrees of freedom and the factor sqrt(n / (n - 1)) say. For six rounds that is the span from the
smallest to the largest, which holds the true median in 97 of 100 cases whatever the distribution; for five in 94.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.energy.report import Interval

Values = NDArray[np.float64]

LEVEL = 0.95
DRAWS = 10_000
# below it a share of right labels is too uncertain to divide by
MIN_RIGHT = 5


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are drawn.

    Attributes:
        seed: the same seed gives the same intervals.
        draws: how often rounds are resampled.
    """

    seed: int = 0
    draws: int = DRAWS

    def interval(self, values: Values) -> Interval:
        """Return the median of ``(n,)`` values and its interval; no bounds for a single value."""
        medians = self._medians(values)
        return _interval(float(np.median(values)), medians, len(values))

    def ratio(self, values: Values, right: Values) -> Interval:
        """Return the median of ``(n,)`` values over the share of right labels, by resampling both.

        Args:
            values: joules of a clip in each round.
            right: ``(m,)`` 0 or 1 for each labeled clip.
        """
        medians, shares = self._medians(values), self._means(right)
        quotients = medians / np.maximum(shares, 1 / len(right))
        return _interval(float(np.median(values)) / float(right.mean()), quotients, len(values))

    def share(self, right: Values) -> Interval:
        """Return the share of right labels and its interval over clips, ``(m,)`` 0 or 1 each."""
        return _interval(float(right.mean()), self._means(right), len(right))

    def _medians(self, values: Values) -> Values:
        """Return ``(draws,)`` medians of resampled values."""
        return np.asarray(np.median(self._resampled(values, "rounds"), axis=1))

    def _means(self, right: Values) -> Values:
        """Return ``(draws,)`` shares of resampled clips; of 0 and 1 that is a binomial draw."""
        random = np.random.default_rng([self.seed, len(right), 1])
        return random.binomial(len(right), right.mean(), self.draws) / len(right)

    def _resampled(self, values: Values, what: str) -> Values:
        """Return ``(draws, n)`` values, drawn with replacement; the same rounds for all workloads of a report."""
        random = np.random.default_rng([self.seed, len(values), 0])
        return values[random.integers(0, len(values), (self.draws, len(values)))]


def _interval(found: float, drawn: Values, count: int) -> Interval:
    """Return a figure with the percentiles of what was drawn; they always hold the figure itself."""
    if count < 2:
        return Interval(median=found)
    tail = tail_of(count)
    low, high = np.quantile(drawn, [tail, 1 - tail], method="closest_observation")
    return Interval(median=found, low=min(float(low), found), high=max(float(high), found))


def common_drift(watts: Sequence[Values], moments: Sequence[Values]) -> tuple[float, float]:
    """Return by which share of itself the power of all workloads rises in a second, and the moment of the middle.

    It is the slope of the least squares through all windows, each divided by the mean of its workload.

    Args:
        watts: of the windows of each workload, ``(n,)`` each, none of which is missing.
        moments: when, in seconds.
    """
    known = [(power, when) for power, when in zip(watts, moments, strict=True) if len(power) > 1 and power.mean() > 0]
    if not known:
        return 0.0, 0.0
    times = np.concatenate([when - when.mean() for _, when in known])
    changes = np.concatenate([power / power.mean() - 1 for power, _ in known])
    spread = float(times @ times)
    slope = float(times @ changes) / spread if spread > 0 else 0.0
    return slope, float(np.mean([when.mean() for _, when in known]))


def tail_of(count: int) -> float:
    """Return the share of draws on each side of a widened percentile interval of ``count`` values."""
    normal = NormalDist()
    tail = (1 - LEVEL) / 2
    reach = math.sqrt(count / (count - 1)) * student_quantile(1 - tail, count - 1)
    return normal.cdf(-reach)


def student_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t for ``freedom`` degrees of freedom.

    One and two degrees have formulas; from three on it is the expansion of Cornish and Fisher (Abramowitz and Stegun,
    Handbook of Mathematical Functions, 26.7.5), whose error is below 1 % at the level that is used here.
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        spread = 4 * probability * (1 - probability)
        return 2 * (probability - 0.5) * math.sqrt(2 / spread)
    z = NormalDist().inv_cdf(probability)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))
