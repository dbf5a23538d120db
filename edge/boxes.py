"""Focus boxes: from the policy's raw numbers to fractions of the frame, and what may stand in their stead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adafocus.edge.sampling import Seed

Boxes = Literal["policy", "centre", "random", "full"]
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


def centred_box(height: float, width: float) -> NDArray[np.float64]:
    """A ``(4,)`` box of the given sides in the middle of the frame."""
    return np.array([CENTRE * (1.0 - height), CENTRE * (1.0 - width), height, width])


def _as_given(boxes: NDArray[np.float32], seed: Seed) -> NDArray[np.float32]:
    return boxes


def _centred(boxes: NDArray[np.float32], seed: Seed) -> NDArray[np.float32]:
    return np.stack([centred_box(float(box[2]), float(box[3])) for box in boxes]).astype(np.float32)


def _anywhere(boxes: NDArray[np.float32], seed: Seed) -> NDArray[np.float32]:
    sides = boxes[:, 2:]
    corners = np.random.default_rng(seed).uniform(size=sides.shape) * (1.0 - sides)
    return np.concatenate((corners, sides), axis=1).astype(np.float32)


def _whole_frame(boxes: NDArray[np.float32], seed: Seed) -> NDArray[np.float32]:
    return np.tile(np.array([0.0, 0.0, 1.0, 1.0], np.float32), (len(boxes), 1))


PLACES: dict[Boxes, Callable[[NDArray[np.float32], Seed], NDArray[np.float32]]] = {
    "policy": _as_given,
    "centre": _centred,
    "random": _anywhere,
    "full": _whole_frame,
}


def _deformable(boxes: NDArray[np.float32], side: float) -> NDArray[np.float32]:
    return boxes


def _fixed(boxes: NDArray[np.float32], side: float) -> NDArray[np.float32]:
    corners = np.clip(boxes[:, :2] + 0.5 * (boxes[:, 2:] - side), 0.0, 1.0 - side)
    return np.concatenate((corners, np.full_like(corners, side)), axis=1)


SHAPES: dict[Shape, Callable[[NDArray[np.float32], float], NDArray[np.float32]]] = {
    "deformable": _deformable,
    "fixed": _fixed,
}


def place_boxes(given: NDArray[np.float32], boxes: Boxes, shape: Shape, side: float, seed: Seed) -> NDArray[np.float32]:
    """The policy's boxes, or others in their stead, so that what the policy is worth can be measured.

    Args:
        given: ``(n, 4)`` y, x, height, width as fractions of the frame; one for the clip, or one for every frame.
        boxes: ``policy``: where it says. ``centre``: of the same size in the middle of the frame. ``random``: of the
            same size anywhere, each for itself. ``full``: the whole frame.
        shape: ``deformable``: as the policy says. ``fixed``: squares around the policy's centres, moved into the frame.
        side: of those squares; the patch's own size, as random crops have it in training (method.md 5.4).
        seed: of random places.

    Returns:
        ``(n, 4)``.

    Raises:
        KeyError: no such name.
    """
    return PLACES[boxes](SHAPES[shape](given, side), seed)
