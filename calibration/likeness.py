"""Videos that look alike although their bytes differ: copies that were encoded again, and scenes shot twice.

A video is put down as five thumbnails of its first second, in color. Two videos are compared by the correlation of all
their pixels, and by that of what moves in them, which is what remains without the mean of the five. The limits were
measured by ``python -m benchmarks.robustness.likeness``; its figures stand in ``results/device.yaml``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.video.clip import read_moments
from adafocus.edge.video.pixels import bgr_pixels
from adafocus.errors import AdafocusError

MOMENTS_S = 0.2 * np.arange(5)
SIDE = 16
# what is darker, plainer or stiller than this, in levels of 255, is alike by chance
MIN_CONTRAST, MIN_MOTION = 4.0, 1.0
# Correlations of pictures: clips of other sources stay below 0.954, copies at crf 18 to 35 above 0.994.
ALIKE = 0.985
# Correlations of motion as well: clips that were shot one after the other stay below 0.931, such as swings of a golfer
# before a camera that stands still; of copies at crf 18 to 28 all but three in eighty are above 0.95.
COPY, COPY_MOTION = 0.99, 0.95
BLOCK = 1024
KEPT = 20_000


@dataclass(frozen=True)
class Likeness:
    """Two videos that look alike.

    Attributes:
        first: place of one of them.
        other: place of the other one, which comes later.
        copy: whether what moves in them is alike, too, so that they are one video.
    """

    first: int
    other: int
    copy: bool


def likenesses(paths: Sequence[Path], groups: Sequence[str]) -> list[Likeness]:
    """Find videos of different groups that look alike; what cannot be read looks like nothing else.

    Args:
        paths: n videos.
        groups: ``(n,)``; videos of one group are not compared.
    """
    if len(set(groups)) < 2:
        return []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = list(threads.map(_thumbnails, paths))
    places = [place for place, thumbnails in enumerate(found) if thumbnails is not None]
    if len(places) < 2:
        return []
    pixels = np.stack([thumbnails for thumbnails in found if thumbnails is not None])
    numbers = np.unique(np.asarray(groups)[places], return_inverse=True)[1]
    return [Likeness(places[first], places[other], copy) for first, other, copy in _pairs(pixels, numbers)]


def correlations(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the correlation of pictures and of motion for every two videos, ``(n, n)`` each.

    Args:
        pixels: ``(n, 5, 16, 16, 3)`` levels of colors.
    """
    pictures, motions = _directions(pixels)
    return pictures @ pictures.T, motions @ motions.T


def thumbnails_of(path: Path) -> NDArray[np.float32]:
    """Return the thumbnails of a video, ``(5, 16, 16, 3)`` BGR; a shorter one ends in its last frame.

    Raises:
        AdafocusError: it cannot be read.
    """
    frames, _ = read_moments(path, lambda *_: MOMENTS_S)
    small = [cv2.resize(bgr_pixels(frame, str(path)), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames]
    return np.stack(small).astype(np.float32)


def _thumbnails(path: Path) -> NDArray[np.float32] | None:
    """Return the thumbnails of a video that is there, once in the life of a process as long as it does not change."""
    try:
        stated = os.stat(path)
        return _known(os.path.realpath(path), stated.st_size, stated.st_mtime_ns)
    except (OSError, ValueError):
        return None


@lru_cache(KEPT)
def _known(path: str, size: int, changed_ns: int) -> NDArray[np.float32] | None:
    """Return thumbnails, or None where nothing can be told by them."""
    if not size or not (os.path.isfile(path) or os.path.isdir(path)):
        return None
    try:
        found = thumbnails_of(Path(path))
    except AdafocusError:
        return None
    return found if found.std() >= MIN_CONTRAST else None


def _directions(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return pictures and motions, ``(n, 3840)`` each, without their means, of length 1; 0 where nothing moves."""
    flat = pixels.reshape(len(pixels), len(MOMENTS_S), -1)
    moving = (flat - flat.mean(1, keepdims=True)).reshape(len(pixels), -1)
    moving *= np.sqrt((moving**2).mean(1, keepdims=True)) >= MIN_MOTION
    still = flat.reshape(len(pixels), -1)
    return _of_length_1(still - still.mean(1, keepdims=True)), _of_length_1(moving)


def _of_length_1(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide rows by their lengths."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def _pairs(pixels: NDArray[np.float32], groups: NDArray[np.int64]) -> Iterator[tuple[int, int, bool]]:
    """Yield rows of different groups that are alike, and whether they are copies, block by block."""
    pictures, motions = _directions(pixels)
    for start in range(0, len(pictures), BLOCK):
        block = slice(start, start + BLOCK)
        alike = pictures[block] @ pictures.T
        alike[groups[block, None] == groups[None]] = 0
        for row, other in np.argwhere(alike >= ALIKE).tolist():
            first = start + row
            if first < other:
                moves = float(motions[first] @ motions[other])
                yield first, other, bool(alike[row, other] >= COPY and moves >= COPY_MOTION)
