"""One file of a cache: the frames of one clip, with a checksum behind them, read by mapping it into memory."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from edge.files import replacing_file, sha256_of

SUFFIX = ".npy"
CHECKSUM_BYTES = 4
# of a longer video only the beginning and the end are looked at, which no two videos share
END_BYTES = 1 << 20


def content_key(path: Path) -> str:
    """What names a video by its bytes: hex digest of its size and bytes, of a long one of its first and last MiB.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    if path.is_dir():
        return sha256_of(path)
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(END_BYTES))
        file.seek(max(END_BYTES, size - END_BYTES))
        digest.update(file.read(END_BYTES))
    return digest.hexdigest()


def write(path: Path, frames: NDArray[np.uint8]) -> None:
    """Store ``(T, H, W, 3)`` uint8 under a name that is not there before all of it is.

    Raises:
        AdafocusError: the folder cannot be written to, or the disk is full.
    """
    with replacing_file(path) as beside, beside.open("wb") as file:
        np.save(file, frames)
        file.write(_checksum(frames))


def open_entry(path: Path) -> NDArray[np.uint8] | None:
    """Map frames into memory, ``(T, H, W, 3)`` uint8, read-only; None where they are not there or cut short."""
    try:
        frames = npy.open_memmap(path, mode="r")
    except (OSError, ValueError):
        return None
    whole = path.stat().st_size == frames.offset + frames.nbytes + CHECKSUM_BYTES
    return np.asarray(frames) if whole and frames.dtype == np.uint8 and frames.ndim == 4 else None


def is_intact(path: Path, frames: NDArray[np.uint8]) -> bool:
    """Whether the frames are those that were written."""
    with path.open("rb") as file:
        file.seek(-CHECKSUM_BYTES, 2)
        return file.read() == _checksum(frames)


def _checksum(frames: NDArray[np.uint8]) -> bytes:
    return zlib.crc32(np.ascontiguousarray(frames).data).to_bytes(CHECKSUM_BYTES, "little")
