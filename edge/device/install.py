"""What is installed for this interpreter, and the exact line that installs what is missing."""

from __future__ import annotations

import platform
import re
import shlex
import struct
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2

from adafocus.edge.runtimes import RUNTIMES, unavailable

# distributions that hold the module cv2; Debian's python3-opencv is none of them
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
BACK_ENDS = {"FFmpeg": r"FFMPEG", "GStreamer": r"GStreamer", "V4L2": r"v4l/v4l2", "AVFoundation": r"AVFoundation"}
TORCH_FIRST = "torch==2.13.0"
MUSL = "musl"


@dataclass(frozen=True)
class Wheels:
    """For what a release is built, read off its files in the package index (November 2026).

    Attributes:
        distribution: name in the package index.
        release: the version that pyproject.toml asks for.
        pythons: oldest and newest minor version of Python 3.
        machines: by operating system; on Linux each with the oldest C library (glibc 2.x).
    """

    distribution: str
    release: str
    pythons: tuple[int, int]
    machines: dict[str, dict[str, int]]


WHEELS = {
    "litert": Wheels(
        "ai-edge-litert",
        "2.3.0",
        (10, 14),
        {"Linux": {"x86_64": 27, "aarch64": 27}, "Darwin": {"arm64": 0}, "Windows": {"AMD64": 0}},
    ),
    "tflite": Wheels("tflite-runtime", "2.14.0", (8, 11), {"Linux": {"x86_64": 17, "aarch64": 34, "armv7l": 34}}),
    "onnx": Wheels(
        "onnxruntime",
        "1.32.0",
        (11, 14),
        {
            "Linux": {"x86_64": 28, "aarch64": 28},
            "Darwin": {"arm64": 0},
            "Windows": {"AMD64": 0, "ARM64": 0},
        },
    ),
    "executorch": Wheels(
        "executorch",
        "1.5.1",
        (10, 14),
        {"Linux": {"x86_64": 28, "aarch64": 28}, "Darwin": {"arm64": 0}, "Windows": {"AMD64": 0}},
    ),
    "coreml": Wheels("coremltools", "9.0", (7, 13), {"Darwin": {"arm64": 0, "x86_64": 0}}),
}


@dataclass(frozen=True)
class Interpreter:
    """The Python that asks: what wheels are chosen by, and how packages are put into it.

    Attributes:
        python: minor version of Python 3.
        system: Linux, Darwin or Windows.
        machine: as ``uname`` says.
        bits: 64, or 32 also on a 64-bit kernel.
        glibc: minor version of glibc 2, None where there is another C library.
        program: path of the interpreter.
        managed: whether the system refuses ``pip install`` outside an environment (Debian, Raspberry Pi OS).
        numpy: major version of numpy, None where it is not installed.
    """

    python: int
    system: str
    machine: str
    bits: int
    glibc: int | None
    program: str
    managed: bool
    numpy: int | None

    @classmethod
    def here(cls) -> Interpreter:
        """The one that runs this."""
        library, number = platform.libc_ver()
        found = re.match(r"2\.(\d+)", number) if library == "glibc" else None
        numpy = version_of("numpy")
        marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
        return cls(
            python=sys.version_info[1],
            system=platform.system(),
            machine=platform.machine(),
            bits=8 * struct.calcsize("P"),
            glibc=int(found.group(1)) if found else None,
            program=sys.executable or "python3",
            managed=sys.prefix == sys.base_prefix and marker.exists(),
            numpy=int(numpy.split(".")[0]) if numpy else None,
        )

    def install_line(self, *packages: str) -> str:
        """The command that puts packages into this interpreter, or into an environment that can see its packages."""
        wanted = " ".join(f'"{name}"' if "[" in name or "<" in name else name for name in packages)
        if self.managed:
            return (
                f"{shlex.quote(self.program)} -m venv --system-site-packages ~/adafocus && "
                f"~/adafocus/bin/pip install {wanted}"
            )
        return f"{shlex.quote(self.program)} -m pip install {wanted}"


@dataclass(frozen=True)
class RuntimeState:
    """One runtime on this machine.

    Attributes:
        version: where it is installed; ``unknown`` where its package does not say.
        missing: a sentence where it is not: the line that installs it, or why nothing can.
    """

    version: str | None
    missing: str | None

    @property
    def text(self) -> str:
        """The version, or the sentence."""
        return self.missing or self.version or "present, version unknown"


def runtime_states() -> dict[str, RuntimeState]:
    """Every runtime of the table: its version, or how it is installed here."""
    here = Interpreter.here()
    return {name: _state(name, here) for name in RUNTIMES}


