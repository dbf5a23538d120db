"""Patches cut out of frames, by one rule in whole numbers that every device can follow.

Pixel i of a patch of P reads source position ``y0 + (i + 0.5) * height / P - 0.5``, bilinearly and without antialiasing
(Uni-AdaFocus, arXiv 2412.11228). What lies outside the frame counts as the mean colour, which is zero after
normalization; what lies outside the box but inside the frame is read. In whole numbers:

1. ``step = 1 / ((1 + HAIR) * P / height)`` in float64, and the position relative to the box's first row,
   ``(i + 0.5) * step - 0.5``, in float32. Its floor is the upper tap, the next row the lower one; the weight of the
   lower one is its fraction times 2048, rounded to the nearest, halves to even, and that of the upper one the rest to
   2048. Columns likewise.
2. Columns first: ``h = left * (2048 - w) + right * w`` in each of the two rows.
3. Then rows: ``((2048 - v) * (upper >> 4) >> 16) + (v * (lower >> 4) >> 16)``, plus 2, shifted right by 2.

That is what OpenCV's bilinear resize does inside a region, so regions are resized by it; only the pixels that read
beyond the box are computed here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from adafocus.edge.video.averaging import average
from adafocus.edge.video.pixels import CHANNELS
from adafocus.edge.video.preprocess import HAIR, Fill, resize_bilinear

# pixels that OpenCV reads in one go, and rows and columns of a frame that it can
FARTHEST = np.iinfo(np.int16).max
ONE = 2048
# by what `>> 4` divides
CUT = 16
# arrays, because NumPy takes twice as long with Python's numbers
TWO, SIXTEEN = np.array(2, np.int32), np.array(16, np.int32)
# of a pixel: fractions of a frame are float32 numbers
WHOLE = 1e-3


@dataclass(frozen=True)
class Taps:
    """Where the pixels of a patch read along one axis.

    Attributes:
        first: ``(n,)`` int64, rows or columns of the frame; the other tap is the next one. They may lie outside it.
        weights: ``(n,)`` int32, of the other tap, in 2048ths.
    """

    first: NDArray[np.int64]
    weights: NDArray[np.int32]


@dataclass(frozen=True)
class Block:
    """Rows or columns of a patch whose pixels stand in a list.

    Attributes:
        place: in the patch.
        part: in the list.
        shape: of the place, ``(rows, columns, 3)``.
    """

    place: tuple[slice, slice]
    part: slice
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Border:
    """The pixels of a patch that read beyond the box, in a list: those of whole rows, then those of whole columns.

    Attributes:
        blocks: where they are in the patch; corners are in the list twice.
        reads: ``(4, n, 2)`` int16, column and row in the frame of the upper left, lower left, upper right and lower
            right tap; they may lie outside.
        across: ``(4, n, 3)`` float32, weight of each tap along the row in 128ths, for each channel: so they are
            multiplied fastest.
        down: ``(2, n, 3)`` int32, weights of above and below in 2048ths.
    """

    blocks: tuple[Block, ...]
    reads: NDArray[np.int16]
    across: NDArray[np.float32]
    down: NDArray[np.int32]

    @classmethod
    def of(cls, rows: Taps, columns: Taps, beyond: tuple[int, int, int, int]) -> Border:
        """List the pixels of so many rows at the top and bottom of a patch, and columns at its left and right."""
        blocks, row, column, row_of_channel, column_of_channel = _listed(len(rows.first), *beyond)
        reads = np.empty((4, len(row), 2), np.int16)
        reads[:2, :, 0] = x = columns.first.take(column)
        reads[2:, :, 0] = x + 1
        reads[::2, :, 1] = y = rows.first.take(row)
        reads[1::2, :, 1] = y + 1
        across, down = np.empty((4, *row_of_channel.shape), np.float32), np.empty((2, *row_of_channel.shape), np.int32)
        right = columns.weights.astype(np.float32)
        right /= CUT
        right.take(column_of_channel, out=across[2], mode="clip")
        across[3] = across[2]
        np.subtract(np.float32(ONE / CUT), across[2], out=across[0])
        across[1] = across[0]
        rows.weights.take(row_of_channel, out=down[1], mode="clip")
        np.subtract(ONE, down[1], out=down[0])
        return cls(blocks, reads, across, down)

    def put(self, frame: NDArray[np.uint8], fill: Fill, patch: NDArray[np.uint8]) -> None:
        """Compute the pixels and write them into the patch ``(P, P, 3)``."""
        # to the nearest pixel, which all lie on: OpenCV only moves bytes here
        read = cv2.remap(frame, self.reads, None, cv2.INTER_NEAREST, None, cv2.BORDER_CONSTANT, fill)
        # 19 bits and 4 behind the point: floats are exact, and becoming whole numbers they lose those 4, as by `>> 4`
        taken = read.astype(np.float32)
        taken *= self.across
        left, right = taken[:2], taken[2:]
        left += right
        mixed = left.astype(np.int32)
        mixed *= self.down
        mixed >>= SIXTEEN
        values = mixed[0]
        values += mixed[1]
        values += TWO
        values >>= TWO
        for block in self.blocks:
            patch[block.place] = values[block.part].reshape(block.shape)


@lru_cache(maxsize=64)
def _listed(
    patch_size: int, top: int, bottom: int, left: int, right: int
) -> tuple[tuple[Block, ...], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """List the pixels of rows and columns at the sides of a patch.

    Returns:
        where they are; row and column of each, ``(n,)``; and the same for each channel, ``(n, 3)``.
    """
    whole, rows, columns = slice(0, patch_size), _ends(patch_size, top, bottom), _ends(patch_size, left, right)
    row, column = np.indices((patch_size, patch_size))
    blocks, listed, end = [], [], 0
    for place in [(found, whole) for found in rows] + [(whole, found) for found in columns]:
        listed.append((row[place].ravel(), column[place].ravel()))
        begin, end = end, end + row[place].size
        blocks.append(Block(place, slice(begin, end), (*row[place].shape, CHANNELS)))
    down, across = (np.concatenate(axis) for axis in zip(*listed, strict=True))
    down_of_channel, across_of_channel = (axis.repeat(CHANNELS).reshape(-1, CHANNELS) for axis in (down, across))
    return tuple(blocks), down, across, down_of_channel, across_of_channel


def _ends(patch_size: int, before: int, after: int) -> list[slice]:
    """Return so many of the first and of the last rows or columns; one of each are put into a patch at once."""
    if before == after == 1:
        return [slice(0, patch_size, patch_size - 1)]
    return [found for found in (slice(0, before), slice(patch_size - after, patch_size)) if found.start < found.stop]


@dataclass(frozen=True)
class Plan:
    """How a box is cut out of frames of one size.

    Attributes:
        rows: taps of the rows of the patch.
        columns: taps of its columns.
        region: rows and columns of the frame that are resized to the whole patch; None: every pixel is computed.
        border: what is computed afterwards; None: nothing.
    """

    rows: Taps
    columns: Taps
    region: tuple[slice, slice] | None = None
    border: Border | None = None


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
        ``(P, P, 3)`` uint8.
    """
    plan = _plan(tuple(np.asarray(box).tolist()), frame.shape[0], frame.shape[1], patch_size)
    patch = np.empty((patch_size, patch_size, CHANNELS), np.uint8) if out is None else out
    if plan.region is None:
        patch[:] = sample(frame, plan.rows, plan.columns, fill)
        return patch
    resize_bilinear(frame[plan.region], patch_size, patch_size, patch)
    if plan.border is not None:
        plan.border.put(frame, fill, patch)
    return patch


