"""From decoded frames to what the graphs take: resizing, and one table look-up per pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

LEVELS = 256
# Of a factor. KleidiCV, to which OpenCV hands resizing on ARM, rounds otherwise than OpenCV where it shrinks, but
# declines a factor that is not that of the two sizes. Weights are 2048ths of a pixel, so a hair changes nothing else.
HAIR = 1e-7


def resize_bilinear(
    picture: NDArray[np.uint8], height: int, width: int, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Resize with half-pixel centres and without antialiasing; the same bytes on ARM and x86.

    Args:
        picture: ``(H, W)`` or ``(H, W, C)`` uint8.
        height: of the result, in pixels.
        width: likewise.
        out: what to write into.

    Returns:
        ``(height, width[, C])`` uint8, at most a level from the definition unless it is enlarged more than twice.
    """
    rows, columns = picture.shape[:2]
    down, right = (1 + HAIR) * height / rows, (1 + HAIR) * width / columns
    return cv2.resize(picture, None, out, right, down, cv2.INTER_LINEAR)


def fit_frame(
    frame: NDArray[np.uint8], frame_size: int, short_side: int, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Resize the short side to ``short_side`` and keep the centre square of ``frame_size``, in one step.

    The source region of the square is cut first and resized once: averaged where it shrinks, bilinear where it grows.

    Args:
        frame: ``(H, W)`` or ``(H, W, C)`` uint8.
        frame_size: side of the result in pixels.
        short_side: what the short side would have been resized to.
        out: what to write into.

    Returns:
        ``(frame_size, frame_size[, C])`` uint8.
    """
    height, width = frame.shape[:2]
    side = max(1, round(min(height, width) * frame_size / short_side))
    top, left = (height - side) // 2, (width - side) // 2
    region = frame[top : top + side, left : left + side]
    if side <= frame_size:
        return resize_bilinear(region, frame_size, frame_size, out)
    return cv2.resize(region, (frame_size, frame_size), dst=out, interpolation=cv2.INTER_AREA)


def resize_square(frame: NDArray[np.uint8], size: int, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Resize a square frame to ``size``: bilinear with half-pixel centres, no antialiasing, as the networks do.

    ``out`` is what to write into; without it a frame that has the size is given back as it is.
    """
    if frame.shape[0] == size and out is None:
        return frame
    return resize_bilinear(frame, size, size, out)


@dataclass(frozen=True)
class PixelTable:
    """What each of the 256 values of each colour channel becomes in a graph's own number type.

    Mean, standard deviation, scale and zero point are folded in, so no float image exists where the graph is int8.

    Attributes:
        table: ``(3, 256)`` in the graph's dtype.
    """

    table: NDArray[np.generic]

    @classmethod
    def build(
        cls,
        mean: Sequence[float],
        std: Sequence[float],
        dtype: str,
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> PixelTable:
        """Build the table for a graph input of the given type.

        Args:
            mean: three means of pixels in 0..1.
            std: three standard deviations.
            dtype: ``float32``, ``int8`` or ``uint8``.
            scale: of integer inputs.
            zero_point: of integer inputs.
        """
        pixels = np.arange(LEVELS) / (LEVELS - 1)
        real = (pixels[None, :] - np.asarray(mean)[:, None]) / np.asarray(std)[:, None]
        if scale is None or zero_point is None:
            return cls(real.astype(dtype))
        limits = np.iinfo(dtype)
        return cls(np.clip(np.round(real / scale) + zero_point, limits.min, limits.max).astype(dtype))

    @cached_property
    def _step_down(self) -> int | None:
        """By how much every value is lowered, if that and the limits of int8 are all that the table does."""
        limits = np.iinfo(np.int8)
        down = int(np.argmin(self.table[0] < 0))
        lowered = np.clip(np.arange(LEVELS) - down, limits.min, limits.max)
        return down if self.table.dtype == np.int8 and bool((self.table == lowered).all()) else None

    def apply(self, frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> NDArray[np.generic]:
        """Convert ``(T, S, S, 3)`` uint8 frames to ``(T, 3, S, S)`` in the graph's dtype."""
        stack = frames if isinstance(frames, np.ndarray) else np.stack(frames)
        count, height, width = stack.shape[:3]
        converted = np.empty((count, 3, height, width), self.table.dtype)
        if self.table.dtype.itemsize > 1:
            for frame, places in zip(stack, converted, strict=True):
                for plane, table, place in zip(cv2.split(frame), self.table, places, strict=True):
                    cv2.LUT(plane, table, place)
            return converted
        # OpenCV's tables take no int8; they only move bytes, so int8 passes as uint8
        planes, tables, down = converted.view(np.uint8), self.table.view(np.uint8), self._step_down
        for frame, places in zip(stack, planes, strict=True):
            cv2.split(frame, list(places))
            if down is None:
                for place, table in zip(places, tables, strict=True):
                    cv2.LUT(place, table, place)
        if down is not None:
            _lower(planes, down)
        return converted


def _lower(planes: NDArray[np.uint8], down: int) -> None:
    """Subtract in place, with the limits of int8; a table costs three times as much."""
    rows = planes.reshape(-1, planes.shape[-1])
    lowest, highest = down + np.iinfo(np.int8).min, down + np.iinfo(np.int8).max
    if lowest > 0:
        cv2.max(rows, float(lowest), dst=rows)
    if highest < LEVELS - 1:
        cv2.min(rows, float(highest), dst=rows)
    # wraps around, as the bits of int8 do
    np.subtract(planes, down, out=planes)


Fill = tuple[int, int, int]
