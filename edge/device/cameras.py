"""What is plugged into or built into this device: cameras and power meters, and whether this user may read them.

Nothing is started here. Every root is a parameter, so that a test can hand a tree.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from adafocus.edge.device.host import SYS, Ask, small_text
from adafocus.edge.device.host import ask as ask_program

DEV, ROOT = Path("/dev"), Path("/")
RAPL_RULE = "sudo chmod -R a+r /sys/class/powercap/intel-rapl:*"
VIDEO_GROUP = "sudo usermod -aG video $USER, then log in again"
INA_CHIPS = ("ina219", "ina220", "ina226", "ina230", "ina231", "ina238", "ina260")

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


def meters(sys: Path = SYS, ask: Ask = ask_program, has_program: Callable[[str], bool] | None = None) -> list[Finding]:
    """Find what tells energy or power. A missing interface is listed as ``none``.

    In this order: the counters of x86 processors (RAPL), the rails of a Jetson (INA3221), sensor chips of the INA2xx
    family, the power chip (PMIC) of a Raspberry Pi 5, and powermetrics on macOS.

    Args:
        sys: root of sysfs.
        ask: runs a program and returns what it prints.
        has_program: whether a program is on the path.
    """
    has_program = has_program or (lambda name: shutil.which(name) is not None)
    found = [_rapl(sys), _jetson(sys), _hwmon(sys), _pi(ask, has_program)]
    if platform.system() == "Darwin":
        found.append(Finding("powermetrics (macOS)", "present but not readable", "it asks for root: sudo powermetrics"))
    return found


def _rapl(sys: Path) -> Finding:
    """Find zones of whole packages: their parts stand in zones of their own, and would count twice."""
    zones = [
        path
        for path in sorted((sys / "class" / "powercap").glob("*-rapl:*"))
        if path.name.count(":") == 1 and (path / "energy_uj").exists()
    ]
    names = ", ".join(small_text(zone / "name") or zone.name for zone in zones)
    return _readable("RAPL", [zone / "energy_uj" for zone in zones], names, f"{RAPL_RULE} (until the next start)")


def _jetson(sys: Path) -> Finding:
    """Find the rails of a Jetson: JetPack 5 and 6 show the chip as hwmon, JetPack 4 as an IIO device."""
    drivers = sys / "bus" / "i2c" / "drivers"
    labels = [path for path in sorted(drivers.glob("ina3221/*/hwmon/hwmon*/in*_label")) if small_text(path) != "NC"]
    currents = [path.parent / path.name.replace("in", "curr", 1).replace("_label", "_input") for path in labels]
    # the chip's seventh input is the sum of its shunts and has no current
    rails = {
        small_text(path) or path.name: current
        for path, current in zip(labels, currents, strict=True)
        if current.exists()
    }
    older = sorted(drivers.glob("ina3221x/*/iio:device*/rail_name_*"))
    rails |= {
        small_text(path) or path.name: path.parent / f"in_power{path.name.rsplit('_', 1)[1]}_input" for path in older
    }
    return _readable("INA3221 (Jetson)", list(rails.values()), ", ".join(rails), "run it as root: sudo adafocus ...")


def _hwmon(sys: Path) -> Finding:
    """Find sensor chips of the INA2xx family."""
    chips = [
        path
        for path in sorted((sys / "class" / "hwmon").glob("hwmon*"))
        if (small_text(path / "name") or "").lower() in INA_CHIPS
    ]
    names = ", ".join(small_text(chip / "name") or chip.name for chip in chips)
    return _readable(
        "INA2xx (hwmon)", [chip / "power1_input" for chip in chips], names, "run it as root: sudo adafocus ..."
    )


def _pi(ask: Ask, has_program: Callable[[str], bool]) -> Finding:
    """Ask a Raspberry Pi for the currents of its power chip, which only the Raspberry Pi 5 knows."""
    name = "PMIC (Raspberry Pi 5)"
    if not has_program("vcgencmd"):
        return Finding(name, "none")
    rails = ask(("vcgencmd", "pmic_read_adc"))
    if rails and "current(" in rails:
        return Finding(name, "present", f"{rails.count('current(')} rails by vcgencmd pmic_read_adc")
    if ask(("vcgencmd", "version")) is None:
        return Finding(name, "present but not readable", f"vcgencmd does not answer; allow it: {VIDEO_GROUP}")
    return Finding(name, "none", "this board's chip tells no currents, as on every model before the Raspberry Pi 5")


def _readable(name: str, files: Sequence[Path], detail: str, allow: str) -> Finding:
    """Say that a meter is present if every file can be read; one that is there but shut says how to open it."""
    if not files:
        return Finding(name, "none")
    shut = [file for file in files if small_text(file) is None]
    if shut:
        return Finding(name, "present but not readable", f"{detail}; {shut[0]} cannot be read, allow it: {allow}")
    return Finding(name, "present", detail)
