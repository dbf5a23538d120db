"""Cutting a focus box out of a frame and resampling it to the patch size.

Output pixel i reads source position ``y0 + (i + 0.5) * height / P - 0.5`` bilinearly, without antialiasing; what lies
outside the frame counts as the mean colour (Uni-AdaFocus, arXiv 2412.11228: zeros after normalisation).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

INTERPOLATION = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def crop_patch(
    frame: NDArray[np.uint8],
    box: ArrayLike,
    patch_size: int,
    fill: tuple[int, int, int],
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Cut one box out of a frame.

    Args:
        frame: ``(H, W, 3)`` uint8.
        box: y, x, height, width as fractions of the frame.
        patch_size: P, in pixels.
        fill: the mean colour, for what lies outside.
        out: ``(P, P, 3)`` uint8 to write into.

    Returns:
        ``(P, P, 3)`` uint8.
    """
    rows, columns = frame.shape[:2]
    y, x, height, width = (float(value) for value in np.asarray(box))
    step_y, step_x = height * rows / patch_size, width * columns / patch_size
    transform = np.array(
        [[step_x, 0.0, x * columns + 0.5 * step_x - 0.5], [0.0, step_y, y * rows + 0.5 * step_y - 0.5]]
    )
    return cv2.warpAffine(
        frame,
        transform,
        (patch_size, patch_size),
        dst=out,
        flags=INTERPOLATION,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )


def sample_patch(frame: ArrayLike, box: ArrayLike, patch_size: int) -> NDArray[np.float64]:
    """The same on real numbers, written out: the definition that the fast form is tested against.

    Args:
        frame: ``(H, W, C)``, normalised; zeros lie outside.
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
    """``(P, size)`` bilinear weights; taps outside are dropped."""
    lower = np.floor(positions).astype(int)
    matrix = np.zeros((len(positions), size))
    for offset, weight in ((0, 1.0 - (positions - lower)), (1, positions - lower)):
        inside = (lower + offset >= 0) & (lower + offset < size)
        matrix[np.flatnonzero(inside), lower[inside] + offset] += weight[inside]
    return matrix
