"""The cameras of this device, and whether this user may read them.

Nothing is started here. Every root is a parameter, so that a test can hand a tree.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from adafocus.edge.device.host import SYS, small_text

DEV, ROOT = Path("/dev"), Path("/")
VIDEO_GROUP = "sudo usermod -aG video $USER, then log in again"

Presence = Literal["present", "present but not readable", "none"]


@dataclass(frozen=True)
class Finding:
    """One camera or meter: whether it is there, and a sentence on what it is, or on how to allow it."""

    name: str
    presence: Presence
    detail: str = ""

    @property
    def text(self) -> str:
        """In one line."""
        return f"{self.presence}: {self.detail}" if self.detail else self.presence


def cameras(
    sys: Path = SYS, dev: Path = DEV, root: Path = ROOT, has_module: Callable[[str], bool] | None = None
) -> list[Finding]:
    """Find cameras by the ways that ``adafocus stream`` can reach them: V4L2, Picamera2 and Argus.

    Args:
        sys: root of sysfs.
        dev: folder of the device files.
        root: of the file system, for the libraries of a Jetson.
        has_module: whether a Python module can be imported.
    """
    found = [_video_device(device, dev) for device in _videos(sys)]
    has_module = has_module or (lambda name: find_spec(name) is not None)
    if has_module("picamera2"):
        found.append(Finding("Picamera2", "present", "the Python module can be imported"))
    elif list((root / "usr/lib/python3/dist-packages").glob("picamera2*")):
        detail = "this environment does not see the system's packages: python3 -m venv --system-site-packages"
        found.append(Finding("Picamera2", "present but not readable", detail))
    plugins = list(root.glob("usr/lib/*/gstreamer-1.0/libgstnvarguscamerasrc.so"))
    if plugins:
        running = (root / "tmp" / "argus_socket").exists()
        how = "nvarguscamerasrc, and its service runs" if running else "sudo systemctl start nvargus-daemon"
        found.append(Finding("Argus (Jetson CSI)", "present" if running else "present but not readable", how))
    return found


def _videos(sys: Path) -> list[Path]:
    """Return the V4L2 devices in the order of their numbers."""
    folder = sys / "class" / "video4linux"
    return sorted(folder.glob("video*"), key=lambda path: int(re.sub(r"\D", "", path.name) or 0))


def _video_device(entry: Path, dev: Path) -> Finding:
    """Say whether this user can open a V4L2 device."""
    file = dev / entry.name
    title = small_text(entry / "name") or "no name"
    if not file.exists():
        return Finding(
            str(file), "present but not readable", f"{title}; there is no {file}: pass it into the container"
        )
    if not os.access(file, os.R_OK | os.W_OK):
        return Finding(str(file), "present but not readable", f"{title}; allow it: {VIDEO_GROUP}")
    return Finding(str(file), "present", title)
