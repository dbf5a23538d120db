"""A GStreamer pipeline that ends in an appsink, through OpenCV.

The wheels of the package index are built without GStreamer; Debian's python3-opencv and JetPack's OpenCV have it. What
is not verified here: a pipeline that runs, since no such OpenCV is on the machine that the tests run on.
"""

from __future__ import annotations

import cv2

from adafocus.edge.sources.capture import Capture, keep_quiet, open_capture, timeouts
from adafocus.edge.sources.source import safe_name
from adafocus.errors import SourceError

PREFIX = "gst:"
# the newest frame only, at once: the queue of a sink otherwise grows while nobody looks
NEWEST = "appsink drop=true max-buffers=1 sync=false"
EVERY = "appsink drop=false max-buffers=4 sync=false"
TO_BGR = "videoconvert ! video/x-raw,format=BGR"
BUILT_IN = "YES"
INSTALL = (
    "The OpenCV of the package index has none. Raspberry Pi and Debian: sudo apt install python3-opencv, and make the "
    "environment with the system's packages: python3 -m venv --system-site-packages .venv. Jetson: use the OpenCV "
    "that JetPack brings, in the same way, and pip uninstall opencv-python in that environment"
)


def unavailable() -> str | None:
    """Return None where this OpenCV has GStreamer, else how to get it, in a sentence."""
    lines = [line.split(":", 1)[1] for line in cv2.getBuildInformation().splitlines() if "GStreamer:" in line]
    if any(BUILT_IN in line for line in lines):
        return None
    return f"This OpenCV ({cv2.__version__}) is built without GStreamer. {INSTALL}."


def open_pipeline(pipeline: str, name: str, live: bool, timeout_s: float = 10.0) -> Capture:
    """Open a pipeline.

    Args:
        pipeline: of GStreamer; an appsink is appended where there is none.
        name: what to call it; it is made safe to print.
        live: whether frames come when they come.
        timeout_s: for opening, and for each frame.

    Raises:
        SourceError: OpenCV has no GStreamer, or the pipeline does not start.
    """
    shown = safe_name(name)
    reason = unavailable()
    if reason is not None:
        raise SourceError(f"{shown} cannot be opened. {reason}")
    keep_quiet()
    whole = pipeline if "appsink" in pipeline else f"{pipeline} ! {TO_BGR} ! {NEWEST if live else EVERY}"
    capture = open_capture(whole, cv2.CAP_GSTREAMER, timeouts(timeout_s, timeout_s))
    if capture is None:
        raise SourceError(
            f"{shown} does not start; the pipeline was: {safe_name(whole)}. The device may be in use by another "
            "process, or an element may be missing. Try it alone: gst-launch-1.0 followed by the pipeline, with "
            "fakesink in place of appsink"
        )
    return Capture(capture, shown, live)


def open_source(address: str, timeout_s: float = 10.0) -> Capture:
    """Open ``gst:PIPELINE``; frames come as live ones.

    Raises:
        SourceError: OpenCV has no GStreamer, or the pipeline does not start.
    """
    return open_pipeline(address[len(PREFIX) :].strip(), address, live=True, timeout_s=timeout_s)
