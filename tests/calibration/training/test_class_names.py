"""Files of class names as editors save them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from adafocus.calibration.training.class_names import read_class_names
from adafocus.errors import AdafocusError

NAMES = ("a", "café au lait", "b")
GOOD = {
    "plain": "a\ncafé au lait\nb\n".encode(),
    "without end": "a\ncafé au lait\nb".encode(),
    "windows": "a\r\ncafé au lait\r\nb\r\n".encode(),
    "old mac": "a\rcafé au lait\rb\r".encode(),
    "mark": "\ufeffa\ncafé au lait\nb\n".encode(),
    "mark, windows": "\ufeffa\r\ncafé au lait\r\nb\r\n".encode(),
    "utf-16": "a\ncafé au lait\nb\n".encode("utf-16"),
    "utf-16, big": "\ufeffa\ncafé au lait\nb\n".encode("utf-16-be"),
    "utf-32": "a\ncafé au lait\nb\n".encode("utf-32"),
    "blank lines at the end": "a\ncafé au lait\nb\n\n \n\t\n".encode(),
    "blanks around names": " a\ncafé au lait \nb\t\n".encode(),
    "decomposed": unicodedata.normalize("NFD", "a\ncafé au lait\nb\n").encode(),
}
BAD = {
    "latin-1": ("a\nb\ncafé\n".encode("latin-1"), r"Line 3 .*UTF-8"),
    "windows-1252": ("a\n“b”\n".encode("cp1252"), r"Line 2 .*UTF-8"),
    "shift-jis": ("あ\nb\n".encode("shift-jis"), r"Line 1 .*UTF-8"),
    "utf-16, odd": ("a\nb\n".encode("utf-16") + b"\x00", "UTF-8"),
    "zeros": (b"a\nb\x00\n", "no text"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "UTF-8"),
    "duplicate": (b"a\nb\na\n", "'a' twice, in the lines 1 and 3"),
    "duplicate by blanks": (b"a\nb\n a \n", "'a' twice"),
    "duplicate by form": ("é\n".encode() + unicodedata.normalize("NFD", "é").encode(), "twice"),
    "blank between": (b"a\n\nb\n", "Line 2 .*empty"),
    "blank first": (b"\na\nb\n", "Line 1 .*empty"),
    "blank between, windows": (b"a\r\n \r\nb\r\n", "Line 2 .*empty"),
    "empty": (b"", "no class"),
    "mark alone": (b"\xef\xbb\xbf\n", "no class"),
    "blanks": (b"\n\n  \n", "no class"),
    "too few": (b"a\nb\n", "names 2 classes, but the network has 3"),
    "too many": (b"a\nb\nc\nd", "names 4 classes, but the network has 3"),
}


@pytest.mark.parametrize("name", GOOD)
def test_names_are_read_from_every_usual_encoding(name: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(GOOD[name])
    assert read_class_names(path) == read_class_names(path, 3) == NAMES


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_list_of_names_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(BAD[name][0])
    with pytest.raises(AdafocusError, match=BAD[name][1]):
        read_class_names(path, 3)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.txt"):
        with pytest.raises(AdafocusError, match="--labels"):
            read_class_names(path)
