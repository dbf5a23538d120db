"""Which candidate frames the focus looks at: by weights over time, evenly, or drawn."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adafocus.errors import AdafocusError

Frames = Literal["policy", "uniform", "random", "motion"]
Seed = int | Sequence[int]


def uniform_indices(total: int, count: int) -> NDArray[np.int64]:
    """Return the middle of each of ``count`` equal segments of a video of ``total`` frames, counted from 0.

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


def quantile_positions(weights: ArrayLike, count: int) -> list[float]:
    """Return positions in 0..1 at the ``count`` mid-stratum quantiles of a piecewise linear distribution over time.

    A handful of numbers: plain Python is several times faster on them than arrays.

    Args:
        weights: ``(T,)`` non-negative weights of T equal bins of time, summing to 1.
        count: how many positions.

    Returns:
        ``count`` numbers, not decreasing (Uni-AdaFocus, arXiv 2412.11228, dynamic frame sampling).
    """
    bins = np.asarray(weights, dtype=np.float64).tolist()
    cumulative = list(accumulate(bins))
    cumulative[-1] = 1.0
    positions = []
    for level in ((rank + 0.5) / count for rank in range(count)):
        found = min(bisect_left(cumulative, level), len(bins) - 1)
        lower = cumulative[found - 1] if found > 0 else 0.0
        width = max(cumulative[found] - lower, sys.float_info.min)
        positions.append((found + (level - lower) / width) / len(bins))
    return positions


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
    chosen: list[int] = []
    for position in quantile_positions(weights, count):
        index = math.floor(position * candidates)
        chosen.append(max(index, chosen[-1] + 1) if chosen else index)
    return np.array([min(index, candidates - count + rank) for rank, index in enumerate(chosen)], np.int64)


def choose_frames(frames: Frames, weights: ArrayLike, candidates: int, count: int, seed: Seed) -> NDArray[np.int64]:
    """Choose the focus frames as the policy says, or in another way for an ablation.

    Args:
        frames: ``policy``: by the weights. ``uniform``: spread evenly. ``random``: drawn.
        weights: ``(T,)``, summing to 1, over T equal bins of time.
        candidates: N.
        count: how many frames, at most N.
        seed: of drawn frames.

    Returns:
        ``(count,)`` int64 in 0..N-1, in order.

    Raises:
        AdafocusError: no such name.
    """
    check_name("frames", frames, get_args(Frames))
    if frames == "policy":
        return select_frames(weights, candidates, count)
    if frames == "uniform":
        return uniform_indices(candidates, count)
    return np.sort(np.random.default_rng(seed).choice(candidates, count, replace=False))


def check_name(what: str, name: str, known: tuple[str, ...]) -> None:
    """Refuse a name that is none of the known ones.

    Raises:
        AdafocusError: the sentence lists them.
    """
    if name not in known:
        raise AdafocusError(f"{what} is {name!r}, expected one of {', '.join(known)}.")
