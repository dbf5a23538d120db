"""Zips: real ones with damage where the format describes itself, and hostile ones, each made to break one rule."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from adafocus.edge.bundle.archive import MANIFEST, pack
from adafocus.edge.bundle.bundle import is_bundle
from tests.fuzzing.kind import answer, small_bundle
from tests.fuzzing.mutations import Region, damage

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
SYMLINK, FIFO, DEVICE = 0o120777 << 16, 0o010644 << 16, 0o060644 << 16
NAMES = (
    "../x", "a/../../x", "/etc/passwd", "//x", "C:\\x", "C:x", "..\\x", "a\\..\\..\\x", "\\\\server\\x", "", ".", "..",
    "a//b", "./x", "a/./b", "x\x00y", "x\ny", "\x1b[2J", "x" * 300, "a/" * 600 + "x", "a:stream", "manifest.json/x",
    "graphs", "MANIFEST.JSON", "Graphs/Focus.tflite", "golden/\u0041\u030a", "\u212b/x",
)  # fmt: skip
MANY = 70_000
BOMB_BYTES = 1 << 28


class Zips:
    """A zip that is no bundle, or one with a fault."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._folder = small_bundle(bundle, place / "folder")
        self._path = place / "bundle.zip"
        pack(self._folder, self._path)
        self._right = self._path.read_bytes()
        self._regions = _regions(self._path, self._right)
        self._names = [info.filename for info in zipfile.ZipFile(self._path).infolist()]
        self._hostile = [
            self._named,
            self._linked,
            _flags,
            _sizes,
            _overlapping,
            _bomb,
            _many,
            _wide,
            _comment,
            self._twice,
        ]

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Every third is hostile, the others are damaged."""
        if number % 3 == 0:
            way = self._hostile[number // 3 % len(self._hostile)]
            name = way(rng, self._path, self._right, number // 3 // len(self._hostile))
            return name, self._path
        name, wrong = damage(rng, self._right, self._regions)
        self._path.write_bytes(wrong)
        return name, self._path

    def use(self, path: Path) -> None:
        """Ask whether it is a bundle, open it, and answer the golden clip."""
        is_bundle(path)
        answer(path)

    def _named(self, rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
        """Add a member whose name leads somewhere else or meets another one."""
        name = NAMES[turn % len(NAMES)]
        self._add(path, right, name, 0o644 << 16)
        return f"member {name[:20]!r}"

    def _linked(self, rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
        mode = (SYMLINK, FIFO, DEVICE)[turn % 3]
        self._add(path, right, ("graphs/link", "link", "golden/x")[turn % 3], mode)
        return f"member of mode {mode >> 16:o}"

    def _twice(self, rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
        name = self._names[turn % len(self._names)]
        self._add(path, right, name if turn % 2 else name.upper(), 0o644 << 16)
        return f"{name} twice"

    def _add(self, path: Path, right: bytes, name: str, attributes: int) -> None:
        path.write_bytes(right)
        with zipfile.ZipFile(path, "a") as changed:
            info = zipfile.ZipInfo("placeholder")
            # the constructor cuts at a zero byte and turns separators
            info.filename, info.external_attr = name, attributes
            changed.writestr(info, "/etc/passwd")


def _regions(path: Path, content: bytes) -> list[Region]:
    """Return the headers of all members, the directory and the record at the end."""
    with zipfile.ZipFile(path) as opened:
        headers = [(info.header_offset, info.header_offset + 100) for info in opened.infolist()]
        start = opened.start_dir
    return [*headers, *[(start, len(content))] * len(headers)]


Way = Callable[[np.random.Generator, Path, bytes, int], str]


def _flags(rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
    """One field of one record of the directory with another value: flags, method, sum, sizes, offset, attributes."""
    changed = bytearray(right)
    starts = _find(right, CENTRAL)
    start = starts[turn % len(starts)]
    field = int(rng.choice((4, 6, 8, 10, 16, 20, 24, 28, 30, 32, 34, 36, 38, 42)))
    value = int(rng.choice((0, 1, 8, 9, 12, 14, 93, 99, 255, 0x0800, 0x7FFF, 0xFFFF)))
    struct.pack_into("<H", changed, start + field, value)
    path.write_bytes(changed)
    return f"directory field {field} is {value}"


def _sizes(rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
    """Sizes that a member does not have, in the directory alone or in both places."""
    changed = bytearray(right)
    start = _find(right, CENTRAL)[turn % 3]
    size = int(rng.choice((0, 1, 10**6, 2**31, 2**32 - 1)))
    struct.pack_into("<LL", changed, start + 20, size, size)
    if turn % 2:
        struct.pack_into("<LL", changed, struct.unpack_from("<L", right, start + 42)[0] + 18, size, size)
    path.write_bytes(changed)
    return f"a member claims {size} bytes"


def _overlapping(rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
    """All records of the directory point to one member."""
    changed = bytearray(right)
    starts = _find(right, CENTRAL)
    largest = max(starts, key=lambda start: struct.unpack_from("<L", right, start + 24)[0])
    for start in starts:
        changed[start + 16 : start + 28] = right[largest + 16 : largest + 28]
        changed[start + 42 : start + 46] = right[largest + 42 : largest + 46]
    path.write_bytes(changed)
    return "members that share their bytes"


def _bomb(rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
    method = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)[turn % 3]
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr(MANIFEST, bytes(BOMB_BYTES >> (2 * (turn % 3))))
    return f"a bomb of method {method}"


def _many(rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
    """Empty members without end; beyond 65535 the format needs its 64-bit records."""
    count = MANY if turn % 4 == 0 else 5000
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(MANIFEST, "{}")
        for number in range(count):
            made.writestr(str(number), "")
    return f"{count} members"


def _wide(rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
    """Let the record at the end claim another directory: its count, its size, its place."""
    changed = bytearray(right)
    start = right.rfind(END)
    field, form = ((8, "<H"), (10, "<H"), (12, "<L"), (16, "<L"), (20, "<H"))[turn % 5]
    struct.pack_into(form, changed, start + field, int(rng.choice((0, 1, 4096, 0x7FFF, 0xFFFF))))
    path.write_bytes(changed)
    return f"end record field {field} changed"


def _comment(rng: np.random.Generator, path: Path, right: bytes, turn: int) -> str:
    """Something before or after the zip, another zip's end among it."""
    extra = (rng.bytes(1000), END + bytes(18), right[-500:], b"PK\x06\x07" + bytes(16))[turn % 4]
    path.write_bytes(extra + right if turn % 2 else right + extra)
    return "more bytes around the zip"


def _find(content: bytes, signature: bytes) -> list[int]:
    """Return the records of the directory, which stands at the end."""
    start, found = struct.unpack_from("<L", content, content.rfind(END) + 16)[0], []
    while (start := content.find(signature, start)) >= 0:
        found.append(start)
        start += 1
    return found
