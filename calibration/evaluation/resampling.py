"""How far a figure may be trusted: intervals from resampling whole groups of clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
# of a figure that takes long to compute
FEW_RESAMPLES = 200
PERCENTILES = (2.5, 97.5)


class Resamples:
    """Bootstrap over groups: clips of one source video are alike, so they are drawn together.

    Every figure of one evaluation is computed on the same draws, so that differences are paired.

    Attributes:
        groups: how many there are. Of a single one nothing can be told, so there are no intervals.
        weights: ``(resamples, n)`` how often a clip is drawn.
    """

    def __init__(self, groups: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> None:
        names, member_of = np.unique(np.asarray(groups), return_inverse=True)
        self.groups = len(names)
        rng = np.random.default_rng(seed)
        draws = rng.multinomial(self.groups, np.full(self.groups, 1 / self.groups), size=resamples)
        self.weights = draws[:, member_of].astype(np.float64)

    def interval(self, values: NDArray[np.float64]) -> tuple[float, float] | None:
        """95 % interval of the mean of ``(n,)`` values."""
        return self._percentiles(self.weights @ values / self.weights.sum(1))

    def interval_of(self, figure: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> tuple[float, float] | None:
        """95 % interval of any figure, which makes ``(r,)`` of ``(r, n)`` weights, on the first of the draws."""
        return self._percentiles(figure(self.weights[:FEW_RESAMPLES]))

    def _percentiles(self, found: NDArray[np.float64]) -> tuple[float, float] | None:
        if self.groups == 1:
            return None
        low, high = np.percentile(found, PERCENTILES)
        return float(low), float(high)
