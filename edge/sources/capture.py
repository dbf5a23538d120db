"""What sources that OpenCV opens have in common."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from types import TracebackType

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.sources.base import FALLBACK_FPS, Frame, moment_of_capture
from adafocus.errors import SourceError

SILENT = 0


def keep_quiet() -> None:
    """Keep OpenCV's own remarks off the screen; they repeat addresses, credentials included."""
    # OpenCV 4, which tflite-runtime's numpy 1 asks for, has the call in another place
    (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(SILENT)


if "OPENCV_LOG_LEVEL" not in os.environ:
    # the variable is read when OpenCV is imported, which may have happened elsewhere
    keep_quiet()


class Capture:
    """Frames of a ``cv2.VideoCapture``, counted and stamped.

    Attributes:
        name: safe to print.
        live: whether frames come when they come.
    """

    def __init__(self, capture: cv2.VideoCapture, name: str, live: bool, share_buffer: bool = False) -> None:
        """Take over an opened capture.

        Args:
            capture: opened.
            name: safe to print.
            live: whether frames come when they come.
            share_buffer: write every frame into the same memory; then it is gone with the next ``retrieve``.
        """
        self.name, self.live = name, live
        self.number = -1
        self.timestamp_s = 0.0
        self._capture = capture
        self._share_buffer = share_buffer
        self._buffer: NDArray[np.uint8] | None = None

    @property
    def fps(self) -> float:
        """Frames per second, the nominal rate where the source states none."""
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        return float(rate) if math.isfinite(rate) and rate > 0 else FALLBACK_FPS

    def grab(self) -> bool:
        """Advance to the next frame; False at the end, or where a live source gave nothing in time."""
        if not self._capture.grab():
            return False
        self.number += 1
        self.timestamp_s = self._moment()
        return True

    def retrieve(self) -> Frame | None:
        """The grabbed frame, or None where it cannot be decoded."""
        found, pixels = self._capture.retrieve(self._buffer)
        if not found or pixels is None or not pixels.size:
            return None
        if pixels.ndim == 2:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
        elif self._share_buffer:
            self._buffer = pixels
        return Frame(pixels, self.number, self.timestamp_s, self.name)

    def close(self) -> None:
        """Release the file or the device."""
        self._capture.release()

    def _moment(self) -> float:
        return moment_of_capture(self._position_s())

    def _position_s(self) -> float:
        stated = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        return stated / 1e3 if math.isfinite(stated) else -1.0

    def __enter__(self) -> Capture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_capture(target: str | int, backend: int, settings: Sequence[int] = ()) -> cv2.VideoCapture | None:
    """Open a capture; None where it does not open.

    Args:
        target: what the back end opens.
        backend: one of ``cv2.CAP_*``.
        settings: properties and values by turns.
    """
    try:
        capture = cv2.VideoCapture(target, backend, list(settings))
    except cv2.error:
        return None
    if capture.isOpened():
        return capture
    capture.release()
    return None


def whole_number(name: str, value: float | None, least: int = 1, most: int = 100_000) -> int | None:
    """Check an option that counts something.

    Raises:
        SourceError: it is not a whole number within the bounds.
    """
    if value is None:
        return None
    if value != int(value) or not least <= value <= most:
        raise SourceError(f"{name} is {value}, expected a whole number from {least} to {most}.")
    return int(value)
