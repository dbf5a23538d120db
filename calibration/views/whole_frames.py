"""Network inputs from frames at their own size: the device's view of a clip, and augmented ones to train on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from adafocus.calibration.datasets.augmentation import MIDDLE, SCALES, normalize, random_crop, segment_members
from adafocus.calibration.views.geometry import geometry_of
from adafocus.calibration.views.native_frames import NativeFrames, Pictures, Pixels, cut_patches
from adafocus.edge.look import Looker, Wish
from adafocus.edge.stopwatch import Stopwatch
from adafocus.edge.video.fitting import fit_glance
from adafocus.edge.video.kept_frames import Candidates
from adafocus.networks import NetworkConfig

View = tuple[Tensor, Tensor | NativeFrames]
# y, x, height, width in pixels
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Augmentation:
    """How views to train on differ from what the device sees.

    Attributes:
        flip: whether half of the clips are mirrored.
        scales: of what the glance sees of a frame, at random places; none for the device's own view.
        box_jitter: by how much the side and the place of a box vary, as a share of its side.
        random_boxes: share of the clips whose box lies anywhere.
    """

    flip: bool = True
    scales: tuple[float, ...] = SCALES
    box_jitter: float = 0.15
    random_boxes: float = 0.25


def native_short_side(config: NetworkConfig) -> int:
    """Return the short side in pixels above which frames may be made smaller before they are looked at.

    At it neither the smallest box nor the glance is enlarged, so larger frames only show what is averaged anyway.
    """
    return math.ceil(
        max(config.patch_size / config.box_min, config.glance_size * config.short_side_px / config.frame_size)
    )


def device_view(frames: Pixels, config: NetworkConfig) -> View:
    """Return glance and candidates of a cached clip ``(T, H, W, 3)`` as a device makes them of the same frames.

    Returns:
        glance ``(T_G, 3, S, S)`` and patches ``(T_L, 3, P, P)``, float32, normalized; where the policy is a network,
        the frames that it cuts patches out of.
    """
    glanced, looked = (
        frames[segment_members(np.full(count, MIDDLE), len(frames))]
        for count in (config.glance_frames, config.candidate_frames)
    )
    return normalize(glance_pictures(glanced, config), config), candidates_view(looked, config)


def candidates_view(candidates: Pictures, config: NetworkConfig) -> Tensor | NativeFrames:
    """Return what a network takes of the N candidates: patches where motion says, or the frames themselves."""
    if config.has_policy_network:
        return NativeFrames(candidates, config)
    return normalize(patches_by_motion(candidates, config), config)


def glance_pictures(frames: Pictures, config: NetworkConfig) -> Pixels:
    """Fit whole frames into pictures of the glance, ``(T_G, S, S, 3)``."""
    geometry = geometry_of(config)
    how = (geometry.glance_fit, geometry.glance_size, geometry.share, geometry.mean_color)
    return np.stack([fit_glance(frame, *how) for frame in frames])


def patches_by_motion(candidates: Pictures, config: NetworkConfig) -> Pixels:
    """Cut the patches ``(T_L, P, P, 3)`` of the N candidates as a policy of motion does."""
    chosen, boxes = look_by_motion(candidates, config)
    return _cut(candidates, chosen, boxes, config)


def look_by_motion(candidates: Pictures, config: NetworkConfig) -> tuple[list[int], list[Box]]:
    """Return the candidates that a policy of motion chooses, and a box in pixels on each."""
    look = _looker(config).look(Candidates(list(candidates)), Wish(), None, Stopwatch())
    height, width = candidates[0].shape[:2]
    pixels = np.rint(look.boxes.astype(np.float64) * (height, width, height, width)).astype(int).tolist()
    return look.frames.tolist(), [(top, left, tall, wide) for top, left, tall, wide in pixels]


@lru_cache
def _looker(config: NetworkConfig) -> Looker:
    """Return what decides where to look, once for all clips."""
    return Looker(geometry_of(config))


def _cut(frames: Pictures, chosen: Sequence[int], boxes: Sequence[Box], config: NetworkConfig) -> Pixels:
    """Cut boxes in pixels out of chosen frames."""
    height, width = frames[0].shape[:2]
    return cut_patches(frames, chosen, np.array(boxes) / (height, width, height, width), config)


def training_view(frames: Pixels, config: NetworkConfig, rng: np.random.Generator, how: Augmentation) -> View:
    """Draw a view of a cached clip to train on; see :func:`device_view` for what it returns."""
    flipped = how.flip and bool(rng.integers(2))
    glance = random_glance(frames, config, rng, how, flipped)
    if config.has_policy_network:
        drawn = _drawn(frames, config.candidate_frames, rng)
        return glance, NativeFrames(np.ascontiguousarray(drawn[:, :, ::-1]) if flipped else drawn, config)
    return glance, random_patches(frames, config, rng, how, flipped)


def _drawn(frames: Pixels, count: int, rng: np.random.Generator) -> Pixels:
    """Draw a frame of each of ``count`` equal segments of time."""
    return frames[segment_members(rng.uniform(size=count), len(frames))]


def random_glance(
    frames: Pixels, config: NetworkConfig, rng: np.random.Generator, how: Augmentation, flipped: bool
) -> Tensor:
    """Draw glance frames ``(T_G, 3, S, S)``: a part of every frame, the same in all of them.

    Where the glance sees a square, the part is nearly one. Otherwise it has the aspect of the frame.
    """
    glanced = _drawn(frames, config.glance_frames, rng)
    if not how.scales:
        pictures = glance_pictures(glanced, config)
    elif config.glance_fit == "square":
        crop = random_crop(glanced.shape[1:3], rng, False, how.scales)
        parts = glanced[:, crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
        pictures = glance_pictures(parts, config.override(glance_fit="squeezed"))
    else:
        scale = how.scales[rng.integers(len(how.scales))]
        tall, wide = (max(1, round(side * scale)) for side in glanced.shape[1:3])
        top, left = (int(rng.integers(room + 1)) for room in (glanced.shape[1] - tall, glanced.shape[2] - wide))
        pictures = glance_pictures(glanced[:, top : top + tall, left : left + wide], config)
    return normalize(_mirrored(pictures) if flipped else pictures, config)


def random_patches(
    frames: Pixels, config: NetworkConfig, rng: np.random.Generator, how: Augmentation, flipped: bool
) -> Tensor:
    """Draw patches ``(T_L, 3, P, P)``: where motion says, nearly, or anywhere."""
    candidates = _drawn(frames, config.candidate_frames, rng)
    chosen, boxes = look_by_motion(candidates, config)
    places = rng.uniform(size=2) if rng.random() < how.random_boxes else None
    varied = rng.uniform(-how.box_jitter, how.box_jitter, 3)
    size = candidates.shape[1:3]
    patches = _cut(candidates, chosen, [jittered(box, size, varied, places) for box in boxes], config)
    return normalize(_mirrored(patches) if flipped else patches, config)


def jittered(box: Box, size: tuple[int, ...], varied: NDArray[np.float64], places: NDArray[np.float64] | None) -> Box:
    """Vary the side of a box, and its place by a share of its side or to one of the room that the sides leave.

    Args:
        box: in pixels.
        size: height and width of the frame.
        varied: shares of the side by which it grows, and the middle moves down and to the right.
        places: top and left in 0..1 of the room; None: near the box.
    """
    sides = [min(max(1, round(side * (1.0 + varied[0]))), *size) for side in box[2:]]
    corners = []
    for axis, (corner, old, new, room) in enumerate(zip(box[:2], box[2:], sides, size, strict=True)):
        middle = corner + old * (0.5 + varied[1 + axis])
        wanted = middle - new / 2 if places is None else places[axis] * (room - new)
        corners.append(min(max(0, round(wanted)), room - new))
    return corners[0], corners[1], sides[0], sides[1]


def _mirrored(pictures: Pixels) -> Pixels:
    """Mirror pictures ``(T, S, S, 3)``."""
    return np.stack([np.asarray(cv2.flip(picture, 1), np.uint8) for picture in pictures])
