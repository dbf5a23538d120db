"""From cached frames to what the network sees: sampling in time, crop, flip, normalisation."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from networks import NetworkConfig

SMALLEST_CROP = 0.8


@dataclass(frozen=True)
class View:
    """One augmentation, shared by the glance and the candidate frames of a clip."""

    top: int
    left: int
    side_px: int
    flipped: bool
    glance_offsets: NDArray[np.float64]
    candidate_offsets: NDArray[np.float64]


def centre_view(config: NetworkConfig, cached_side_px: int) -> View:
    """The view that inference takes: centre crop, middle of every time segment, not flipped."""
    side = round(cached_side_px * config.frame_size / config.short_side_px)
    start = (cached_side_px - side) // 2
    return View(start, start, side, False, np.full(config.glance_frames, 0.5), np.full(config.candidate_frames, 0.5))


def random_view(config: NetworkConfig, cached_side_px: int, rng: np.random.Generator) -> View:
    """A random square of 80 to 100 % of the cached side, a random member of every time segment, flipped or not."""
    side = round(cached_side_px * rng.uniform(SMALLEST_CROP, 1.0))
    top, left = rng.integers(0, cached_side_px - side + 1, 2)
    return View(
        int(top),
        int(left),
        side,
        bool(rng.integers(2)),
        rng.uniform(size=config.glance_frames),
        rng.uniform(size=config.candidate_frames),
    )


def pick(frames: NDArray[np.uint8], view: View, offsets: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Sample ``(T, S, S, 3)`` in time and space: ``(len(offsets), size, size, 3)`` uint8."""
    count = len(offsets)
    indices = np.minimum(((np.arange(count) + offsets) / count * len(frames)).astype(int), len(frames) - 1)
    region = (slice(view.top, view.top + view.side_px), slice(view.left, view.left + view.side_px))
    interpolation = cv2.INTER_AREA if view.side_px > size else cv2.INTER_LINEAR
    chosen = np.stack([cv2.resize(frames[i][region], (size, size), interpolation=interpolation) for i in indices])
    return chosen[:, :, ::-1] if view.flipped else chosen


def normalise(frames: NDArray[np.uint8], config: NetworkConfig) -> Tensor:
    """``(T, S, S, 3)`` uint8 to ``(T, 3, S, S)`` float32 with the network's mean and standard deviation."""
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 255.0
    mean = torch.tensor(config.mean)[:, None, None]
    std = torch.tensor(config.std)[:, None, None]
    return ((pixels - mean) / std).contiguous()


def network_inputs(frames: NDArray[np.uint8], view: View, config: NetworkConfig) -> tuple[Tensor, Tensor]:
    """Glance ``(T_G, 3, S, S)`` and candidates ``(N, 3, F, F)`` of one cached clip under one view."""
    candidates = pick(frames, view, view.candidate_offsets, config.frame_size)
    fitted = pick(frames, view, view.glance_offsets, config.frame_size)
    size = (config.glance_size, config.glance_size)
    glance = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) for frame in fitted])
    return normalise(glance, config), normalise(candidates, config)
