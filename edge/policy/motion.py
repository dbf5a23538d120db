"""The motion policy: the focus looks where pixels change most. Whole numbers only, so that every device decides alike.

The rule, for candidate frames of height H and width W, whose short side is m:

1. A cell is c x c pixels, c = max(1, m // 48); rows and columns that are left over at the bottom and at the right count
   for nothing. The level of a cell is 16 x the sum of its green values // c^2.
2. The change of a cell from one candidate to the next is the difference of its levels, at most 160, which is ten grey
   levels. Where more than half of the cells change by 160, the whole picture became another, by a cut or a
   flash, and no cell changes. This is change from the ``previous`` candidate.

   Change from the ``median`` is for videos in which something always moves. The usual level of a cell is the one at
   place N // 2 of its N levels in order. What a candidate is away from it counts, at most 160; from one candidate to
   the next, half the sum of both, rounded down. Of that, what is beyond its mean over the clip, rounded down, is the
   change. What comes, stays for a while and goes then counts all the time it stays; what always moves counts little.
3. The score of a square of k x k cells is the sum of its changes over all candidates, times its weight,
   2^20 - 2^18 * dy^2 // ry^2 - 2^18 * dx^2 // rx^2. Here ry is how many rows of cells the square has room for, and dy
   is how far it lies from the middle of that room, doubled, so 0 in the middle and ry at the border; likewise for
   columns. What moves at the border of a picture is rarely what it is about.
4. The square with the highest score is taken; of equal ones that with the highest weight, of those the topmost, of
   those the leftmost. Where nothing changes, that is the middle.
5. The changes that count for the box are those from the first frame that the focus looks at to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

CELLS = 48
# steps of a level, so that the mean of a cell keeps a part of what its pixels say
STEPS = 16
MAX_CHANGE = 10 * STEPS
GREEN = 1
# cells of frames of 360 rows and less; of larger frames the sums of all pixels take longer than those of cells
MAX_INTEGRAL_CELL = 7
# pixels of 255 whose sum does not fit into 16 bits
LONGEST_SUM = 258
ChangeFrom = Literal["previous", "median"]
FULL_WEIGHT, WEIGHT_LOST = 1 << 20, 1 << 18


def cell_size(height: int, width: int) -> int:
    """Return the side of a cell in pixels, for frames of this size."""
    return max(1, min(height, width) // CELLS)


def change_maps(frames: Sequence[NDArray[np.uint8]], change_from: ChangeFrom = "previous") -> NDArray[np.int32]:
    """Measure how much every cell changes from each candidate to the next.

    Args:
        frames: N frames ``(H, W, 3)`` uint8 of one size; whether RGB or BGR makes no difference.
        change_from: what a candidate is compared with; see the rule above.

    Returns:
        ``(N - 1, H // c, W // c)`` int32 in 0..160.
    """
    levels = np.stack([cell_levels(frame) for frame in frames])
    if change_from == "previous":
        changes = np.minimum(np.abs(np.diff(levels, axis=0)), MAX_CHANGE)
        most = np.count_nonzero(changes == MAX_CHANGE, axis=(1, 2))
        changes[2 * most > levels[0].size] = 0
        return changes
    usual = np.partition(levels, len(levels) // 2, axis=0)[len(levels) // 2]
    away = np.minimum(np.abs(levels - usual), MAX_CHANGE)
    between = (away[1:] + away[:-1]) // 2
    beyond = between - between.sum(0, dtype=np.int32) // max(1, len(between))
    return np.maximum(beyond, 0)


def cell_levels(frame: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Average the green values of every cell, in sixteenths of a grey level.

    Args:
        frame: ``(H, W, 3)`` uint8, RGB or BGR.

    Returns:
        ``(H // c, W // c)`` int32 in 0..4080.
    """
    cell = cell_size(*frame.shape[:2])
    rows, columns = frame.shape[0] // cell, frame.shape[1] // cell
    kept = frame[: rows * cell, : columns * cell]
    if cell <= MAX_INTEGRAL_CELL:
        # sums of all that lies above and to the left of the corners of cells
        corners = cv2.integral(cv2.extractChannel(kept, GREEN))[::cell, ::cell]
        bands = corners[1:] - corners[:-1]
        sums = bands[:, 1:] - bands[:, :-1]
    else:
        # rows first, because neighbours in memory are added at once
        tall = kept.reshape(rows, cell, -1).sum(1, dtype=np.uint16 if cell < LONGEST_SUM else np.uint32)
        sums = tall.reshape(rows, columns, cell, -1)[..., GREEN].sum(2, dtype=np.int32)
    levels: NDArray[np.int32] = STEPS * sums
    levels //= cell**2
    return levels


def motion_box(changes: NDArray[np.int32], side_cells: int) -> tuple[int, int]:
    """Find the square of cells in which most changes.

    Args:
        changes: ``(N - 1, h, w)`` of :func:`change_maps`; N may be 1.
        side_cells: side of the square in cells; a longer one than the frame's is cut to it.

    Returns:
        top and left in cells.
    """
    scores, weights = _scores(changes.sum(0, dtype=np.int64), side_cells)
    best = np.where(scores == scores.max(), weights, 0)
    top, left = np.unravel_index(int(best.argmax()), best.shape)
    return int(top), int(left)


def _scores(sums: NDArray[np.int64], side_cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the score and the weight of every square, by its corner, from summed changes ``(h, w)``."""
    height, width = sums.shape
    tall, wide = min(side_cells, height), min(side_cells, width)
    before = np.zeros((height + 1, width + 1), np.int64)
    before[1:, 1:] = sums.cumsum(0).cumsum(1)
    inside = before[tall:, wide:] - before[:-tall, wide:] - before[tall:, :-wide] + before[:-tall, :-wide]
    weights = FULL_WEIGHT - _lost(height - tall)[:, None] - _lost(width - wide)[None, :]
    return inside * weights, weights


def _lost(room: int) -> NDArray[np.int64]:
    """Return what a square loses of its weight at each of ``room + 1`` places along an axis."""
    doubled = 2 * np.arange(room + 1, dtype=np.int64) - room
    return WEIGHT_LOST * doubled**2 // max(1, room) ** 2


def densest_run(changes: NDArray[np.int32], count: int, side_cells: int) -> NDArray[np.int64]:
    """Choose the run of consecutive candidates that has the square with the highest score; see the rule above.

    Of equal runs the middlemost is taken, of two of them the earlier. What counts is one square and not the whole
    frame, because somebody who moves in a part of a picture is what the focus is for.

    Args:
        changes: ``(N - 1, h, w)`` of :func:`change_maps`.
        count: how many frames, at most N.
        side_cells: side of the square in cells.

    Returns:
        ``(count,)`` int64 in 0..N-1, increasing.
    """
    starts = len(changes) + 2 - count
    before = np.zeros((len(changes) + 1, *changes.shape[1:]), np.int64)
    before[1:] = changes.cumsum(0, dtype=np.int64)
    highest = np.array(
        [_scores(before[start + count - 1] - before[start], side_cells)[0].max() for start in range(starts)]
    )
    best = np.flatnonzero(highest == highest.max())
    start = best[np.abs(2 * best - (starts - 1)).argmin()]
    return start + np.arange(count, dtype=np.int64)
