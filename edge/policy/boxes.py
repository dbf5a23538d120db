"""Where the focus looks in a frame: boxes as fractions of it."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adafocus.edge.policy.frames import Seed, check_name

Boxes = Literal["policy", "centre", "random", "full", "motion"]
Shape = Literal["deformable", "fixed"]
# height and width of a frame in pixels
Size = tuple[int, int]

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


def place_boxes(
    given: NDArray[np.float32], boxes: Boxes, shape: Shape, side: float | NDArray[np.float32], seed: Seed
) -> NDArray[np.float32]:
    """Return the policy's boxes, or others in their stead for an ablation.

    Args:
        given: ``(n, 4)`` y, x, height, width as fractions of the frame; one for the clip, or one for every frame.
        boxes: ``policy``: where it says. ``centre``: of the same size in the middle of the frame. ``random``: of the
            same size anywhere, each for itself. ``full``: the whole frame.
        shape: ``deformable``: as the policy says. ``fixed``: squares around the policy's centres, moved into the frame.
        side: of those squares, as a fraction of the frame, or ``(2,)`` of its height and of its width; the patch's own
            size, as random crops have it in training.
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


def boxes_in_room(given: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Turn places and sides into boxes of whole pixels of a frame.

    The rule, in real numbers rounded to even: height = round(h x short side), at least 1 px and at most the frame's;
    top = round(y x (frame height - height)); width and left likewise.

    Args:
        given: ``(n, 4)``: top and left in 0..1 of the room that the sides leave, height and width as fractions of the
            frame's short side.
        size: height and width of the frame in pixels.

    Returns:
        ``(n, 4)`` float32 y, x, height, width as fractions of the frame.
    """
    boxes = []
    for *places, down, across in given.tolist():
        sides = [min(max(1, round(side * min(size))), room) for side, room in zip((down, across), size, strict=True)]
        corner = [round(place * (room - side)) for place, room, side in zip(places, size, sides, strict=True)]
        boxes.append([*corner, *sides])
    return as_fractions(boxes, size)


def whole_pixels(boxes: NDArray[np.floating], size: Size, least: int = 0) -> NDArray[np.float32]:
    """Move the edges of boxes to the nearest pixel borders of a frame; a box inside the frame stays inside.

    Args:
        boxes: ``(n, 4)`` y, x, height, width as fractions of the frame.
        size: height and width of the frame in pixels.
        least: least side in pixels of what comes out; boxes that are widened are moved into the frame.

    Returns:
        ``(n, 4)`` float32.
    """
    # a handful of numbers: plain Python is several times faster on them than arrays
    rows, columns = size
    moved = []
    for y, x, height, width in boxes.tolist():
        top, left = round(y * rows), round(x * columns)
        tall, wide = round((y + height) * rows) - top, round((x + width) * columns) - left
        if min(tall, wide) < least:
            tall, wide = max(tall, least), max(wide, least)
            top, left = min(top, rows - tall), min(left, columns - wide)
        moved.append([top, left, tall, wide])
    return as_fractions(moved, size)


def as_fractions(boxes: list[list[int]], size: Size) -> NDArray[np.float32]:
    """Return boxes in pixels as fractions of a frame, ``(n, 4)``."""
    rows, columns = size
    return np.array([[y / rows, x / columns, tall / rows, wide / columns] for y, x, tall, wide in boxes], np.float32)
