"""Where the focus looks in a frame: boxes as fractions of it."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adafocus.edge.policy.frames import Seed, check_name

Boxes = Literal["policy", "centre", "random", "full", "motion"]
Shape = Literal["deformable", "fixed"]

CENTRE = 0.5


def decode_boxes(raw: ArrayLike, min_side: float, max_side: float = 1.0) -> NDArray[np.float64]:
    """Turn raw policy outputs into boxes that lie inside the frame.

    Args:
        raw: ``(..., 4)`` in 0..1 as top position, left position, height, width; positions are relative to the room
            that the sides leave (bounded deformable box of Uni-AdaFocus, arXiv 2412.11228).
        min_side: smallest side as a fraction of the frame, e.g. 96/224.
        max_side: largest side.

    Returns:
        ``(..., 4)`` float64: y, x, height, width as fractions of the frame.
    """
    values = np.asarray(raw, dtype=np.float64)
    sides = min_side + (max_side - min_side) * values[..., 2:]
    return np.concatenate((values[..., :2] * (1.0 - sides), sides), axis=-1)


def place_boxes(given: NDArray[np.float32], boxes: Boxes, shape: Shape, side: float, seed: Seed) -> NDArray[np.float32]:
    """Return the policy's boxes, or others in their stead for an ablation.

    Args:
        given: ``(n, 4)`` y, x, height, width as fractions of the frame; one for the clip, or one for every frame.
        boxes: ``policy``: where it says. ``centre``: of the same size in the middle of the frame. ``random``: of the
            same size anywhere, each for itself. ``full``: the whole frame.
        shape: ``deformable``: as the policy says. ``fixed``: squares around the policy's centres, moved into the frame.
        side: of those squares; the patch's own size, as random crops have it in training.
        seed: of random places.

    Returns:
        ``(n, 4)``.

    Raises:
        AdafocusError: no such name.
    """
    check_name("boxes", boxes, get_args(Boxes))
    check_name("shape", shape, get_args(Shape))
    if shape == "fixed":
        corners = np.clip(given[:, :2] + 0.5 * (given[:, 2:] - side), 0.0, 1.0 - side)
        given = np.concatenate((corners, np.full_like(corners, side)), axis=1)
    if boxes == "policy":
        return given
    if boxes == "full":
        return np.tile(np.array([0.0, 0.0, 1.0, 1.0], np.float32), (len(given), 1))
    sides = given[:, 2:]
    # the corner's place in the room that the sides leave
    places = CENTRE if boxes == "centre" else np.random.default_rng(seed).uniform(size=sides.shape)
    return np.concatenate((places * (1.0 - sides), sides), axis=1).astype(np.float32)
