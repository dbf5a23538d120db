"""What the glance sees of a frame that is kept as it was decoded, and how such frames are kept within bounds."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.geometry import MAX_WAITING_BYTES
from adafocus.edge.video.averaging import average
from adafocus.edge.video.pixels import CHANNELS
from adafocus.edge.video.preprocess import Fill, resize_bilinear

Fit = Literal["square", "squeezed", "padded"]


def fit_glance(
    frame: NDArray[np.uint8],
    fit: Fit,
    size: int,
    share: float,
    fill: Fill,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Make a glance frame of a decoded one, in one step: averaged where it shrinks, bilinear where it grows.

    Args:
        frame: ``(H, W, 3)`` uint8.
        fit: ``square``: the centre square, whose side is ``share`` of the short side. ``squeezed``: the whole frame,
            its aspect lost. ``padded``: the whole frame with its aspect, in the middle of the square.
        size: side of the result in pixels.
        share: of the short side, above 0 and at most 1.
        fill: colour of what ``padded`` leaves free, in the order of the frame's channels.
        out: ``(S, S, 3)`` uint8 to write into.

    Returns:
        ``(S, S, 3)`` uint8, channels in the order of the frame's.
    """
    height, width = frame.shape[:2]
    picture = np.empty((size, size, CHANNELS), np.uint8) if out is None else out
    if fit == "square":
        side = max(1, round(min(height, width) * share))
        top, left = (height - side) // 2, (width - side) // 2
        _resize(frame[top : top + side, left : left + side], picture)
    elif fit == "squeezed":
        _resize(frame, picture)
    else:
        tall, wide = (max(1, round(side * size / max(height, width))) for side in (height, width))
        top, left = (size - tall) // 2, (size - wide) // 2
        picture[:] = fill
        _resize(frame, picture[top : top + tall, left : left + wide])
    return picture


def _resize(region: NDArray[np.uint8], picture: NDArray[np.uint8]) -> None:
    """Resize into a part of a picture; area-averaged where both sides shrink or stay."""
    height, width = picture.shape[:2]
    if region.shape[0] >= height and region.shape[1] >= width:
        average(region, height, width, picture)
    else:
        resize_bilinear(region, height, width, picture)


def shrink_factor(height: int, width: int, frames: int) -> int:
    """Return by which whole factor frames are shrunk when they are kept, so that all together stay within 64 MiB.

    Args:
        height: of a frame in pixels.
        width: likewise.
        frames: how many are kept.
    """
    factor = 1
    while frames * CHANNELS * (height // factor) * (width // factor) > MAX_WAITING_BYTES:
        factor += 1
    return factor


def shrink(frame: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Average squares of ``factor`` x ``factor`` pixels; what is left over at the right and at the bottom is dropped.

    A side that is shorter than the factor is not shrunk to nothing: it becomes one pixel.

    Args:
        frame: ``(H, W, 3)`` uint8.
        factor: at least 1.

    Returns:
        ``(max(1, H // factor), max(1, W // factor), 3)`` uint8; the frame itself where the factor is 1.
    """
    if factor == 1:
        return frame
    height, width = (max(1, side // factor) for side in frame.shape[:2])
    kept = frame[: height * factor, : width * factor]
    return cv2.resize(kept, (width, height), interpolation=cv2.INTER_AREA)
