"""Averages areas of pixels, for what shrinks, by one rule in whole numbers that every device can follow.

A pixel of the result is the mean of the part of the region that it covers; what is covered in part counts by that part.
In whole numbers, for a region of H x W pixels and a result of P x Q:

1. Row r counts ``min((r + 1) * P, (i + 1) * H) - max(r * P, i * H)`` for row i of the result, and nothing where that is
   below 0; columns likewise.
2. With ``sum`` of values times the counts of their row and column, the result is ``(2 * sum + H * W) // (2 * H * W)``:
   the nearest level, halves upwards.

OpenCV computes the same means in float32, faster, but the last places are not the same on every processor. So a mean
of OpenCV's decides only where it is further from a half than it can be wrong; elsewhere the whole numbers do. Where
both sides are halved, it follows the rule as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

LEVELS = 256
# OpenCV leaves out what is covered less, as a share of a pixel
LEAST_SHARE = 1e-3
# of a float32 number, by rounding
ROUNDED = 2.0**-24
# values that are averaged in whole numbers at once, of each of which all covered pixels are laid out
AT_ONCE = 1 << 21


@dataclass(frozen=True)
class Counts:
    """How much the pixels along one axis of a region count.

    Attributes:
        pixels: ``(n, t)`` int64, which are covered, for each of n pixels of the result; some more, that count nothing.
        counts: ``(n, t)`` int64.
    """

    pixels: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, given: int, wanted: int) -> Counts:
        """Count along an axis of so many pixels, for a result of so many."""
        result = np.arange(wanted, dtype=np.int64)[:, None]
        pixels = result * given // wanted + np.arange(-(-given // wanted) + 1)
        counts = np.minimum((pixels + 1) * wanted, (result + 1) * given) - np.maximum(pixels * wanted, result * given)
        return cls(np.minimum(pixels, given - 1), np.maximum(counts, 0))


@dataclass(frozen=True)
class Plan:
    """How regions of one size are averaged.

    Attributes:
        lifted: what is added to a mean before it is cut to a whole level: a half, and where all means lie far apart so
            much more that no half is missed.
        margin: nearer than this to a half whole numbers decide; 0: nowhere.
        rows: counts of rows.
        columns: counts of columns.
    """

    lifted: np.float32
    margin: float
    rows: Counts
    columns: Counts


def average(
    region: NDArray[np.uint8], height: int, width: int, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Shrink a picture by averaging; the same bytes on every processor.

    Args:
        region: ``(H, W, 3)`` uint8.
        height: of the result, in pixels, at most H.
        width: likewise, at most W.
        out: ``(height, width, 3)`` uint8 to write into.

    Returns:
        ``(height, width, 3)`` uint8.
    """
    if region.shape[:2] == (2 * height, 2 * width):
        return cv2.resize(region, (width, height), dst=out, interpolation=cv2.INTER_AREA)
    plan = _plan(*region.shape[:2], height, width)
    means = cv2.resize(region.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    means += plan.lifted
    picture = np.empty(means.shape, np.uint8) if out is None else out
    # cuts off what is behind the point
    picture[:] = means
    if plan.margin > 0:
        away = np.rint(means)
        away -= means
        near = np.nonzero(np.abs(away, out=away) < plan.margin)
        if len(near[0]):
            picture[near] = average_exactly(region, plan.rows, plan.columns, *near)
    return picture


@lru_cache(maxsize=64)
def _plan(rows: int, columns: int, height: int, width: int) -> Plan:
    """Plan how a region of ``rows`` x ``columns`` is shrunk to ``height`` x ``width``."""
    down, across = Counts.of(rows, height), Counts.of(columns, width)
    shares = math.gcd(rows, height) / height, math.gcd(columns, width) / width
    # a rounding for each addition, each weight and each product, twice as many to be safe
    wrong = 2 * LEVELS * ROUNDED * (down.pixels.shape[1] + across.pixels.shape[1] + 8)
    apart = shares[0] * shares[1] * height * width / (rows * columns)
    if min(shares) <= LEAST_SHARE:
        return Plan(np.float32(0.5), 1.0, down, across)
    if apart > 4 * wrong:
        return Plan(np.float32(0.5 + apart / 4), 0.0, down, across)
    return Plan(np.float32(0.5), wrong, down, across)


def average_exactly(
    region: NDArray[np.uint8],
    rows: Counts,
    columns: Counts,
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    channel: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Average values of a result by the rule above as it stands there.

    Args:
        region: ``(H, W, 3)`` uint8.
        rows: counts along its height.
        columns: counts along its width.
        row: ``(n,)``, of each value in the result.
        column: likewise.
        channel: likewise.

    Returns:
        ``(n,)`` uint8.
    """
    whole = region.shape[0] * region.shape[1]
    values = np.empty(len(row), np.uint8)
    step = max(1, AT_ONCE // (rows.pixels.shape[1] * columns.pixels.shape[1]))
    for begin in range(0, len(row), step):
        part = slice(begin, begin + step)
        y, x, z = row[part], column[part], channel[part]
        covered = region[rows.pixels[y][:, :, None], columns.pixels[x][:, None, :], z[:, None, None]]
        across = (covered * columns.counts[x][:, None, :]).sum(2)
        values[part] = (2 * (across * rows.counts[y]).sum(1) + whole) // (2 * whole)
    return values
