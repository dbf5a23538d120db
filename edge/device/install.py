"""What is installed for this interpreter, and the exact line that installs what is missing."""

from __future__ import annotations

import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pkgutil import resolve_name

from adafocus.edge.runtime_table import RUNTIMES, RuntimeSpec, runtime_spec
from adafocus.edge.runtimes import missing
from adafocus.edge.runtimes.loading import does_not_load, load_problem

# distributions that hold the module cv2; Debian's python3-opencv is none of them
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
MARK = "problem:"
PROBE = f"""
import sys
from adafocus.edge.runtimes.loading import load_problem
print({MARK!r}, load_problem(sys.argv[1:]) or "")
"""
LOAD_LIMIT_S = 120
BACK_ENDS = {"FFmpeg": r"FFMPEG", "GStreamer": r"GStreamer", "V4L2": r"v4l/v4l2", "AVFoundation": r"AVFoundation"}


@dataclass(frozen=True)
class Interpreter:
    """The Python that asks, and how packages are put into it.

    Attributes:
        system: operating system, as :func:`platform.system` names it.
        program: path of the interpreter.
        managed: whether the system refuses ``pip install`` outside an environment (Debian, Raspberry Pi OS).
        numpy: major version of numpy, None where it is not installed.
    """

    system: str
    program: str
    managed: bool
    numpy: int | None

    @classmethod
    def here(cls) -> Interpreter:
        """Return the one that runs this."""
        numpy = version_of("numpy")
        marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
        return cls(
            system=platform.system(),
            program=sys.executable or "python3",
            managed=sys.prefix == sys.base_prefix and marker.exists(),
            numpy=int(numpy.split(".")[0]) if numpy else None,
        )

    def install_line(self, spec: RuntimeSpec) -> str:
        """Return the command that installs a runtime for this interpreter, by way of an environment where it must be.

        A managed interpreter gets one that sees the system's packages. A runtime that was built for another numpy gets
        one of its own.
        """
        program = shlex.quote(self.program)
        if spec.numpy not in (None, self.numpy):
            place, options = f"~/adafocus-{spec.name}", ""
        elif self.managed:
            place, options = "~/adafocus", "--system-site-packages "
        else:
            return " && ".join(spec.install_steps(f"{program} -m pip"))
        return " && ".join([f"{program} -m venv {options}{place}", *spec.install_steps(f"{place}/bin/pip")])


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
    """Return for every runtime of the table its version, or how it is installed here, or why it does not load."""
    here = Interpreter.here()
    # each waits for a process of its own
    with ThreadPoolExecutor() as pool:
        return dict(zip(RUNTIMES, pool.map(lambda name: _state(name, here), RUNTIMES), strict=True))


def _state(name: str, here: Interpreter) -> RuntimeState:
    """Return the version of a runtime that loads here, else the sentence on how to install it."""
    if missing(name) is not None:
        return RuntimeState(None, how_to_install(name, here))
    spec = runtime_spec(name)
    problem = load_problem_apart(spec.loads)
    if problem is None:
        return RuntimeState(runtime_version(name), resolve_name(spec.problem)() if spec.problem else None)
    return RuntimeState(None, does_not_load(spec.imports[0].partition(".")[0], problem))


def library_state(module: str, distribution: str) -> RuntimeState:
    """Return the version of a library that is needed besides a runtime, or why it does not load."""
    problem = load_problem_apart((module,))
    return (
        RuntimeState(None, does_not_load(module, problem)) if problem else RuntimeState(version_of(distribution), None)
    )


def load_problem_apart(modules: Sequence[str]) -> str | None:
    """Import modules in a process of its own, because a library for another processor crashes when it is loaded.

    Returns:
        why they do not load; None where they do.
    """
    call = [sys.executable, "-c", PROBE, *modules]
    # what was added to the path of this process holds for that one, too
    around = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(call, capture_output=True, text=True, errors="replace", timeout=LOAD_LIMIT_S, env=around)
    except subprocess.TimeoutExpired:
        return f"it did not load within {LOAD_LIMIT_S} s"
    except OSError:
        # an emulator or a sandbox that starts no processes
        return load_problem(modules)
    if done.returncode < 0:
        return f"its process crashed with {signal.Signals(-done.returncode).name} when it was loaded"
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"its process ended with code {done.returncode}"]
        return last[0]
    return done.stdout.rpartition(MARK)[2].strip() or None


def runtime_version(name: str) -> str | None:
    """Return the version of a runtime's package; None where it does not say."""
    return version_of(runtime_spec(name).distribution)


def how_to_install(name: str, here: Interpreter) -> str:
    """Return the exact line that installs a runtime, or why there is none. Whether there is a file for it, pip says.

    Args:
        name: of a runtime.
        here: the interpreter that is to have it.
    """
    spec = runtime_spec(name)
    refusal = spec.refusal(here.system)
    if refusal is not None:
        return refusal
    needs = f"It needs {spec.needs}; numpy here is {here.numpy or 'not installed'}. " if spec.needs else ""
    return f"The runtime {name} is not installed. {needs}Install it: {here.install_line(spec)}"


def version_of(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
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
        problem: a sentence where it does not load.
    """

    version: str
    packages: tuple[str, ...]
    back_ends: dict[str, bool]
    note: str | None
    problem: str | None = None

    @property
    def text(self) -> str:
        """In one line."""
        if self.problem is not None:
            return self.problem
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
    packages = tuple(f"{name} {number}" for name, number in found.items())
    if build is None:
        problem = load_problem_apart(("cv2",))
        if problem is not None:
            return OpenCV("", packages, {}, None, does_not_load("cv2", problem))
    cv2 = import_module("cv2")
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
    return OpenCV(cv2.__version__, packages, back_ends, note)