def cut_patch(
    frame: NDArray[np.uint8],
    box: ArrayLike,
    patch_size: int,
    fill: Fill,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Cut one box out of a frame that is kept as it was decoded: averaged where it shrinks, else as by `crop_patch`.

    Args:
        frame: ``(H, W, 3)`` uint8.
        box: y, x, height, width as fractions of the frame; edges on whole pixels inside it.
        patch_size: P, in pixels.
        fill: the mean colour, for what lies outside.
        out: ``(P, P, 3)`` uint8 to write into.

    Returns:
        ``(P, P, 3)`` uint8.
    """
    rows, columns = frame.shape[:2]
    y, x, height, width = np.asarray(box).tolist()
    top, left, tall, wide = (round(value) for value in (y * rows, x * columns, height * rows, width * columns))
    if min(tall, wide) <= patch_size:
        return crop_patch(frame, box, patch_size, fill, out)
    return average(frame[top : top + tall, left : left + wide], patch_size, patch_size, out)


@lru_cache(maxsize=256)
def _plan(box: tuple[float, ...], rows: int, columns: int, patch_size: int) -> Plan:
    """Plan a cut; most clips have one box for all their frames, and often that of the clip before."""
    y, x, height, width = box
    place = y * rows, x * columns, height * rows, width * columns
    whole = tuple(round(value) for value in place)
    on_pixels = all(abs(given - number) < WHOLE for given, number in zip(place, whole, strict=True))
    top, left, tall, wide = whole if on_pixels else place
    down, across = axis_taps(top, tall, patch_size), axis_taps(left, wide, patch_size)
    if not on_pixels or min(whole) < 0 or top + tall > rows or left + wide > columns or max(rows, columns) >= FARTHEST:
        return Plan(down, across)
    top, left, tall, wide = whole
    beyond = *_beyond(down, top, tall), *_beyond(across, left, wide)
    if sum(beyond) * patch_size >= FARTHEST:
        return Plan(down, across)
    region = slice(top, top + tall), slice(left, left + wide)
    return Plan(down, across, region, Border.of(down, across, beyond) if any(beyond) else None)


def axis_taps(start: float, length: float, patch_size: int) -> Taps:
    """Return where the pixels of a patch read along one axis of the frame.

    Args:
        start: of the box, in pixels of the frame.
        length: of the box likewise.
        patch_size: P.
    """
    first = math.floor(start)
    step = 1.0 / ((1.0 + HAIR) * patch_size / length)
    positions = (_middles(patch_size) * step - 0.5 + (start - first)).astype(np.float32)
    floors = np.floor(positions)
    weights = np.rint((positions - floors) * np.float32(ONE)).astype(np.int32)
    return Taps(first + floors.astype(np.int64), weights)


@lru_cache(maxsize=64)
def _middles(patch_size: int) -> NDArray[np.float64]:
    """Return the middles of pixels, ``(P,)``."""
    return np.arange(patch_size, dtype=np.float64) + 0.5


def _beyond(taps: Taps, start: int, length: int) -> tuple[int, int]:
    """Return how many pixels read beyond a box before its first row or column, and how many after its last."""
    if length >= len(taps.first):
        return 0, 0
    before, after = taps.first < start, taps.first >= start + length - 1
    return int(np.count_nonzero(before)), int(np.count_nonzero(taps.weights[after]))


def sample(frame: NDArray[np.uint8], rows: Taps, columns: Taps, fill: Fill) -> NDArray[np.uint8]:
    """Compute a patch by the rule above as it stands there: what :func:`crop_patch` is tested against, byte for byte.

    Args:
        frame: ``(H, W, 3)`` uint8.
        rows: taps of n rows.
        columns: taps of m columns.
        fill: colour of what lies outside the frame.

    Returns:
        ``(n, m, 3)`` uint8.
    """
    right = columns.weights[None, :, None]
    upper, lower = (
        _read(frame, rows.first + down, columns.first, fill) * (ONE - right)
        + _read(frame, rows.first + down, columns.first + 1, fill) * right
        for down in (0, 1)
    )
    below = rows.weights[:, None, None]
    mixed = (((ONE - below) * (upper >> 4)) >> 16) + ((below * (lower >> 4)) >> 16)
    return ((mixed + 2) >> 2).astype(np.uint8)


def _read(
    frame: NDArray[np.uint8], rows: NDArray[np.int64], columns: NDArray[np.int64], fill: Fill
) -> NDArray[np.int32]:
    """Read pixels ``(n, m, 3)`` int32; what lies outside the frame is the fill."""
    height, width = frame.shape[:2]
    outside_rows, outside_columns = (rows < 0) | (rows >= height), (columns < 0) | (columns >= width)
    taken = frame[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)[None, :]].astype(np.int32)
    if outside_rows.any():
        taken[outside_rows] = fill
    if outside_columns.any():
        taken[:, outside_columns] = fill
    return taken


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
    """Return ``(P, size)`` bilinear weights; taps outside are dropped."""
    lower = np.floor(positions).astype(int)
    matrix = np.zeros((len(positions), size))
    for offset, weight in ((0, 1.0 - (positions - lower)), (1, positions - lower)):
        inside = (lower + offset >= 0) & (lower + offset < size)
        matrix[np.flatnonzero(inside), lower[inside] + offset] += weight[inside]
    return matrix
