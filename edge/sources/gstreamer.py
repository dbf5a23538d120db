"""A GStreamer pipeline that ends in an appsink, run by PyGObject in a process of its own.

OpenCV's wheels are built without GStreamer. PyGObject is a package of the system, which does not depend on OpenCV; so
the process is started with the Python of this environment where that sees it, otherwise with the Python of the system.
"""

from __future__ import annotations

import sys
from pathlib import Path

from adafocus.edge.sources.decoders.process import DecoderFailed, PackageMissing, ProcessSource
from adafocus.edge.sources.source import safe_name
from adafocus.errors import SourceError

PREFIX = "gst:"
# the newest frame only, at once: the queue of a sink otherwise grows while nobody looks
NEWEST = "appsink drop=true max-buffers=1 sync=false"
EVERY = "appsink drop=false max-buffers=4 sync=false"
TO_BGR = "videoconvert ! video/x-raw,format=BGR"
# not imported: the Python of this environment may have no PyGObject
PROGRAM = Path(__file__).with_name("decoders") / "gstreamer_program.py"
SYSTEM_PYTHON = Path("/usr/bin/python3")
# what starting Python and GStreamer may take beside the pipeline
START_S = 5.0
PACKAGES = "python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
INSTALL = f"Raspberry Pi OS, Debian and JetPack: sudo apt install {PACKAGES}"


def pythons() -> list[str]:
    """Return the interpreters that may have PyGObject, this one first."""
    return list(dict.fromkeys([sys.executable, *([str(SYSTEM_PYTHON)] if SYSTEM_PYTHON.exists() else [])]))


def open_pipeline(pipeline: str, name: str, live: bool, timeout_s: float = 10.0) -> ProcessSource:
    """Open a pipeline.

    Args:
        pipeline: of GStreamer; an appsink is appended where there is none.
        name: what to call it; it is made safe to print.
        live: whether frames come when they come.
        timeout_s: for the first frame, and for each after it.

    Raises:
        SourceError: no Python here has PyGObject with GStreamer, or the pipeline does not start.
    """
    shown = safe_name(name)
    whole = pipeline if "appsink" in pipeline else f"{pipeline} ! {TO_BGR} ! {NEWEST if live else EVERY}"
    missing = ""
    for python in pythons():
        command = (python, "-I", str(PROGRAM), whole, str(timeout_s))
        try:
            return ProcessSource(command, shown, live, timeout_s + START_S)
        except PackageMissing as error:
            missing = missing or str(error)
        except DecoderFailed as error:
            raise DecoderFailed(
                f"{str(error).rstrip('.')}. The pipeline was: {safe_name(whole)}. The device may be in use by another "
                "process, or an element may be missing. Try it alone: gst-launch-1.0 followed by the pipeline, with "
                "fakesink in place of appsink"
            ) from error
    raise SourceError(f"{shown} cannot be opened: no Python here has PyGObject with GStreamer ({missing}). {INSTALL}")


def open_source(address: str, timeout_s: float = 10.0) -> ProcessSource:
    """Open ``gst:PIPELINE``; frames come as live ones.

    Raises:
        SourceError: no Python here has PyGObject with GStreamer, or the pipeline does not start.
    """
    return open_pipeline(address[len(PREFIX) :].strip(), address, live=True, timeout_s=timeout_s)
