"""Names of files as libraries in C and C++ can hold them.

Python keeps bytes of a file name that its locale cannot read as lone surrogates. OpenCV reads such a string from memory
that is not there and ends the process; other libraries refuse it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from adafocus.errors import AdafocusError


def plain_text(text: str) -> str | None:
    """Return text if a native library can hold it; None where it cannot."""
    try:
        text.encode("utf-8")
    except UnicodeError:
        return None
    return None if "\0" in text else text


def with_folder(path: str | Path) -> str:
    """Return the name of a file with its folder: FFmpeg would take ``a:b.mp4`` for a protocol, and ``-`` for a pipe."""
    return str(path) if os.path.isabs(path) else os.path.join(os.curdir, path)


def plain_name(path: str | Path) -> str | None:
    """Return the UTF-8 whose bytes name a file, whatever the locale; None: they are no UTF-8, or mean something else.

    FFmpeg takes ``a%d.png`` for all pictures ``a1.png``, ``a2.png`` and so on.
    """
    if "%" in str(path):
        return None
    try:
        return plain_text(os.fsencode(with_folder(path)).decode("utf-8"))
    except UnicodeError:
        return None


@contextmanager
def native_name(path: str | Path) -> Iterator[str]:
    """Lend a name under which a native library opens a file, to read it or to make it.

    Yields:
        The file's own name, or a link to it that is there as long as this lasts.

    Raises:
        AdafocusError: the file needs a link, and none can be made here.
    """
    plain = plain_name(path)
    if plain is not None:
        yield plain
        return
    with TemporaryDirectory(prefix="adafocus-", ignore_cleanup_errors=True) as folder:
        link = Path(folder, "link" + "".join(letter for letter in Path(path).suffix if letter.isascii()))
        name = plain_name(link)
        try:
            link.symlink_to(Path(path).absolute(), target_is_directory=Path(path).is_dir())
        except (OSError, UnicodeError):
            name = None
        if name is None:
            raise AdafocusError(
                f"The name {str(path)!r} is not UTF-8 or has a percent sign, and {folder} takes no link to the file. "
                "Rename the file."
            )
        yield name
