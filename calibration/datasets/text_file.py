"""Text as editors and spreadsheets save it, and YAML: UTF-8 or UTF-16, with a byte order mark or without."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import yaml

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


def read_yaml(path: Path) -> Any:
    """Read the values of a YAML file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text or no YAML, or a key stands twice; the message says why in one line.
    """
    try:
        return yaml.load(read_text(path), _Loader)
    except OSError:
        raise
    # beside errors of its own, the parser raises what dates, numbers and nesting that make no sense lead to
    except Exception as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


class _Loader(yaml.SafeLoader):
    """A loader of plain values that takes no second value for a key, of which one would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise ValueError(f"the key {twice!r} stands there twice")
        return super().construct_mapping(node, deep)


def _encoding(content: bytes) -> str:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding
    # without a mark: a list begins with ASCII characters, beside each of which UTF-16 has a zero
    zeros = tuple(byte == 0 for byte in content[:4])
    if zeros == (False, True, False, True):
        return "utf-16-le"
    return "utf-16-be" if zeros == (True, False, True, False) else "utf-8"
