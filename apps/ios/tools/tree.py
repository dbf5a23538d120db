"""A tree of Debian with the Swift compiler, in which the package is tested. Nothing of it is installed outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from adafocus.errors import AdafocusError

ROOT = Path(__file__).resolve().parents[3]
TREE = ROOT / ".cache" / "swift-tree"
WORK = TREE / "checks"
# swiftlang 6.0.3; bookworm has none
RELEASE, MIRROR = "trixie", "http://deb.debian.org/debian"
PACKAGES = "swiftlang,libc6-dev,libstdc++-14-dev,gcc"


def is_there() -> bool:
    """Say whether the tree was made."""
    # a link whose target is named as it is inside
    return os.path.lexists(TREE / "usr" / "bin" / "swift")


def missing() -> str | None:
    """Return a sentence on what this machine lacks to make or enter the tree; None where it lacks nothing."""
    if not sys.platform.startswith("linux"):
        return (
            "The Swift checks need Linux; on a Mac type: cd apps/ios && swift run -c release adafocus-check vectors "
            "../conformance"
        )
    if os.geteuid() != 0:
        return (
            "The Swift checks enter a tree of Debian with chroot, which only root may. Type: sudo .venv/bin/python -m "
            "adafocus.apps.ios.tools rules"
        )
    if shutil.which("chroot") is None or shutil.which("mount") is None:
        return "The Swift checks need chroot and mount, found none. Install them: apt-get install coreutils mount"
    if not is_there() and shutil.which("debootstrap") is None:
        return "The Swift checks need debootstrap, found none. Install it: apt-get install debootstrap"
    return None


def make() -> None:
    """Make the tree where it is not there: 3.1 GB in .cache/swift-tree, about five minutes, once.

    Raises:
        AdafocusError: this machine lacks something, or Debian does not answer.
    """
    sentence = missing()
    if sentence is not None:
        raise AdafocusError(sentence)
    if is_there():
        return
    print(f"making a tree of Debian {RELEASE} with Swift in {TREE.relative_to(ROOT)}: 3.1 GB, once", flush=True)
    part = TREE.with_name("swift-tree.part")
    log = TREE.with_name("swift-tree.log")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with log.open("w") as file:
        words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(part), MIRROR]
        done = subprocess.run(words, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
        raise AdafocusError(f"The tree was not made: {last[0]} {log} has the rest. Type the same again.")
    part.rename(TREE)


@contextmanager
def entered() -> Iterator[None]:
    """Mount /proc in the tree, without which Swift does not find its libraries, and unmount it again.

    Raises:
        AdafocusError: it cannot be mounted.
    """
    place = TREE / "proc"
    mounts = not os.path.ismount(place)
    if mounts:
        done = subprocess.run(["mount", "-t", "proc", "proc", str(place)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AdafocusError(
                f"{place} cannot be mounted ({done.stderr.strip()}). Use a machine where root may mount."
            )
    try:
        yield
    finally:
        if mounts:
            subprocess.run(["umount", str(place)], check=False)


def run(
    folder: str, *words: str, environment: Mapping[str, str] | None = None, timeout_s: float = 1800.0
) -> subprocess.CompletedProcess[str]:
    """Run a program inside the tree; what it prints is in ``stdout``, with its errors.

    Args:
        folder: inside the tree.
        words: of the command.
        environment: what is added to a small one.
        timeout_s: after so many seconds it is ended.
    """
    settings = {"HOME": "/root", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **(environment or {})}
    inside = ["chroot", str(TREE), "env", "-i", *(f"{name}={value}" for name, value in settings.items())]
    command = [*inside, "sh", "-c", 'cd "$0" && exec "$@"', folder, *words]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=timeout_s
    )


def copied(source: Path, name: str) -> str:
    """Copy a file or a folder into the tree where it changed, and return its path there.

    Times of files are kept, so that what is compiled of them is used again.
    """
    target = WORK / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        for path in sorted(target.rglob("*"), reverse=True) if target.is_dir() else []:
            if not (source / path.relative_to(target)).exists():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
    return f"/checks/{name}"
