"""Cameras of the system through V4L2: USB cameras, and whatever else has a /dev/video."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import cv2

from adafocus.edge.sources.capture import Capture, open_capture, whole_number
from adafocus.errors import SourceError

DEVICES = Path("/dev")
PROCESSES = Path("/proc")
# cameras on USB 2 reach 30 frames a second at 720p only where they compress
DEFAULT_FOURCC = "MJPG"
BUFFERS = 2


def open_source(
    address: str,
    width_px: int | None = None,
    height_px: int | None = None,
    fps: int | None = None,
    fourcc: str = DEFAULT_FOURCC,
) -> Capture:
    """Open a camera; the driver takes the nearest size and rate that it has.

    Args:
        address: ``camera:0`` or ``/dev/video0``.
        width_px: wanted width.
        height_px: wanted height.
        fps: wanted frames per second.
        fourcc: wanted pixel format, four letters.

    Raises:
        SourceError: there is no such camera, it may not be opened, or another process has it.
    """
    number = int(re.sub(r"\D", "", address))
    if len(fourcc) != 4:
        raise SourceError(f"fourcc is {fourcc!r}, expected four letters such as MJPG or YUYV.")
    device = DEVICES / f"video{number}"
    on_linux = sys.platform.startswith("linux")
    if on_linux:
        _check(device)
    settings: list[int] = [cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*fourcc), cv2.CAP_PROP_BUFFERSIZE, BUFFERS]
    for prop, name, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, "width_px", width_px),
        (cv2.CAP_PROP_FRAME_HEIGHT, "height_px", height_px),
        (cv2.CAP_PROP_FPS, "fps", fps),
    ):
        checked = whole_number(name, value)
        if checked is not None:
            settings += [prop, checked]
    capture = open_capture(number, cv2.CAP_V4L2 if on_linux else cv2.CAP_ANY)
    if capture is None:
        raise SourceError(_why_not(device, number))
    # a setting that a driver does not have is left as it is; given at opening it would make opening fail
    for prop, wanted in zip(settings[::2], settings[1::2], strict=True):
        capture.set(prop, wanted)
    return Capture(capture, f"camera:{number}", live=True)


def _check(device: Path) -> None:
    if not device.exists():
        others = sorted(path.name for path in DEVICES.glob("video*"))
        there = f"there are {', '.join(f'{DEVICES}/{name}' for name in others)}" if others else "there is no camera"
        raise SourceError(
            f"There is no {device}; {there}. Plug a camera in, and look: ls {DEVICES}/video*. "
            "The camera of a Raspberry Pi is opened as picamera:0, that of a Jetson as jetson:0."
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise SourceError(
            f"{device} may not be opened by this user. Join its group, and log in again: sudo usermod -aG video $USER"
        )


def _why_not(device: Path, number: int) -> str:
    holders = holders_of(device)
    if holders:
        who = ", ".join(f"{name} (process {process})" for process, name in holders)
        return f"{device} is in use by {who}, and a camera serves one process at a time. Stop that one, or use another."
    return (
        f"{device} does not open as a camera; some devices of that name deliver only metadata, or are in use by a "
        f"process that cannot be seen from here. Look which one is the camera: v4l2-ctl --list-devices, and try the "
        f"next: camera:{number + 1}"
    )


def holders_of(device: Path) -> list[tuple[int, str]]:
    """Other processes that hold a file open, as far as this user may see: number and name."""
    wanted = os.path.realpath(device)
    found = []
    for handle in PROCESSES.glob("[0-9]*/fd/*"):
        process = int(handle.parts[-3])
        try:
            if process != os.getpid() and os.readlink(handle) == wanted:
                found.append((process, (handle.parents[1] / "comm").read_text().strip()))
        except OSError:
            # it ended while we looked, or belongs to somebody else
            continue
    return sorted(set(found))
