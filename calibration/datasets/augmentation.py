"""Network inputs from cached frames: sampling in time, crop, flip, normalization (Uni-AdaFocus, arXiv 2412.11228)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adafocus.edge.video.preprocess import PixelTable, resize_square
from adafocus.networks import NetworkConfig

SCALES = (1.0, 0.875, 0.75, 0.66)
# the 13 fixed positions of a crop, in quarters of the room above it and to its left
ANCHORS = tuple((top, left) for top in range(5) for left in range(5) if (top % 2, left % 2) in ((0, 0), (1, 1)))
MIDDLE = 0.5


@dataclass(frozen=True)
class Crop:
    """A part of every frame of a clip, mirrored or not; in pixels of the cached frames."""

    top: int
    left: int
    height: int
    width: int
    flipped: bool = False


@dataclass(frozen=True)
class View:
    """One augmentation of a clip.

    Attributes:
        glance_crop: what the glance sees.
        candidate_crop: what the focus sees; another one only where the augmentation is not shared.
        glance_offsets: ``(T_G,)`` where in its segment of time every frame is taken, 0 to 1.
        candidate_offsets: ``(N,)`` likewise.
    """

    glance_crop: Crop
    candidate_crop: Crop
    glance_offsets: NDArray[np.float64]
    candidate_offsets: NDArray[np.float64]


def inference_view(config: NetworkConfig, shape: tuple[int, int]) -> View:
    """Return the view that inference takes: centre crop, middle of every segment, not flipped.

    Args:
        config: of the network.
        shape: height and width of the cached frames in pixels.
    """
    height, width = shape
    side = max(1, round(min(shape) * config.frame_size / config.short_side_px))
    crop = Crop((height - side) // 2, (width - side) // 2, side, side)
    return View(crop, crop, np.full(config.glance_frames, MIDDLE), np.full(config.candidate_frames, MIDDLE))


def random_view(
    config: NetworkConfig,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    flip: bool = True,
    shared: bool = True,
    scales: Sequence[float] = SCALES,
) -> View:
    """Draw a view to train on: one multi-scale crop for the whole clip, a random frame of every segment.

    Args:
        config: of the network.
        shape: height and width of the cached frames in pixels.
        rng: source of every draw.
        flip: mirror half of the views; off where left and right differ in meaning.
        shared: glance and candidates have the same crop. The official code draws one for each in the TSM and X3D
            variants, so that there the boxes do not lie where the glance was looking.
        scales: of the crop's sides to the short side, in order; height and width are at most one step apart. Without
            any, the centre crop of inference.
    """

    def drawn() -> Crop:
        if scales:
            return random_crop(shape, rng, flip, scales)
        return replace(inference_view(config, shape).glance_crop, flipped=flip and bool(rng.integers(2)))

    glance = drawn()
    candidates = glance if shared else drawn()
    return View(glance, candidates, rng.uniform(size=config.glance_frames), rng.uniform(size=config.candidate_frames))


def random_crop(shape: tuple[int, ...], rng: np.random.Generator, flip: bool, scales: Sequence[float]) -> Crop:
    """Draw a crop of frames ``(H, W)``; every allowed pair of scales is equally likely, and so is every anchor."""
    sides = [max(1, int(min(shape) * scale)) for scale in scales]
    pairs = [(tall, wide) for i, tall in enumerate(sides) for j, wide in enumerate(sides) if abs(i - j) <= 1]
    height, width = pairs[rng.integers(len(pairs))]
    down, right = ANCHORS[rng.integers(len(ANCHORS))]
    top, left = down * ((shape[0] - height) // 4), right * ((shape[1] - width) // 4)
    return Crop(top, left, height, width, flip and bool(rng.integers(2)))


def segment_members(offsets: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the member of every one of ``len(offsets)`` equal segments of ``count`` things that lies at its offset."""
    places = (np.arange(len(offsets)) + offsets) * count / len(offsets)
    return np.minimum(places.astype(np.int64), count - 1)


def network_inputs(frames: NDArray[np.uint8], view: View, config: NetworkConfig) -> tuple[Tensor, Tensor]:
    """Make the network's inputs from one cached clip under one view.

    In the long variant the glance frames are some of the candidates; in the others both are sampled on their own.

    Args:
        frames: ``(T, H, W, 3)`` uint8 RGB.
        view: of this clip.
        config: of the network.

    Returns:
        glance ``(T_G, 3, S, S)`` and candidates ``(N, 3, F, F)``, float32, normalized.
    """
    indices = segment_members(view.candidate_offsets, len(frames))
    if config.variant == "long":
        glanced = indices[segment_members(view.glance_offsets, len(indices))]
    else:
        glanced = segment_members(view.glance_offsets, len(frames))
    resized: dict[tuple[int, Crop], NDArray[np.uint8]] = {}

    def fitted(index: int, crop: Crop) -> NDArray[np.uint8]:
        if (index, crop) not in resized:
            resized[index, crop] = _fit(frames[index], crop, config.frame_size)
        return resized[index, crop]

    candidates = [fitted(index, view.candidate_crop) for index in indices.tolist()]
    glance = [resize_square(fitted(index, view.glance_crop), config.glance_size) for index in glanced.tolist()]
    return normalize(np.stack(glance), config), normalize(np.stack(candidates), config)


def _fit(frame: NDArray[np.uint8], crop: Crop, size: int) -> NDArray[np.uint8]:
    region = frame[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    interpolation = cv2.INTER_AREA if min(crop.height, crop.width) > size else cv2.INTER_LINEAR
    fitted = cv2.resize(region, (size, size), interpolation=interpolation)
    return cv2.flip(fitted, 1) if crop.flipped else fitted


def normalize(frames: NDArray[np.uint8], config: NetworkConfig) -> Tensor:
    """Normalize ``(T, S, S, 3)`` uint8 to ``(T, 3, S, S)`` float32 with the network's mean and standard deviation."""
    return torch.from_numpy(_table(tuple(config.mean), tuple(config.std)).apply(frames))


@lru_cache
def _table(mean: tuple[float, ...], std: tuple[float, ...]) -> PixelTable:
    return PixelTable.build(mean, std, "float32")