def _state(name: str, here: Interpreter) -> RuntimeState:
    if unavailable(name) is None:
        return RuntimeState(runtime_version(name), None)
    return RuntimeState(None, how_to_install(name, here))


def runtime_version(name: str) -> str | None:
    """Version of a runtime's package; None where it does not say."""
    return version_of(WHEELS[name].distribution)


def how_to_install(name: str, here: Interpreter) -> str:
    """The exact line for this interpreter, or why there is none.

    Args:
        name: of a runtime.
        here: the interpreter that is to have it.
    """
    wheels = WHEELS[name]
    reason = why_not(wheels, here)
    if reason is not None:
        return f"The runtime {name} cannot be installed here: {reason}"
    package = f"adafocus-edge[{name}]"
    if name == "tflite" and here.numpy != 1:
        place = f"{shlex.quote(here.program)} -m venv ~/adafocus-tflite && ~/adafocus-tflite/bin/pip install"
        return (
            f"The runtime tflite is not installed. It needs numpy 1, found numpy {here.numpy}, so give it an "
            f'environment of its own: {place} "{package}"'
        )
    first = f"{here.install_line(TORCH_FIRST)} && " if name == "executorch" else ""
    rest = f'~/adafocus/bin/pip install "{package}"' if first and here.managed else here.install_line(package)
    return f"The runtime {name} is not installed. Install it: {first}{rest}"


def why_not(wheels: Wheels, here: Interpreter) -> str | None:
    """None where a release has a file for an interpreter, else what it has and what was found."""
    name = f"{wheels.distribution} {wheels.release}"
    machines = wheels.machines.get(here.system)
    if machines is None:
        systems = ", ".join(wheels.machines)
        return f"{name} is built for {systems} only, this is {here.system}."
    machine = _machine_of_wheels(here)
    if machine not in machines:
        return f"{name} is built for {', '.join(machines)} on {here.system}, this is {here.bits}-bit {here.machine}."
    oldest, newest = wheels.pythons
    if not oldest <= here.python <= newest:
        return f"{name} is built for Python 3.{oldest} to 3.{newest}, this is Python 3.{here.python}."
    if here.system == "Linux" and here.glibc is None:
        return f"{name} is built for the C library glibc, this system has another one (Alpine and its like)."
    if here.system == "Linux" and here.glibc is not None and here.glibc < machines[machine]:
        return f"{name} needs glibc 2.{machines[machine]} or newer, this is glibc 2.{here.glibc}: a newer system helps."
    return None


def _machine_of_wheels(here: Interpreter) -> str:
    """A 32-bit interpreter takes 32-bit wheels, whatever the kernel is."""
    if here.bits == 64:
        return here.machine
    return {"aarch64": "armv7l", "x86_64": "i686"}.get(here.machine, here.machine)


def version_of(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True)
class OpenCV:
    """Which OpenCV is imported, where it comes from, and what it can read.

    Attributes:
        version: of the module.
        packages: distributions that hold it, with versions; empty where it is the system's own.
        back_ends: name -> whether it is built in.
        note: a sentence where something about it will give trouble.
    """

    version: str
    packages: tuple[str, ...]
    back_ends: dict[str, bool]
    note: str | None

    @property
    def text(self) -> str:
        """In one line."""
        source = ", ".join(self.packages) or "of the system, no Python package"
        there = [name for name, present in self.back_ends.items() if present]
        return f"{self.version} ({source}), back ends: {', '.join(there) or 'none'}"


def opencv(find_version: Callable[[str], str | None] = version_of, build: str | None = None) -> OpenCV:
    """Look at the OpenCV of this interpreter.

    Args:
        find_version: version of a distribution, or None.
        build: OpenCV's description of itself, its own where None.
    """
    found = {name: number for name in OPENCV if (number := find_version(name)) is not None}
    text = cv2.getBuildInformation() if build is None else build
    back_ends = {
        name: bool(re.search(rf"^\s*{key}:\s*YES", text, re.MULTILINE | re.IGNORECASE))
        for name, key in BACK_ENDS.items()
    }
    if not back_ends["AVFoundation"]:
        del back_ends["AVFoundation"]
    note = None
    if len(found) > 1:
        note = (
            f"{' and '.join(found)} write into one folder, and only one of them may be there: pip uninstall "
            f"{' '.join(found)}, then install one of them again."
        )
    elif not back_ends["FFmpeg"]:
        note = "This OpenCV has no FFmpeg, so it reads few video files: pip install opencv-python-headless"
    return OpenCV(cv2.__version__, tuple(f"{name} {number}" for name, number in found.items()), back_ends, note)
