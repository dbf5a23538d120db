"""From decoded frames to what the graphs take: resizing, patches cut out of frames, one table look-up per pixel.

Pixel i of a patch reads source position ``y0 + (i + 0.5) * height / P - 0.5`` bilinearly, without antialiasing; what
lies outside the frame counts as the mean colour (Uni-AdaFocus, arXiv 2412.11228: zeros after normalization).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    down, right = ((1 + HAIR) * wanted / there for wanted, there in ((height, rows), (width, columns)))
    return cv2.resize(picture, None, dst=out, fx=right, fy=down, interpolation=cv2.INTER_LINEAR)


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


INTERPOLATION = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
# of a pixel: fractions of a frame are float32 numbers
WHOLE = 1e-3
# enlarged further, a resize is more than a level off its definition
MAX_ENLARGED = 2

Fill = tuple[int, int, int]


def whole_pixels(boxes: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Move the edges of boxes to the nearest pixel borders of a frame; a box inside the frame stays inside.

    Args:
        boxes: ``(n, 4)`` y, x, height, width as fractions of the frame.
        size: side of the frame in pixels.

    Returns:
        ``(n, 4)`` float32.
    """
    # a handful of numbers: plain Python is several times faster on them than arrays
    moved = []
    for y, x, height, width in boxes.tolist():
        top, left, bottom, right = (round(edge * size) for edge in (y, x, y + height, x + width))
        moved.append([edge / size for edge in (top, left, bottom - top, right - left)])
    return np.array(moved, np.float32)


@dataclass(frozen=True)
class Strip:
    """A part of a patch that is sampled: its place in the patch, and the map of its pixels into the frame."""

    rows: slice
    columns: slice
    size: tuple[int, int]
    transform: NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """How a box is cut out of frames of one size.

    Attributes:
        region: rows and columns of the frame that are resized to the whole patch; None: nothing is resized.
        strips: what is sampled afterwards.
    """

    region: tuple[slice, slice] | None
    strips: tuple[Strip, ...]


def crop_patch(
    frame: NDArray[np.uint8],
    box: ArrayLike,
    patch_size: int,
    fill: Fill,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Cut one box out of a frame. Boxes of whole pixels inside the frame take less time than others.

    Args:
        frame: ``(H, W, 3)`` uint8.
        box: y, x, height, width as fractions of the frame.
        patch_size: P, in pixels.
        fill: the mean colour, for what lies outside.
        out: ``(P, P, 3)`` uint8 to write into.

    Returns:
        ``(P, P, 3)`` uint8, at most one level from :func:`sample_patch`.
    """
    plan = _plan(tuple(np.asarray(box).tolist()), frame.shape[0], frame.shape[1], patch_size)
    patch = np.empty((patch_size, patch_size, 3), np.uint8) if out is None else out
    if plan.region is not None:
        resize_bilinear(frame[plan.region], patch_size, patch_size, patch)
    for strip in plan.strips:
        cv2.warpAffine(
            frame,
            strip.transform,
            strip.size,
            dst=patch[strip.rows, strip.columns],
            flags=INTERPOLATION,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=fill,
        )
    return patch


@lru_cache(maxsize=256)
def _plan(box: tuple[float, ...], rows: int, columns: int, patch_size: int) -> Plan:
    """Most clips have one box for all their frames, and often that of the clip before."""
    y, x, height, width = box
    place = y * rows, x * columns, height * rows, width * columns
    top, left, tall, wide = (round(value) for value in place)
    resizes = (
        all(abs(given - whole) < WHOLE for given, whole in zip(place, (top, left, tall, wide), strict=True))
        and min(top, left) >= 0
        and top + tall <= rows
        and left + wide <= columns
        and MAX_ENLARGED * min(tall, wide) >= patch_size
    )
    whole, first, last = slice(0, patch_size), slice(0, 1), slice(patch_size - 1, patch_size)
    ends = slice(0, patch_size, max(1, patch_size - 1))
    if not resizes:
        return Plan(None, (_strip(place, patch_size, whole, whole),))
    # a resize knows nothing beyond the box, where the outermost pixels read if the box is enlarged; the first and the
    # last row of the patch are sampled at once, as OpenCV takes rows at any distance, but not columns
    strips = [_strip(place, patch_size, ends, whole)] if tall < patch_size else []
    strips += [_strip(place, patch_size, whole, end) for end in (first, last) if wide < patch_size]
    return Plan((slice(top, top + tall), slice(left, left + wide)), tuple(strips))


def _strip(place: tuple[float, ...], patch_size: int, rows: slice, columns: slice) -> Strip:
    """Make the strip of a patch; ``place`` is its box in pixels."""
    top, left, tall, wide = place
    step_y, step_x = tall / patch_size, wide / patch_size
    transform = np.array(
        [
            [step_x, 0.0, left + (columns.start + 0.5) * step_x - 0.5],
            [0.0, (rows.step or 1) * step_y, top + (rows.start + 0.5) * step_y - 0.5],
        ]
    )
    width, height = (len(range(*axis.indices(patch_size))) for axis in (columns, rows))
    return Strip(rows, columns, (width, height), transform)


def sample_patch(frame: ArrayLike, box: ArrayLike, patch_size: int) -> NDArray[np.float64]:
    """Sample a patch in real numbers, written out: the definition that :func:`crop_patch` is tested against.

    Args:
        frame: ``(H, W, C)``, normalized; zeros lie outside.
        box: y, x, height, width as fractions of the frame.
        patch_size: P, in pixels.

    Returns:
        ``(P, P, C)`` float64.
    """
    image = np.asarray(frame, dtype=np.float64)
    y, x, height, width = (float(value) for value in np.asarray(box))
    steps = (np.arange(patch_size) + 0.5) / patch_size
    rows = _tap_matrix((y + steps * height) * image.shape[0] - 0.5, image.shape[0])
    columns = _tap_matrix((x + steps * width) * image.shape[1] - 0.5, image.shape[1])
    return np.einsum("ir,rcd,jc->ijd", rows, image, columns, optimize=True)


def _tap_matrix(positions: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """``(P, size)`` bilinear weights; taps outside are dropped."""
    lower = np.floor(positions).astype(int)
    matrix = np.zeros((len(positions), size))
    for offset, weight in ((0, 1.0 - (positions - lower)), (1, positions - lower)):
        inside = (lower + offset >= 0) & (lower + offset < size)
        matrix[np.flatnonzero(inside), lower[inside] + offset] += weight[inside]
    return matrix
