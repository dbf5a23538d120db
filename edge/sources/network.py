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


def open_source(address: str, open_s: float = OPEN_S, read_s: float = READ_S) -> Capture:
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
            f"{shown} does not open within {open_s:g} s: nobody answers there, the credentials are wrong, or it is no "
            "video. Check that the camera is on and in this network, and try the address in a player such as VLC."
        )
    return NetworkStream(capture, shown, live=True)


class NetworkStream(Capture):
    """Frames of a stream, stamped when they arrive: the sender's clock is not ours."""

    def _moment(self) -> float:
        return time.monotonic()
