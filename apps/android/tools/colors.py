"""Compares the colors of decoded frames in another language with those that PyAV gives on this machine."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

from adafocus.apps.android.tools import jvm
from adafocus.errors import AdafocusError

# by FFmpeg's numbers: colors of a matrix, and of a range
MATRICES = {"BT601": 5, "BT709": 1}
RANGES = {"limited": 1, "full": 2}
WIDTH, HEIGHT = 64, 48
TURNS = (0, 90, 180, 270)


def _in_python(planes: NDArray[np.uint8], matrix: int, levels: int) -> NDArray[np.uint8]:
    """Convert a frame as PyAV does, ``(H, W, 3)`` RGB."""
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.colorspace, frame.color_range = matrix, levels
    shown = frame.reformat(format="rgb24", src_colorspace=matrix, dst_color_range="JPEG", src_color_range=levels)
    return np.asarray(shown.to_ndarray(), np.uint8)


def in_kotlin(source: Path, target: Path, *words: str) -> None:
    """Convert the planes of a frame in a file, and write the picture."""
    jvm.call("colors", source, target, *words, quiet=True)


def compare(convert: Callable[..., None] = in_kotlin) -> str:
    """Convert noise in every matrix, range and turn; return how the bytes agree.

    Args:
        convert: takes a file with planes, the file to write, matrix, range, width, height and degrees.

    Raises:
        AdafocusError: they are further apart than rounding explains.
    """
    planes = np.random.default_rng(5).integers(0, 256, (HEIGHT * 3 // 2, WIDTH), np.uint8)
    equal, furthest, total = 0, 0, 0
    with TemporaryDirectory() as place:
        source, target = Path(place) / "planes", Path(place) / "picture"
        planes.tofile(source)
        for (matrix, number), (name, levels) in product(MATRICES.items(), RANGES.items()):
            wanted = _in_python(planes, number, levels)
            for degrees in TURNS if name == "limited" else (0,):
                convert(source, target, matrix, name, str(WIDTH), str(HEIGHT), str(degrees))
                turned = np.rot90(wanted, -degrees // 90)
                found = np.fromfile(target, np.uint8).reshape(turned.shape)
                away = np.abs(found.astype(int) - turned.astype(int))
                equal += int((away == 0).sum())
                furthest, total = max(furthest, int(away.max())), total + away.size
    if furthest > 1:
        raise AdafocusError(f"Colors are up to {furthest} levels from those in Python, expected at most 1.")
    return f"{equal} of {total} bytes of converted frames are equal, the others at most {furthest} level away"
