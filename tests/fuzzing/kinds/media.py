"""Videos: real clips of four containers, damaged mostly where they describe themselves; and what is no video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from adafocus.edge.recognizer import Recognizer
from tests.fuzzing.kind import RUNTIME, small_bundle
from tests.fuzzing.mutations import damage

SUFFIXES = (".mp4", ".mkv", ".avi", ".mov")
# where containers keep their headers and indices: the beginning, or the end
HEAD_BYTES, TAIL_BYTES = 3000, 20_000
# of which numbers: a description of the stream, its sizes, its times, its index
BOXES = (b"moov", b"mvhd", b"tkhd", b"mdhd", b"stsd", b"avcC", b"stts", b"stsc", b"stsz", b"stco", b"ctts", b"elst",
         b"avih", b"strh", b"strf", b"idx1", b"vmhd", b"hdlr")  # fmt: skip
BOX_BYTES = 120


class Media:
    """A file that is no sound video."""

    def __init__(self, bundle: Path, place: Path, clips: list[Path]) -> None:
        self._place = place
        self._clips = [(path.suffix, path.read_bytes()) for path in clips if path.suffix in SUFFIXES]
        self._recognizer = Recognizer.open(small_bundle(bundle, place / "bundle"), RUNTIME, 1)

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Clips take turns; every eighth file never was a video, every eighth is made of two."""
        suffix, right = self._clips[number % len(self._clips)]
        path = self._place / f"clip{suffix}"
        if number % 8 == 7:
            name, wrong = _no_video(rng, number // 8)
        elif number % 8 == 3:
            other = self._clips[int(rng.integers(len(self._clips)))][1]
            here, there = (int(rng.integers(1, len(content))) for content in (right, other))
            name, wrong = "two files in one", right[:here] + other[there:]
        else:
            name, wrong = damage(rng, right, _regions(right))
            if rng.random() < 0.3:
                more, wrong = damage(rng, wrong or b"\0", _regions(wrong))
                name = f"{name}, {more}"
        path.write_bytes(wrong)
        return f"{suffix} {name}", path

    def use(self, path: Path) -> None:
        """Recognize it."""
        self._recognizer.recognize(path)


def _regions(content: bytes) -> list[tuple[int, int]]:
    boxes = [(place, place + BOX_BYTES) for name in BOXES if (place := content.find(name)) >= 0]
    return [(0, HEAD_BYTES), (max(0, len(content) - TAIL_BYTES), len(content)), *boxes]


def _no_video(rng: np.random.Generator, turn: int) -> tuple[str, bytes]:
    picture = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    ways = (
        ("empty", b""),
        ("one byte", b"\0"),
        ("noise", rng.bytes(int(rng.integers(1, 100_000)))),
        ("zeros", bytes(100_000)),
        ("text", b"this is no video\n" * 100),
        ("a JPEG", cv2.imencode(".jpg", picture)[1].tobytes()),
        ("a PNG", cv2.imencode(".png", picture)[1].tobytes()),
        ("a playlist", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
        ("a list of files", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("a session description", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
    )
    return ways[turn % len(ways)]
