"""Arrays of a bundle, as numpy wrote them. What a file claims is checked before memory is asked for."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from adafocus.errors import BundleError

SUFFIX = ".npy"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAX_HEADER_BYTES = 4096
MAX_ARRAYS = 4096
# what zipfile, zlib and numpy raise for files that are not what they claim to be
DAMAGES = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    KeyError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(path: Path, max_bytes: int) -> dict[str, NDArray[np.generic]]:
    """Read an ``.npz`` file that cannot be trusted: compressed members may claim any size, headers any shape.

    Args:
        path: the file.
        max_bytes: what all arrays together may take in memory.

    Raises:
        BundleError: not such a file, damaged, objects instead of numbers, or more than ``max_bytes``.
    """
    try:
        with zipfile.ZipFile(path) as source:
            members = source.infolist()
            if len(members) > MAX_ARRAYS:
                raise ValueError(f"it holds {len(members)} arrays, expected at most {MAX_ARRAYS}")
            room = max_bytes + MAX_HEADER_BYTES * len(members)
            claimed = sum(info.file_size for info in members)
            if claimed > room:
                raise ValueError(f"its arrays take {claimed} bytes, expected at most {room}")
            return {info.filename.removesuffix(SUFFIX): _member(source, info) for info in members}
    except DAMAGES as error:
        raise BundleError(f"{path} cannot be read ({_reason(error)}). Copy the bundle again.") from error


def _member(source: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[np.generic]:
    """Read one array, and refuse more or fewer bytes than its shape takes."""
    if info.compress_type not in METHODS:
        raise ValueError(f"{info.filename!r} is compressed in a way that numpy does not write")
    with source.open(info) as member:
        shape, fortran, dtype = _header(member)
        expected = math.prod(shape) * dtype.itemsize
        content = member.read(expected + 1)
        if len(content) != expected:
            raise ValueError(f"{info.filename!r} holds {len(content)} bytes of numbers, its shape {shape} wants others")
    values = np.frombuffer(content, dtype)
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Read shape, order and dtype of an array, and refuse all but plain numbers."""
    version = np.lib.format.read_magic(member)  # type: ignore[arg-type]
    if version != (1, 0):
        raise ValueError(f"its arrays are of version {version}, expected (1, 0)")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(member, max_header_size=MAX_HEADER_BYTES)  # type: ignore[arg-type]
    if dtype.kind not in "iuf" or any(not isinstance(n, int) or n < 0 for n in shape):
        raise ValueError(f"its arrays are of type {dtype} and shape {shape}, expected plain numbers")
    return shape, fortran, dtype


def _reason(error: BaseException) -> str:
    """Return what went wrong, on one line; numpy's own messages are long."""
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
