"""Arrays: damaged .npy files, and pixels of any type and shape that a program hands to the Python interface."""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources import Frame
from adafocus.edge.sources.array import ArraySource
from adafocus.edge.video.clip import clip_from_frames
from tests.fuzzing.kind import RUNTIME, small_bundle
from tests.fuzzing.mutations import damage

SHAPE = (12, 48, 64, 3)
HEADER_BYTES = 128
TYPES = (
    "uint8", "uint8", "uint8", "int8", "uint16", "int16", "int64", "float16", "float32", "float64", "complex64", "bool",
    "S3", "U2", "M8[s]", "object", ">u2", "V5",
)  # fmt: skip
SHAPES = (
    "()", "(0,)", "(99999999999,)", "(1, -1)", "(2**70,)", "('x',)", "(1.5,)", "(True,)", "(((((", "None", "(10,) * 99",
    "(12, 48, 64, 3)", "(12, 48, 64, 300000000)",
)  # fmt: skip
LENGTHS = (0, 1, 1, 2, 3, 3, 4, 5, 7, 48, 64, 300, 5000)
MAX_NUMBERS = 3_000_000
MOMENTS = (0.0, -1.0, 1e9, 1e308, float("nan"), float("inf"), None, "0", 10**400)
RATES = (25.0, 0.0, -1.0, float("nan"), float("inf"), "25", None, 1e-300, 10**400, True)
NO_FRAMES: tuple[Any, ...] = (
    None, 7, "frames", b"frames", {}, (), [], [None], [[1, 2]], iter(()), deque(), range(3), {1, 2}, np.zeros(()),
    object,
)  # fmt: skip


class Arrays:
    """Pixels that may be no video; files and objects take turns."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._path, self._value = place / "frames.npy", None
        self._recognizer = Recognizer.open(small_bundle(bundle, place / "bundle"), RUNTIME, 1)
        self._right = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
        self._ways = (self._frames, self._source, self._clip, self._no_frames)

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Every second is a file."""
        if number % 2 == 0:
            name, content = self._file(rng, number // 2)
            self._path.write_bytes(content)
            self._value = None
            return name, self._path
        name, self._value = self._ways[number // 2 % len(self._ways)](rng)
        return name, self._path

    def use(self, path: Path) -> None:
        """Recognize the file, or what was made in memory."""
        if self._value is None:
            self._recognizer.recognize(path)
            return
        how, value, more = self._value
        geometry = self._recognizer.bundle.manifest.geometry
        if how == "source":
            source = ArraySource(value, **more)
            while source.grab():
                source.retrieve()
            source.close()
        elif how == "clip":
            self._recognizer.recognize_clip(value)
        else:
            self._recognizer.recognize_clip(clip_from_frames(value, geometry, **more))

    def _file(self, rng: np.random.Generator, turn: int) -> tuple[str, bytes]:
        buffer = io.BytesIO()
        if turn % 4 == 0:
            name, values = _array(rng)
            np.save(buffer, values, allow_pickle=True)
            return f"a file of {name}", buffer.getvalue()
        if turn % 4 == 1:
            kind, shape = str(rng.choice(("|u1", "<f4", "|O", ">i8", "|V9", "x", "<U9"))), str(rng.choice(SHAPES))
            text = f"{{'descr': '{kind}', 'fortran_order': {bool(rng.integers(2))}, 'shape': {shape}, }}"
            header = text.encode().ljust(118) + b"\n"
            return f"header {text}", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(9000)
        np.save(buffer, self._right)
        return damage(rng, buffer.getvalue(), ((0, HEADER_BYTES),))

    def _frames(self, rng: np.random.Generator) -> tuple[str, Any]:
        """Frames of which some, or all, have other pixels, moments or second pictures."""
        name, wrong = _array(rng, dimensions=(2, 3, 3, 3, 4))
        every = rng.random() < 0.5
        frames = []
        for number, pixels in enumerate(self._right):
            here = every or rng.random() < 0.2
            moment = MOMENTS[int(rng.integers(len(MOMENTS)))] if rng.random() < 0.2 else number / 25
            small = wrong if rng.random() < 0.3 else None
            frames.append(Frame(wrong if here else pixels, number, moment, "made", small))  # type: ignore[arg-type]
        more: dict[str, Any] = {"fps": RATES[int(rng.integers(len(RATES)))]} if rng.random() < 0.3 else {}
        if rng.random() < 0.3:
            more["window"] = tuple(int(value) for value in rng.choice((-5, 0, 3, 12, 99, 10**12), 2))
        return f"frames of {name} {more}", ("frames", frames, more)

    def _source(self, rng: np.random.Generator) -> tuple[str, Any]:
        name, values = _array(rng)
        more = {
            "fps": RATES[int(rng.integers(len(RATES)))] if rng.random() < 0.4 else 25.0,
            "order": str(rng.choice(("rgb", "bgr", "", "RGB", "gbr"), p=(0.4, 0.3, 0.1, 0.1, 0.1))),
        }
        return f"an array of {name} {more}", ("source", values, more)

    def _clip(self, rng: np.random.Generator) -> tuple[str, Any]:
        """Make a clip for other graphs: too few frames, other sizes, other types."""
        name, values = _array(rng, dimensions=(3, 4, 4, 4))
        right = clip_from_frames(
            [Frame(pixels, number, number / 25, "made") for number, pixels in enumerate(self._right)],
            self._recognizer.bundle.manifest.geometry,
        )
        field = str(rng.choice(("glance", "candidates")))
        object.__setattr__(right, field, values)
        return f"a clip whose {field} is {name}", ("clip", right, {})

    def _no_frames(self, rng: np.random.Generator) -> tuple[str, Any]:
        value = NO_FRAMES[int(rng.integers(len(NO_FRAMES)))]
        how = str(rng.choice(("frames", "source", "clip")))
        return f"{how} of {value!r}", (how, value, {})


def _array(rng: np.random.Generator, dimensions: tuple[int, ...] = (0, 1, 2, 3, 4, 4, 4, 4, 5)) -> tuple[str, Any]:
    """Make an array of any type, shape and layout."""
    kind, count = str(rng.choice(TYPES)), int(rng.choice(dimensions))
    shape = tuple(int(length) for length in rng.choice(LENGTHS, count))
    while np.prod(shape, dtype=float) > MAX_NUMBERS:
        shape = tuple(min(length, 64) for length in shape)
        shape = shape if np.prod(shape, dtype=float) <= MAX_NUMBERS else tuple(length // 2 for length in shape)
    numbers = rng.integers(0, 256, shape)
    values = numbers.astype(np.int64).astype(kind) if kind[0] not in "SUV" else np.zeros(shape, kind)
    if values.dtype.kind == "f" and values.size and rng.random() < 0.3:
        values = np.where(rng.random(shape) < 0.5, np.nan, values)
    layout = int(rng.integers(5))
    if layout == 1 and values.ndim:
        values = np.asfortranarray(values)
    elif layout == 2 and values.ndim:
        values = values[::-1]
    elif layout == 3 and values.ndim > 1:
        values = values.swapaxes(0, -1)
    elif layout == 4:
        values = np.ma.masked_array(values) if rng.random() < 0.3 else np.broadcast_to(values, values.shape)
    return f"{values.dtype} {values.shape}", values
