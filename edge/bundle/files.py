"""Writing so that nothing half-written is ever seen: beside, then renamed."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adafocus.errors import AdafocusError

# a full disk, a full share of one, a file larger than is allowed; Windows knows no shares
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
OF_THE_DISK = (*FULL, errno.EIO, errno.EROFS)

# names of what is written beside its place: .NAME.adafocus-HOST-PROCESS-..., at most so many bytes of a name
HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
BESIDE = re.compile(r"\..*\.adafocus-([0-9a-f]{8})-(\d+)-(old-)?")
OLD = "old-"
MAX_NAME_BYTES = 150
# nobody knows whether a process of another machine still runs; nothing is written for so long
FORGOTTEN_S = 7 * 86400.0
_swept: set[Path] = set()
_sweeping = threading.Lock()


def _prefix(path: Path) -> str:
    """Return how the name of what stands beside ``path`` begins; it says whose it is."""
    name = path.name
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f".{name}.adafocus-{HOST}-{os.getpid()}-"


def temporary_prefix(name: str) -> str:
    """Return how the name of a temporary folder begins, so that the next run removes it where this one is killed."""
    _sweep(Path(tempfile.gettempdir()))
    return _prefix(Path(name))


def _sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder, once in the life of a process; what was moved away comes back."""
    place = folder.resolve()
    # nothing is written here by another thread until this is done
    with _sweeping:
        if place in _swept or not place.is_dir():
            return
        _swept.add(place)
        # a folder that cannot be listed may still be written to
        with suppress(OSError):
            for entry in tuple(os.scandir(place)):
                found = BESIDE.match(entry.name)
                if found is not None and _abandoned(entry, found[1], int(found[2])):
                    with suppress(OSError):
                        _remove(Path(entry.path), moved_away=bool(found[3]))


def _remove(left: Path, *, moved_away: bool) -> None:
    """Remove what was left; what was moved away and never replaced goes back to its place before."""
    for kept in left.iterdir() if moved_away else ():
        if not (left.parent / kept.name).exists():
            os.replace(kept, left.parent / kept.name)
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink(missing_ok=True)


def _abandoned(entry: os.DirEntry[str], host: str, process: int) -> bool:
    """Return whether nobody writes to it any more. A number that is ours was another process's: nothing is ours yet."""
    if host == HOST:
        if process == os.getpid():
            return True
        # hardly ever is anything left, and most programs do without the library
        import psutil

        return not psutil.pid_exists(process)
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > FORGOTTEN_S


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes the place of ``path`` only when the block succeeds.

    Raises:
        AdafocusError: the folder cannot be written to, or the disk is full.
    """
    with _sentences(path, every=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=path.suffix, dir=path.parent)
    beside = Path(name)
    try:
        os.close(handle)
        with _sentences(path, every=True):
            yield beside
            beside.chmod(0o644)
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_directory(path: Path, marker: str) -> Iterator[Path]:
    """Yield an empty directory beside ``path``; it takes the place of ``path`` only when the block succeeds.

    Args:
        path: the directory to make.
        marker: a file name that an existing directory must hold to be replaced.

    Raises:
        AdafocusError: something else stands at ``path``, the folder cannot be written to, or the disk is full.
    """
    with _sentences(path, every=False):
        # an exchange that was cut off is undone before anything is said about what stands there
        _sweep(path.parent)
    if path.exists() and not (path.is_dir() and ((path / marker).exists() or not any(path.iterdir()))):
        raise AdafocusError(f"{path} exists and is no bundle, so it is not replaced. Choose another --out.")
    with _sentences(path, every=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        beside = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
    try:
        # much is read while a directory is filled, so only what the disk answers is said to be about writing
        with _sentences(path, every=False):
            yield beside
        with _sentences(path, every=True):
            beside.chmod(0o755)
            if path.exists():
                _exchange(beside, path)
            else:
                os.replace(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _exchange(beside: Path, path: Path) -> None:
    """Put a directory in the place of another one, which stays where the first cannot be moved."""
    old = Path(tempfile.mkdtemp(prefix=f"{_prefix(path)}{OLD}", dir=path.parent))
    try:
        os.replace(path, old / path.name)
        try:
            os.replace(beside, path)
        except BaseException:
            os.replace(old / path.name, path)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _sentences(path: Path, every: bool) -> Iterator[None]:
    """Say of errors of the system, of every one or of those of a full or broken disk, that ``path`` is not written."""
    try:
        yield
    except OSError as error:
        if not every and error.errno not in OF_THE_DISK:
            raise
        advice = "Make room, or choose another place." if error.errno in FULL else "Choose another place."
        raise AdafocusError(f"Cannot write {path}: {error.strerror or error}. {advice}") from error


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    return sum(part.stat().st_size for part in files_of(path))


def files_of(path: Path) -> list[Path]:
    """Return a file itself, or all files of a folder in the order of their names."""
    return [path] if path.is_file() else sorted(part for part in path.rglob("*") if part.is_file())


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file's bytes, or of the names and digests of all files of a folder."""
    if path.is_dir():
        lines = (f"{part.relative_to(path).as_posix()} {sha256_of(part)}\n" for part in files_of(path))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
