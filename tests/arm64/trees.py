"""A Raspberry Pi's user space without a Raspberry Pi, built from Debian's and Python's registries.

It holds Debian's Python 3.11 for ARM64, the wheels that pip would choose on a Pi, and QEMU's user-mode emulator to run
them. The same wheels for this processor are laid beside them, to compare with. Nothing is installed into this machine
and no rights are needed: Debian's packages are fetched with an apt that has folders of its own, and unpacked.

    python tests/arm64/trees.py        build what is missing

Everything lies in ``.cache/arm64``. What is there is used again; an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from adafocus.edge.bundle.files import replacing_directory
from adafocus.errors import AdafocusError

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "arm64"
MARKER = ".made"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = f"deb [signed-by={KEYRING}] http://deb.debian.org/debian {{}} main"
RELEASE = "bookworm"
# what Raspberry Pi OS 12 has under a fresh virtual environment, and the two libraries that OpenCV's wheel loads
SYSTEM = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6", "libgl1", "libglib2.0-0")
EMULATOR = ("qemu-user-static",)
PROCESSOR = "cortex-a76"
PYTHON = (3, 11)
# Debian 12 has glibc 2.36; pip takes a wheel for any glibc from 2.17 up to that
GLIBC_MINORS = range(17, 37)
DEVICE_PACKAGES = ("pydantic==2.11.10", "click==8.5.1", "rich==15.0.0", "pillow==12.0.0", "av==18.1.0", "psutil==7.2.2")
# what pip chooses on a Pi: tflite-runtime was built for numpy 1, and OpenCV 5 wants numpy 2
WHEELS: dict[str, tuple[str, ...]] = {
    # ai-edge-litert 2.3.0 crashes in QEMU 7.2 as soon as an interpreter is made
    "litert": ("ai-edge-litert==2.0.3", "numpy==2.4.6", "opencv-python==5.0.0.93", *DEVICE_PACKAGES),
    "tflite": ("tflite-runtime==2.14.0", "numpy==1.26.4", "opencv-python==4.11.0.86", *DEVICE_PACKAGES),
}
HERE, PI = "x86_64", "aarch64"
DEBIAN_NAMES = {HERE: "amd64", PI: "arm64"}

console = Console(highlight=False)


@dataclass(frozen=True)
class Device:
    """One interpreter with one set of wheels, emulated or not.

    Attributes:
        name: for people.
        command: what starts Python.
        wheels: folder of unpacked wheels.
    """

    name: str
    command: tuple[str, ...]
    wheels: Path

    def run(self, *arguments: str | Path, timeout_s: float = 900.0) -> subprocess.CompletedProcess[str]:
        """Run Python with the project and the wheels on its path, and nothing else of this machine."""
        environment = {"PYTHONPATH": f"{self.wheels}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [*self.command, *map(str, arguments)],
            cwd=CACHE,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    def adafocus(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the command line as its entry point does."""
        return self.run("-c", "from adafocus.edge.cli import main; main()", *arguments)


@contextmanager
def building() -> Iterator[None]:
    """Build trees, alone in the cache.

    Raises:
        AdafocusError: the sentence says what this machine lacks.
    """
    _check_machine()
    CACHE.mkdir(parents=True, exist_ok=True)
    with _alone():
        yield


def devices() -> dict[str, tuple[Device, Device]]:
    """For each runtime the emulated Pi and this processor, built where they are missing.

    Raises:
        AdafocusError: the sentence says what this machine lacks.
    """
    with building():
        emulator = debian(EMULATOR, HERE) / "usr" / "bin" / "qemu-aarch64-static"
        system = debian(SYSTEM, PI)
        emulated = (str(emulator), "-cpu", PROCESSOR, "-L", str(system), str(system / "usr" / "bin" / "python3.11"))
        # -S leaves the workstation's own packages out
        return {
            name: (
                Device(f"{name} on emulated ARM64", emulated, wheels(name, PI)),
                Device(f"{name} on {HERE}", (sys.executable, "-S"), wheels(name, HERE)),
            )
            for name in WHEELS
        }


def debian(packages: Sequence[str], machine: str, name: str = "debian", release: str = RELEASE) -> Path:
    """Return a folder with Debian's packages and all they depend on, unpacked.

    Args:
        packages: their names.
        machine: processor that they are for.
        name: of the folder, which is lengthened by the processor's.
        release: of Debian.
    """
    architecture = DEBIAN_NAMES[machine]

    def fill(folder: Path) -> None:
        apt = _apt(architecture, release)
        _call([*apt, "update"], "Debian's package list")
        fetch = ["install", "--yes", "--no-install-recommends", "--download-only", *packages]
        _call([*apt, *fetch], f"Debian's {', '.join(packages)} for {architecture}")
        for archive in sorted((_apt_folder(architecture) / "archives").glob("*.deb")):
            _call(["dpkg-deb", "--extract", str(archive), str(folder)], archive.name)
        _call([*apt, "clean"], "apt's own folder")

    what = f"Debian's {packages[0]} for {architecture}"
    return _made(f"{name}-{architecture}", (MIRROR.format(release), *packages), what, fill)


