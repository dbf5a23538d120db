"""Text as editors and spreadsheets save it: UTF-8 or UTF-16, with a byte order mark or without."""

from __future__ import annotations

import codecs
from pathlib import Path

# the mark of UTF-32 begins with that of UTF-16
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    """Read text whose encoding its first bytes tell; line ends stay as they are.

    Raises:
        UnicodeDecodeError: it is of another encoding, or no text.
    """
    content = path.read_bytes()
    return content.decode(_encoding(content))


def _encoding(content: bytes) -> str:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding
    # without a mark: a list begins with ASCII characters, beside each of which UTF-16 has a zero
    zeros = tuple(byte == 0 for byte in content[:4])
    if zeros == (False, True, False, True):
        return "utf-16-le"
    return "utf-16-be" if zeros == (True, False, True, False) else "utf-8"
