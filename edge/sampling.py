"""Which frames are looked at: uniform grids, and the choice of the temporal policy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def uniform_indices(total: int, count: int) -> NDArray[np.int64]:
    """Middle of each of ``count`` equal segments of a video of ``total`` frames, counted from 0.

    The rule is ``floor((i + 0.5) / count * total)`` (evaluation sampling of the official Uni-AdaFocus code). A video
    shorter than ``count`` yields repeated frames.

    Returns:
        ``(count,)`` int64, not decreasing.

    Raises:
        ValueError: ``total`` or ``count`` is below 1.
    """
    if total < 1 or count < 1:
        raise ValueError(f"cannot choose {count} of {total} frames; both numbers must be at least 1.")
    return (2 * np.arange(count, dtype=np.int64) + 1) * total // (2 * count)


def quantile_positions(weights: ArrayLike, count: int) -> NDArray[np.float64]:
    """Positions in 0..1 at the ``count`` mid-stratum quantiles of a piecewise linear distribution over time.

    Args:
        weights: ``(T,)`` non-negative weights of T equal bins of time, summing to 1.
        count: how many positions.

    Returns:
        ``(count,)`` float64, not decreasing (Uni-AdaFocus, arXiv 2412.11228, dynamic frame sampling).
    """
    bins = np.asarray(weights, dtype=np.float64)
    cumulative = np.cumsum(bins)
    cumulative[-1] = 1.0
    levels = (np.arange(count) + 0.5) / count
    found = np.minimum(np.searchsorted(cumulative, levels), len(bins) - 1)
    lower = np.where(found > 0, cumulative[found - 1], 0.0)
    width = np.maximum(cumulative[found] - lower, np.finfo(np.float64).tiny)
    return (found + (levels - lower) / width) / len(bins)


def select_frames(weights: ArrayLike, candidates: int, count: int) -> NDArray[np.int64]:
    """Choose ``count`` of ``candidates`` frames at the quantiles of the frame weights.

    Repeats move on to the next free frame, and the last frames move back to leave room, so the result is strictly
    increasing (Uni-AdaFocus, arXiv 2412.11228; index for index that of the official code).

    Args:
        weights: ``(T,)``, summing to 1, over T equal bins of time.
        candidates: N.
        count: how many frames, at most N.

    Returns:
        ``(count,)`` int64 in 0..N-1, strictly increasing.

    Raises:
        ValueError: more frames are asked for than there are.
    """
    if count > candidates:
        raise ValueError(f"cannot choose {count} different frames of {candidates} candidates.")
    ranks = np.arange(count, dtype=np.int64)
    indices = np.floor(quantile_positions(weights, count) * candidates).astype(np.int64)
    spread = np.maximum.accumulate(indices - ranks) + ranks
    return np.minimum(spread, candidates - count + ranks)
