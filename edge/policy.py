"""The policy on the device: which frames are looked at, and which box of each."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Frames = Literal["policy", "uniform", "random"]
Seed = int | Sequence[int]


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


def quantile_positions(weights: ArrayLike, count: int) -> list[float]:
    """Positions in 0..1 at the ``count`` mid-stratum quantiles of a piecewise linear distribution over time.

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


def _by_weight(weights: ArrayLike, candidates: int, count: int, seed: Seed) -> NDArray[np.int64]:
    return select_frames(weights, candidates, count)


def _evenly(weights: ArrayLike, candidates: int, count: int, seed: Seed) -> NDArray[np.int64]:
    return uniform_indices(candidates, count)


def _at_random(weights: ArrayLike, candidates: int, count: int, seed: Seed) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).choice(candidates, count, replace=False))


# frame weights, candidates, count and seed -> ``(count,)`` different candidates in order; for measuring what the policy
# is worth, frames may also be spread evenly or drawn
CHOICES: dict[Frames, Callable[[ArrayLike, int, int, Seed], NDArray[np.int64]]] = {
    "policy": _by_weight,
    "uniform": _evenly,
    "random": _at_random,
}


Boxes = Literal["policy", "centre", "random", "full"]
Shape = Literal["deformable", "fixed"]

CENTRE = 0.5


def decode_boxes(raw: ArrayLike, min_side: float, max_side: float = 1.0) -> NDArray[np.float64]:
    """Turn raw policy outputs into boxes that lie inside the frame.

    Args:
        raw: ``(..., 4)`` in 0..1 as top position, left position, height, width; positions are relative to the room
            that the sides leave (bounded deformable box of Uni-AdaFocus, arXiv 2412.11228).
        min_side: smallest side as a fraction of the frame, e.g. 96/224.
        max_side: largest side.

    Returns:
        ``(..., 4)`` float64: y, x, height, width as fractions of the frame.
    """
    values = np.asarray(raw, dtype=np.float64)
    sides = min_side + (max_side - min_side) * values[..., 2:]
    return np.concatenate((values[..., :2] * (1.0 - sides), sides), axis=-1)


def centred_box(height: float, width: float) -> NDArray[np.float64]:
    """A ``(4,)`` box of the given sides in the middle of the frame."""
    return np.array([CENTRE * (1.0 - height), CENTRE * (1.0 - width), height, width])


def _as_given(boxes: NDArray[np.float32], seed: Seed) -> NDArray[np.float32]:
    return boxes


def _centred(boxes: NDArray[np.float32], seed: Seed) -> NDArray[np.float32]:
    return np.stack([centred_box(float(box[2]), float(box[3])) for box in boxes]).astype(np.float32)


def _anywhere(boxes: NDArray[np.float32], seed: Seed) -> NDArray[np.float32]:
    sides = boxes[:, 2:]
    corners = np.random.default_rng(seed).uniform(size=sides.shape) * (1.0 - sides)
    return np.concatenate((corners, sides), axis=1).astype(np.float32)


def _whole_frame(boxes: NDArray[np.float32], seed: Seed) -> NDArray[np.float32]:
    return np.tile(np.array([0.0, 0.0, 1.0, 1.0], np.float32), (len(boxes), 1))


PLACES: dict[Boxes, Callable[[NDArray[np.float32], Seed], NDArray[np.float32]]] = {
    "policy": _as_given,
    "centre": _centred,
    "random": _anywhere,
    "full": _whole_frame,
}


def _deformable(boxes: NDArray[np.float32], side: float) -> NDArray[np.float32]:
    return boxes


def _fixed(boxes: NDArray[np.float32], side: float) -> NDArray[np.float32]:
    corners = np.clip(boxes[:, :2] + 0.5 * (boxes[:, 2:] - side), 0.0, 1.0 - side)
    return np.concatenate((corners, np.full_like(corners, side)), axis=1)


SHAPES: dict[Shape, Callable[[NDArray[np.float32], float], NDArray[np.float32]]] = {
    "deformable": _deformable,
    "fixed": _fixed,
}


def place_boxes(given: NDArray[np.float32], boxes: Boxes, shape: Shape, side: float, seed: Seed) -> NDArray[np.float32]:
    """The policy's boxes, or others in their stead, so that what the policy is worth can be measured.

    Args:
        given: ``(n, 4)`` y, x, height, width as fractions of the frame; one for the clip, or one for every frame.
        boxes: ``policy``: where it says. ``centre``: of the same size in the middle of the frame. ``random``: of the
            same size anywhere, each for itself. ``full``: the whole frame.
        shape: ``deformable``: as the policy says. ``fixed``: squares around the policy's centres, moved into the frame.
        side: of those squares; the patch's own size, as random crops have it in training (method.md 5.4).
        seed: of random places.

    Returns:
        ``(n, 4)``.

    Raises:
        KeyError: no such name.
    """
    return PLACES[boxes](SHAPES[shape](given, side), seed)
