"""Writing so that nothing half-written is ever seen: beside, then renamed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import AdafocusError


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes the place of ``path`` only when the block succeeds.

    Raises:
        AdafocusError: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise AdafocusError(f"Cannot write {path}: {error.strerror}. Choose another place.") from error
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o644)
        os.replace(beside, path)
    except OSError as error:
        raise AdafocusError(f"Cannot write {path}: {error.strerror or error}. Choose another place.") from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_directory(path: Path, marker: str) -> Iterator[Path]:
    """Yield an empty directory beside ``path``; it takes the place of ``path`` only when the block succeeds.

    Args:
        path: the directory to make.
        marker: a file name that an existing directory must hold to be replaced.

    Raises:
        AdafocusError: something else stands at ``path``.
    """
    if path.exists() and not (path.is_dir() and ((path / marker).exists() or not any(path.iterdir()))):
        raise AdafocusError(f"{path} exists and is no bundle, so it is not replaced. Choose another --out.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise AdafocusError(f"Cannot write {path}: {error.strerror}. Choose another place.") from error
    try:
        yield beside
        beside.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
            os.replace(path, old / path.name)
            os.replace(beside, path)
            shutil.rmtree(old)
        else:
            os.replace(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(part.stat().st_size for part in files_of(path))


def files_of(path: Path) -> list[Path]:
    """A file itself, or all files of a folder in the order of their names."""
    return [path] if path.is_file() else sorted(part for part in path.rglob("*") if part.is_file())


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes, or of the names and digests of all files of a folder."""
    if path.is_dir():
        lines = (f"{part.relative_to(path).as_posix()} {sha256_of(part)}\n" for part in files_of(path))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
