"""One file of a cache: the frames of one clip, with a checksum behind them, read by mapping it into memory."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from adafocus.edge.bundle.files import replacing_file, sha256_of

CHECKSUM_BYTES = 4
# of the way in which clips are decoded: 2 since videos of a varying rate, turned ones and those of oblong pixels are
# decoded as they are shown
VERSION = 2
# an entry, or what is written beside it; those of the first version state none
NAME = re.compile(r"\.?[0-9a-f]{64}-(?:v(?P<version>\d+)-)?\d+x\d+px(?:-native)?\.npy")
LEFT_OVER_S = 3600
# of a longer video only the beginning, the end and samples between them are read; without compression the ends may be
# black in two videos of one size
END_BYTES = 1 << 20
SAMPLES, SAMPLE_BYTES = 16, 1 << 14


def name_of(key: str, frames: int, short_side_px: int, *, native: bool = False) -> str:
    """Return the file name of an entry; ``native`` says that smaller frames are kept as they are."""
    return f"{key}-v{VERSION}-{frames}x{short_side_px}px{'-native' if native else ''}.npy"


def tidy(folder: Path) -> int:
    """Remove half-written files of killed runs, and entries of earlier versions, which nobody reads any more.

    Returns:
        the bytes of all other entries, of whatever set and settings.
    """
    if not folder.is_dir():
        return 0
    taken = 0
    with os.scandir(folder) as found:
        for file in found:
            entry = NAME.match(file.name)
            if entry is None:
                continue
            # another process may finish what it writes at this moment, and so rename it
            with suppress(FileNotFoundError):
                outdated = int(entry["version"] or 1) < VERSION
                left_over = file.name.startswith(".") and time.time() - file.stat().st_mtime > LEFT_OVER_S
                if outdated or left_over:
                    os.unlink(file)
                else:
                    taken += file.stat().st_size
    return taken


def content_key(path: Path) -> str:
    """Return a hex digest of a video's size and bytes; of a long video the first and the last MiB and samples count.

    Raises:
        OSError: there is no such file, it cannot be read, or it is a pipe or a device, which would be waited for.
    """
    if path.is_dir():
        return sha256_of(path)
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "It is a pipe or a device, and no file", str(path))
    size = found.st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(END_BYTES))
        between = size - 2 * END_BYTES
        for number in range(SAMPLES if between > 0 else 0):
            file.seek(END_BYTES + number * between // SAMPLES)
            digest.update(file.read(SAMPLE_BYTES))
        file.seek(max(END_BYTES, size - END_BYTES))
        digest.update(file.read(END_BYTES))
    return digest.hexdigest()


def write(path: Path, frames: NDArray[np.uint8]) -> None:
    """Store ``(T, H, W, 3)`` uint8; the file appears only when it is whole.

    Raises:
        AdafocusError: the folder cannot be written to, or the disk is full.
    """
    with replacing_file(path) as beside, beside.open("w+b") as file:
        np.save(file, frames)
        file.seek(0)
        file.write(_checksum(file.read()))


def open_entry(path: Path) -> NDArray[np.uint8] | None:
    """Map frames into memory, ``(T, H, W, 3)`` uint8, read-only; None where the file is missing or cut short."""
    try:
        frames = npy.open_memmap(path, mode="r")
        whole = path.stat().st_size == frames.offset + frames.nbytes + CHECKSUM_BYTES
    except (OSError, ValueError):
        return None
    return np.asarray(frames) if whole and frames.dtype == np.uint8 and frames.ndim == 4 else None


def is_intact(path: Path) -> bool:
    """Return whether the checksum of an entry is right."""
    content = memoryview(path.read_bytes())
    return _checksum(content[:-CHECKSUM_BYTES]) == content[-CHECKSUM_BYTES:]


def _checksum(content: bytes | memoryview) -> bytes:
    return zlib.crc32(content).to_bytes(CHECKSUM_BYTES, "little")
