"""Cutting a focus box out of a frame and resampling it to the patch size.

Output pixel i reads source position ``y0 + (i + 0.5) * height / P - 0.5`` bilinearly, without antialiasing; what lies
outside the frame counts as the mean colour (Uni-AdaFocus, arXiv 2412.11228: zeros after normalization).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from adafocus.edge.video.preprocess import resize_bilinear

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
