"""Frames in a numpy array, in memory or in a .npy file that is mapped, not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.sources.source import FALLBACK_FPS, CountedSource, Frame
from adafocus.errors import SourceError

Order = Literal["rgb", "bgr"]
LEAST_WIDTH_PX = 8


class ArraySource(CountedSource):
    """Frames of an array ``(T, H, W, 3)``, or grey ``(T, H, W)`` or ``(T, H, W, 1)``, uint8."""

    def __init__(
        self, frames: NDArray[np.uint8], name: str = "array", fps: float = FALLBACK_FPS, order: Order = "rgb"
    ) -> None:
        """Take an array.

        Args:
            frames: ``(T, H, W, 3)`` uint8 colour, or ``(T, H, W)`` or ``(T, H, W, 1)`` uint8 grey. Contiguous or not.
            name: what to call it.
            fps: frames per second.
            order: of the colours: ``rgb`` as most libraries have it, or ``bgr`` as OpenCV has it.

        Raises:
            SourceError: another shape or type, one picture instead of frames, or a rate that is none.
        """
        shape, dtype = tuple(np.shape(frames)), getattr(frames, "dtype", type(frames).__name__)
        # grey frames three pixels wide are no video
        if len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape) > 0 and shape[1] > LEAST_WIDTH_PX:
            raise SourceError(
                f"{name} holds an array of shape {shape}, which is one picture and not (frames, height, width). Give "
                "it as one frame: frames[None]."
            )
        grey = len(shape) == 3 or shape[3:] == (1,)
        if dtype != np.uint8 or not (grey or (len(shape) == 4 and shape[3] == 3)) or 0 in shape:
            raise SourceError(
                f"{name} holds {dtype} of shape {shape}, expected uint8 of shape (frames, height, width, 3), or "
                "(frames, height, width) where it is grey."
            )
        if order not in ("rgb", "bgr"):
            raise SourceError(f"order is {order!r}, expected 'rgb' or 'bgr'.")
        super().__init__(name, shape[0], fps)
        self._frames = frames
        self._conversion = cv2.COLOR_GRAY2BGR if grey else cv2.COLOR_RGB2BGR if order == "rgb" else None

    def retrieve(self) -> Frame | None:
        """Make the grabbed frame, in memory of its own."""
        if self.number < 0:
            return None
        stored = np.ascontiguousarray(self._frames[self.number])
        pixels: Any = stored.copy() if self._conversion is None else cv2.cvtColor(stored, self._conversion)
        return Frame(pixels, self.number, self.timestamp_s, self.name)

    def close(self) -> None:
        """Let go of the array."""
        # a slice would keep the mapped file open
        self._frames, self.stated_frames = np.zeros((0, 1, 1, 3), np.uint8), 0


def open_source(address: str, fps: float = FALLBACK_FPS, order: Order = "rgb") -> ArraySource:
    """Map a .npy file.

    Raises:
        SourceError: no such file, several arrays, or no array of frames.
    """
    path = Path(address)
    if not path.is_file():
        raise SourceError(f"There is no file {path}, expected a .npy file of frames. Check the path.")
    try:
        frames = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # numpy parses the header as Python, so a damaged one raises whatever its tokenizer and parser do
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"{path} cannot be read as an array ({reason}), expected what numpy.save writes. Save it again: "
            f"numpy.save({path.name!r}, frames)"
        ) from error
    if not isinstance(frames, np.ndarray):
        names = list(frames)
        frames.close()
        raise SourceError(
            f"{path} is a file of numpy.savez with the arrays {', '.join(map(repr, names)) or 'none'}, expected one "
            f"array. Save it alone: numpy.save('frames.npy', numpy.load({str(path)!r})[{(names or ['frames'])[0]!r}])"
        )
    return ArraySource(frames, path.name, fps, order)
