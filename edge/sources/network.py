"""Network streams through OpenCV's FFmpeg: RTSP, RTSPS, and HTTP(S), Motion JPEG among them.

User names, passwords and tokens in addresses are never shown: not in names, not in errors, not in what the libraries
print. A finite file that is served over HTTP counts as a stream: it begins again when it is opened again.
"""

from __future__ import annotations

import os
import time

import cv2

from adafocus.edge.sources.capture import FFMPEG_SILENT, Capture, keep_quiet, open_capture, timeouts
from adafocus.edge.sources.source import safe_name
from adafocus.errors import SourceError

OPEN_S = 5.0
READ_S = 5.0


def open_source(address: str, open_s: float = OPEN_S, read_s: float = READ_S) -> NetworkStream:
    """Open a stream.

    Args:
        address: begins with rtsp://, rtsps://, http:// or https://.
        open_s: how long opening may take.
        read_s: how long a frame may take; after that ``grab`` is False.

    Raises:
        SourceError: nobody answers there, or what answers is no video.
    """
    shown = safe_name(address)
    if not (open_s > 0 and read_s > 0):
        raise SourceError(f"open_s is {open_s} and read_s is {read_s}, expected seconds above 0.")
    if shown != address:
        # whoever asked for FFmpeg's log did not ask for a password in it
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = FFMPEG_SILENT
        os.environ.pop("OPENCV_FFMPEG_DEBUG", None)
        keep_quiet()
    capture = open_capture(address, cv2.CAP_FFMPEG, timeouts(open_s, read_s))
    if capture is None:
        raise SourceError(
            f"{shown} does not open within {open_s:g} s: nobody answers there, the credentials are wrong, it is no "
            "video, or its first frame takes longer. Check that the camera is on and in this network, and try the "
            "address in a player such as VLC."
        )
    return NetworkStream(capture, shown, read_s)


# a connection that gave as many frames is no slow one that ran out of time
FEW_FRAMES = 3
# of the time that a frame may take: OpenCV gives a frame of the last moment without its picture
NEARLY = 0.9


class Reopener:
    """Opens one stream again and again, as often as it is called.

    Five seconds without a frame are an outage of most cameras, and the pace of a few. So where a connection gave
    hardly any frame, the next one is given more time, and the one after that is a short one again.

    Attributes:
        address: of the stream.
    """

    def __init__(self, address: str, patience_s: float) -> None:
        """Open nothing yet.

        Args:
            address: of the stream.
            patience_s: how long a frame may take where short waits were in vain.
        """
        self.address = address
        self._long_s = max(READ_S, patience_s)
        self._last: NetworkStream | None = None
        self._wait_s = self._long_s

    def __call__(self) -> NetworkStream:
        """Open the stream.

        Raises:
            SourceError: nobody answers there, or what answers is no video.
        """
        gave_few = self._last is None or self._last.number + 1 < FEW_FRAMES
        was_short, self._last = self._wait_s < self._long_s, None
        self._wait_s = self._long_s if gave_few and was_short else READ_S
        began_s = time.monotonic()
        stream = open_source(self.address, self._wait_s, self._wait_s)
        if self._wait_s < self._long_s and time.monotonic() - began_s >= NEARLY * self._wait_s:
            # its frames come about as slowly as that, and would run out of time by turns
            stream.close()
            self._wait_s = self._long_s
            stream = open_source(self.address, self._wait_s, self._wait_s)
        self._last = stream
        return stream


class NetworkStream(Capture):
    """Frames of a stream, stamped when they arrive: the sender's clock is not ours."""

    def __init__(self, capture: cv2.VideoCapture, name: str, read_s: float) -> None:
        """Take over an opened capture, whose frames may take so many seconds each."""
        super().__init__(capture, name, live=True)
        self._read_s = read_s

    def grab(self) -> bool:
        """Advance to the next frame; False where none came in time."""
        began_s = time.monotonic()
        return super().grab() and time.monotonic() - began_s < NEARLY * self._read_s

    def _moment(self) -> float:
        return time.monotonic()
