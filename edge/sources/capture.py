"""What sources that OpenCV opens have in common."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import cv2

from adafocus.edge.sources.source import FALLBACK_FPS, Frame, moment_of_capture
from adafocus.errors import SourceError
from adafocus.native_names import plain_text

SILENT, FFMPEG_SILENT = 0, "-8"


def keep_quiet() -> None:
    """Keep OpenCV's own remarks off the screen; they repeat addresses, credentials included."""
    # OpenCV 4, which tflite-runtime's numpy 1 asks for, has the call in another place
    (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(SILENT)


def quiet_by_default() -> None:
    """Keep the remarks of OpenCV and FFmpeg off the screen unless the environment asks for them."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", FFMPEG_SILENT)
    # the variable is read when OpenCV is imported, which may have happened elsewhere
    if "OPENCV_LOG_LEVEL" not in os.environ:
        keep_quiet()


quiet_by_default()


class Capture:
    """Frames of a ``cv2.VideoCapture``, counted and stamped.

    Attributes:
        name: safe to print.
        live: whether frames come when they come.
    """

    def __init__(self, capture: cv2.VideoCapture, name: str, live: bool) -> None:
        """Take over an opened capture.

        Args:
            capture: opened.
            name: safe to print.
            live: whether frames come when they come.
        """
        self.name, self.live = name, live
        self.number = -1
        self.timestamp_s = 0.0
        self._capture = capture

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
        """Make the grabbed frame; None where it cannot be decoded."""
        found, pixels = self._capture.retrieve()
        if not found or pixels is None or not pixels.size:
            return None
        if pixels.ndim == 2:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
        return Frame(pixels, self.number, self.timestamp_s, self.name)

    def close(self) -> None:
        """Release the file or the device."""
        self._capture.release()

    def _moment(self) -> float:
        """Return the timestamp of the grabbed frame."""
        return moment_of_capture(self._position_s())

    def _position_s(self) -> float:
        """Return what the source states of the grabbed frame; negative where it states nothing."""
        stated = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        return stated / 1e3 if math.isfinite(stated) else -1.0


def open_capture(target: str | int, backend: int, settings: Sequence[int] = ()) -> cv2.VideoCapture | None:
    """Open a capture; None where it does not open.

    Args:
        target: what the back end opens.
        backend: one of ``cv2.CAP_*``.
        settings: properties and values by turns.
    """
    if isinstance(target, str):
        # OpenCV reads a string that is no UTF-8 from memory that is not there
        plain = plain_text(target)
        if plain is None:
            return None
        target = plain
    try:
        capture = cv2.VideoCapture(target, backend, list(settings))
    except cv2.error:
        return None
    if capture.isOpened():
        return capture
    capture.release()
    return None


def timeouts(open_s: float, read_s: float) -> list[int]:
    """Return the settings of a capture that bound how long opening and each frame may take."""
    return [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(1e3 * open_s), cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(1e3 * read_s)]


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
