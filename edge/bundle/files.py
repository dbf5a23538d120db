"""Writing so that nothing half-written is ever seen: beside, then renamed."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adafocus.errors import AdafocusError

# a full disk, a full share of one, a file larger than is allowed; Windows knows no shares
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
OF_THE_DISK = (*FULL, errno.EIO, errno.EROFS)


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes the place of ``path`` only when the block succeeds.

    Raises:
        AdafocusError: the folder cannot be written to, or the disk is full.
    """
    with _sentences(path, every=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
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
    if path.exists() and not (path.is_dir() and ((path / marker).exists() or not any(path.iterdir()))):
        raise AdafocusError(f"{path} exists and is no bundle, so it is not replaced. Choose another --out.")
    with _sentences(path, every=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
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
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
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
