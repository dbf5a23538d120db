"""Pixels that a program hands over: what is unambiguous becomes uint8 BGR, everything else is refused by a sentence."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.errors import SourceError

CHANNELS = 3
TO_BGR = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}
# what to type where a type of numbers does not say which of them is white
TO_UINT8 = {
    "b": "pixels.astype('uint8') * 255",
    "f": "(255 * pixels).round().astype('uint8') where white is 1, pixels.round().astype('uint8') where it is 255",
    "u": "(pixels >> 8).astype('uint8') where all 16 bits are used, pixels.astype('uint8') where white is 255",
    "i": "pixels.astype('uint8') where white is 255",
}
WANTED = "expected a numpy array (height, width, 3) of uint8 in the order blue, green, red; grey and BGRA are taken too"


def bgr_pixels(pixels: Any, name: str) -> NDArray[np.uint8]:
    """Return pixels as the rest of the program takes them.

    Args:
        pixels: uint8, ``(H, W, 3)`` BGR, which is given back as it is; ``(H, W)`` or ``(H, W, 1)`` grey; ``(H, W, 4)``
            BGRA, whose alpha is left out. Contiguous or not.
        name: what to call them.

    Returns:
        ``(H, W, 3)`` uint8 BGR.

    Raises:
        SourceError: anything else. The range of floats, of 16-bit numbers and of bools is nobody's guess.
    """
    if not isinstance(pixels, np.ndarray):
        raise SourceError(f"{name} has pixels of the type {type(pixels).__name__}, {WANTED}.")
    shape = pixels.shape
    if pixels.dtype != np.uint8:
        how = TO_UINT8.get(pixels.dtype.kind)
        raise SourceError(
            f"{name} has pixels of {pixels.dtype}, {WANTED}." + (f" Convert them: {how}." if how is not None else "")
        )
    channels = 1 if len(shape) == 2 else shape[2] if len(shape) == 3 else 0
    if 0 in shape or (channels != CHANNELS and channels not in TO_BGR):
        planes = len(shape) == 3 and shape[0] in (1, 3, 4) and 0 not in shape
        hint = " Put the channels last: numpy.moveaxis(pixels, 0, 2)." if planes else ""
        raise SourceError(f"{name} has pixels of shape {shape}, {WANTED}.{hint}")
    if channels == CHANNELS:
        return pixels
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), TO_BGR[channels]), np.uint8)


def rgb_pixels(pixels: Any, shape: tuple[int | None, ...], name: str) -> NDArray[np.uint8]:
    """Return pixels that have been resized by whoever made them, if they are what the graphs were made for.

    Args:
        pixels: of a shape that is known.
        shape: of it; None where any length of at least 1 will do.
        name: what to call them.

    Raises:
        SourceError: another type, dtype or shape. Nothing is converted.
    """
    is_array = isinstance(pixels, np.ndarray)
    if is_array and pixels.dtype == np.uint8 and (pixels.shape == shape or _fits(pixels.shape, shape)):
        return pixels
    found = f"{pixels.dtype} of shape {pixels.shape}" if is_array else type(pixels).__name__
    wanted = shape if None not in shape else "(height, width, 3)"
    raise SourceError(
        f"{name}: found {found}, expected a numpy array of uint8 RGB of shape {wanted}. Frames of any size become such "
        "a clip with clip_from_frames(frames, bundle.manifest.geometry)."
    )


def _fits(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Return whether a shape is the one wanted; None stands for any length of at least 1."""
    return len(found) == len(wanted) and all(
        length == expected or (expected is None and length > 0) for length, expected in zip(found, wanted, strict=True)
    )
