"""The motion policy: the focus looks where pixels change most. Whole numbers only, so that every device decides alike.

The rule, for candidate frames of height H and width W, whose short side is m:

1. A cell is c x c pixels, c = max(1, m // 48); rows and columns that are left over at the bottom and at the right count
   for nothing. The level of a cell is 16 x the sum of its green values // c^2.
2. The change of a cell from one candidate to the next is the difference of its levels, at most 160, which is ten grey
   levels: a cut or a flash then counts no more than a hand that moves.
3. The score of a square of k x k cells is the sum of its changes over all candidates, times its weight,
   2^20 - 2^18 * dy^2 // ry^2 - 2^18 * dx^2 // rx^2. Here ry is how many rows of cells the square has room for, and dy
   is how far it lies from the middle of that room, doubled, so 0 in the middle and ry at the border; likewise for
   columns. What moves at the border of a picture is rarely what it is about.
4. The square with the highest score is taken; of equal ones that with the highest weight, of those the topmost, of
   those the leftmost. Where nothing changes, that is the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.policy.frames import uniform_indices

Span = Literal["spread", "densest"]

CELLS = 48
# steps of a level, so that the mean of a cell keeps a part of what its pixels say
STEPS = 16
MAX_CHANGE = 10 * STEPS
GREEN = 1
FULL_WEIGHT, WEIGHT_LOST = 1 << 20, 1 << 18
# pixels of 255 whose sum does not fit into 16 bits
LONGEST_SUM = 258


def cell_size(height: int, width: int) -> int:
    """Return the side of a cell in pixels, for frames of this size."""
    return max(1, min(height, width) // CELLS)


def change_maps(frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.int32]:
    """Measure how much every cell changes from each candidate to the next.

    Args:
        frames: N frames ``(H, W, 3)`` uint8 of one size; whether RGB or BGR makes no difference.

    Returns:
        ``(N - 1, H // c, W // c)`` int32 in 0..160.
    """
    levels = np.stack([_levels(frame) for frame in frames])
    return np.minimum(np.abs(np.diff(levels, axis=0)), MAX_CHANGE)


def _levels(frame: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Average the green values of every cell, in sixteenths of a grey level."""
    cell = cell_size(*frame.shape[:2])
    rows, columns = frame.shape[0] // cell, frame.shape[1] // cell
    kept = frame[: rows * cell, : columns * cell]
    # rows first, because neighbours in memory are added at once
    tall = kept.reshape(rows, cell, -1).sum(1, dtype=np.uint16 if cell < LONGEST_SUM else np.uint32)
    sums = tall.reshape(rows, columns, cell, -1)[..., GREEN].sum(2, dtype=np.int32)
    return STEPS * sums // cell**2


def motion_box(changes: NDArray[np.int32], side_cells: int) -> tuple[int, int]:
    """Find the square of cells in which most changes.

    Args:
        changes: ``(N - 1, h, w)`` of :func:`change_maps`; N may be 1.
        side_cells: side of the square in cells; a longer one than the frame's is cut to it.

    Returns:
        top and left in cells.
    """
    height, width = changes.shape[1:]
    tall, wide = min(side_cells, height), min(side_cells, width)
    sums = np.zeros((height + 1, width + 1), np.int64)
    sums[1:, 1:] = changes.sum(0, dtype=np.int64).cumsum(0).cumsum(1)
    inside = sums[tall:, wide:] - sums[:-tall, wide:] - sums[tall:, :-wide] + sums[:-tall, :-wide]
    weights = FULL_WEIGHT - _lost(height - tall)[:, None] - _lost(width - wide)[None, :]
    scores = inside * weights
    best = np.where(scores == scores.max(), weights, 0)
    top, left = np.unravel_index(int(best.argmax()), best.shape)
    return int(top), int(left)


def _lost(room: int) -> NDArray[np.int64]:
    """Return what a square loses of its weight at each of ``room + 1`` places along an axis."""
    doubled = 2 * np.arange(room + 1, dtype=np.int64) - room
    return WEIGHT_LOST * doubled**2 // max(1, room) ** 2


def motion_frames(changes: NDArray[np.int32], count: int, span: Span) -> NDArray[np.int64]:
    """Choose the focus frames among the candidates.

    Args:
        changes: ``(N - 1, h, w)`` of :func:`change_maps`.
        count: how many frames, at most N.
        span: ``spread``: evenly over the clip. ``densest``: the run of consecutive candidates in which most changes,
            the middlemost of equal ones, of two of them the earlier.

    Returns:
        ``(count,)`` int64 in 0..N-1, increasing.
    """
    total = len(changes) + 1
    if span == "spread":
        return uniform_indices(total, count)
    before = np.concatenate(([0], changes.sum((1, 2), dtype=np.int64).cumsum()))
    starts = np.arange(total - count + 1)
    moved = before[starts + count - 1] - before[starts]
    best = starts[moved == moved.max()]
    start = best[np.abs(2 * best - (total - count)).argmin()]
    return start + np.arange(count, dtype=np.int64)