def wheels(name: str, machine: str) -> Path:
    """Return a folder with the unpacked wheels of one environment for one processor."""
    tags = [f"manylinux_2_{minor}_{machine}" for minor in reversed(GLIBC_MINORS)] + [f"manylinux2014_{machine}"]

    def fill(folder: Path) -> None:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            str(folder),
        ]
        chosen = ["--only-binary=:all:", "--implementation", "cp", "--python-version", ".".join(map(str, PYTHON))]
        _call([*pip, *chosen, *(f"--platform={tag}" for tag in tags), *WHEELS[name]], f"wheels for {machine}")

    return _made(f"{name}-{machine}", WHEELS[name], f"{WHEELS[name][0]} and what it needs for {machine}", fill)


def _made(name: str, recipe: Sequence[str], what: str, fill: Callable[[Path], None]) -> Path:
    """Return a folder that was filled after this very recipe; it is made beside its place and renamed when whole."""
    place = CACHE / name
    digest = hashlib.sha256("\n".join(recipe).encode()).hexdigest()
    marker = place / MARKER
    if marker.is_file() and marker.read_text(encoding="ascii") == digest:
        return place
    for left in CACHE.glob(f".{name}.*"):
        shutil.rmtree(left)
    started = time.perf_counter()
    with console.status(f"{what} ..."), replacing_directory(place, MARKER) as beside:
        fill(beside)
        (beside / MARKER).write_text(digest, encoding="ascii")
    console.print(f"{what}: {time.perf_counter() - started:.0f} s")
    return place


def _apt_folder(architecture: str) -> Path:
    return CACHE / f"apt-{architecture}"


def _apt(architecture: str, release: str) -> list[str]:
    """Return an apt-get that keeps everything in its own folders and believes that nothing is installed."""
    folder = _apt_folder(architecture)
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    sources, status = folder / "sources.list", folder / "status"
    sources.write_text(f"{MIRROR.format(release)}\n", encoding="ascii")
    status.touch()
    settings = {
        "Dir::State": folder,
        "Dir::State::status": status,
        "Dir::Cache": folder,
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "APT::Architecture": architecture,
        "APT::Architectures::": architecture,
        # as root, apt would hand the work to a user who may not write here
        "APT::Sandbox::User": "root",
        "Acquire::Retries": 3,
    }
    return ["apt-get", "-qq", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]


def _call(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        complaint = ((done.stderr or done.stdout).strip().splitlines() or ["no message"])[-1].rstrip(".")
        raise AdafocusError(
            f"{what} cannot be had: {complaint}. Check the connection to the registries and type again: make test-arm64"
        )


def _check_machine() -> None:
    if platform.system() != "Linux" or platform.machine() != HERE:
        raise AdafocusError(
            f"This is {platform.system()} on {platform.machine()}; an ARM64 Pi is emulated on Linux on {HERE} only. On "
            "a Pi itself, type: make test"
        )
    if sys.version_info[:2] != PYTHON:
        raise AdafocusError(
            f"This is Python {platform.python_version()}, but tflite-runtime ends at 3.11. Type: make clean && make "
            "PYTHON=python3.11 test-arm64"
        )
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing:
        raise AdafocusError(
            f"This machine has no {' and no '.join(missing)}. The emulated Pi is made of Debian's packages: use Debian "
            "or Ubuntu, for example the container image python:3.11-bookworm."
        )
    if not KEYRING.is_file():
        raise AdafocusError(
            f"{KEYRING} is missing, so Debian's packages cannot be checked. Install it: "
            "sudo apt-get install debian-archive-keyring"
        )


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other build works in the cache."""
    with (CACHE / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print(f"another build works in {CACHE}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Build, and say where it is."""
    try:
        built = devices()
    except AdafocusError as error:
        console.print(f"test-arm64: {error}", soft_wrap=True)
        raise SystemExit(2) from error
    except KeyboardInterrupt as error:
        console.print("test-arm64: stopped; what is whole is kept.")
        raise SystemExit(130) from error
    names = ", ".join(device.name for pair in built.values() for device in pair)
    console.print(f"ready in {CACHE.relative_to(ROOT)}: {names}", soft_wrap=True)


if __name__ == "__main__":
    main()
