"""Focus boxes: from the policy's raw numbers to fractions of the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
