"""How good predictions are: accuracy, mean average precision, calibration, and intervals over whole groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.predictions.ground_truth import GroundTruth
from adafocus.edge.budget.costs import MACS_PER_GMAC

TOP_K = 5
BINS = 15
RESAMPLES = 2000
# of a figure that takes long to compute
FEW_RESAMPLES = 200
PERCENTILES = (2.5, 97.5)
DIGITS = 4


def top_k_correct(logits: NDArray[np.float32], truth: GroundTruth, k: int) -> NDArray[np.float64]:
    """Return whether one of a clip's classes is among the ``k`` classes with the largest logits.

    Where logits are equal, as those of int8 graphs often are, the first class is the better one, as on the device.

    Args:
        logits: ``(n, K)``.
        truth: of n clips.
        k: 1, 5, ...

    Returns:
        ``(n,)`` of 0.0 and 1.0.
    """
    best = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    return np.asarray(np.take_along_axis(truth.multi_hot, best, 1).any(1), np.float64)


def average_precision(
    scores: NDArray[np.float64], shown: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean of the precision at every clip of one class, in the order of scores.

    The same as scikit-learn's ``average_precision_score``, for many weightings at once.

    Args:
        scores: ``(n,)`` of the class; clips of equal scores stand together.
        shown: ``(n,)`` whether a clip shows the class.
        weights: ``(r, n)`` how often each clip counts.

    Returns:
        ``(r,)`` of 0..1; NaN where no clip of the class counts.
    """
    order = np.argsort(-scores, kind="stable")
    counted = weights[:, order]
    hits = counted * shown[order]
    ends = np.searchsorted(-scores[order], -scores[order], side="right") - 1
    with np.errstate(invalid="ignore"):
        precision = np.nan_to_num(hits.cumsum(1)[:, ends] / counted.cumsum(1)[:, ends])
        return (hits * precision).sum(1) / hits.sum(1)


def mean_average_precision(
    scores: NDArray[np.float64], truth: GroundTruth, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean over all classes that a clip which counts shows.

    Args:
        scores: ``(n, K)`` softmax scores.
        truth: of n clips.
        weights: ``(r, n)`` how often each clip counts.

    Returns:
        ``(r,)`` of 0..1.
    """
    found = [average_precision(scores[:, place], truth.multi_hot[:, place], weights) for place in truth.classes]
    return np.nanmean(found, axis=0)


@dataclass(frozen=True)
class Reliability:
    """Bins of confidence; those without a clip are left out.

    Attributes:
        confidence: mean of each bin.
        accuracy: share of right predictions in it.
        clips: how many it holds.
    """

    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    clips: tuple[int, ...]

    @property
    def error(self) -> float:
        """Expected calibration error: distance of accuracy from confidence, weighted by clips, 0..1."""
        gaps = np.abs(np.subtract(self.accuracy, self.confidence))
        return float(np.average(gaps, weights=self.clips))


def reliability(scores: NDArray[np.float64], correct: NDArray[np.float64], bins: int = BINS) -> Reliability:
    """Sort predictions into equally wide bins of their confidence.

    Args:
        scores: ``(n, K)`` probabilities.
        correct: ``(n,)`` whether the prediction is right.
        bins: how many, from 0 to 1; a value on an edge belongs to the bin below.
    """
    best = scores.max(1)
    places = np.clip(np.ceil(best * bins).astype(int) - 1, 0, bins - 1)
    members = [places == place for place in np.unique(places)]
    return Reliability(
        tuple(float(best[inside].mean()) for inside in members),
        tuple(float(correct[inside].mean()) for inside in members),
        tuple(int(inside.sum()) for inside in members),
    )


class GroupBootstrap:
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
        """Return the 95 % interval of the mean of ``(n,)`` values."""
        return self._percentiles(self.weights @ values / self.weights.sum(1))

    def interval_of(self, figure: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> tuple[float, float] | None:
        """Return the 95 % interval of any figure, on the first of the draws.

        Args:
            figure: makes ``(r,)`` figures of ``(r, n)`` weights.
        """
        return self._percentiles(figure(self.weights[:FEW_RESAMPLES]))

    def _percentiles(self, found: NDArray[np.float64]) -> tuple[float, float] | None:
        """Return the ends of the interval; None where there is a single group."""
        if self.groups == 1:
            return None
        # a draw may lack what a figure needs, such as clips of one side
        low, high = np.nanpercentile(found, PERCENTILES)
        return float(low), float(high)


def percent(share: float) -> float:
    """Turn a share into per cent with two decimals, and no minus before zero."""
    return round(100 * share, 2) + 0.0


def percents(found: tuple[float, float] | None) -> list[float] | None:
    """Turn an interval of shares into per cent."""
    return None if found is None else [percent(value) for value in found]


def in_gmac(macs: float) -> float:
    """Turn multiply-accumulates into GMAC."""
    return round(macs / MACS_PER_GMAC, DIGITS)


def difference(one: NDArray[np.float64], other: NDArray[np.float64], bootstrap: GroupBootstrap) -> dict[str, Any]:
    """Return the paired difference of two ``(n,)`` shares of right predictions in points, with its interval."""
    return {"points": percent(float((one - other).mean())), "interval": percents(bootstrap.interval(one - other))}


def count_ties(logits: NDArray[np.float32]) -> int:
    """Count the clips whose two best labels have equal logits ``(n, K)``, so that their order in the bundle decides."""
    if logits.shape[1] < 2:
        return 0
    best = np.partition(logits, logits.shape[1] - 2, axis=1)[:, -2:]
    return int((best[:, 0] == best[:, 1]).sum())
