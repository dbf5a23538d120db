"""Golden arrays with the right hash: damaged, of other types and shapes, missing, bombs, objects for numbers."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.bundle.bundle import MANIFEST
from tests.fuzzing.kind import answer, replace_file, small_bundles
from tests.fuzzing.mutations import damage

BOMB_BYTES = 1 << 28
DTYPES = ("uint8", "int8", "int32", "int64", "float16", "float32", "float64", "complex64", "bool", "S3", "U2", "M8[s]")
SHAPES = (
    "()",
    "(0,)",
    "(99999999999,)",
    "(1, -1)",
    "(2**70,)",
    "('x',)",
    "(1.5,)",
    "(True,)",
    "(((((",
    "None",
    "(10,) * 99",
)
HOT_BYTES = 400


class GoldenArrays:
    """Bundles whose golden frames or answers are wrong, under their right hash; they look in several ways."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._bundles = small_bundles(bundle, place)
        self._texts = [(path / MANIFEST).read_text(encoding="utf-8") for path in self._bundles]
        self._right = []
        for path, text in zip(self._bundles, self._texts, strict=True):
            golden = json.loads(text)["golden"]
            self._right.append({part: (path / golden[part]["file"]).read_bytes() for part in ("frames", "answers")})

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Frames and answers take turns, and so do bundles."""
        turn = number % len(self._bundles)
        bundle, content, right = self._bundles[turn], json.loads(self._texts[turn]), self._right[turn]
        part = ("frames", "answers")[number % 2]
        ways = (_bytes, _headers, _retyped, _missing, _bomb, _foreign)
        way = ways[int(rng.choice(len(ways), p=(0.35, 0.2, 0.25, 0.1, 0.05, 0.05)))]
        name, wrong = way(rng, right[part])
        for key, whole in right.items():
            replace_file(bundle, content["golden"][key], wrong if key == part else whole)
        (bundle / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
        return f"{part}: {name}", bundle

    def use(self, path: Path) -> None:
        """Open it and compare the answers."""
        answer(path)


def _arrays(content: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(content)) as stored:
        return dict(stored)


def _saved(arrays: dict[str, Any], compressed: bool = True) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def _bytes(rng: np.random.Generator, content: bytes) -> tuple[str, bytes]:
    if rng.random() < 0.5:
        # without compression, so that the damage reaches the headers of the arrays
        content = _saved(_arrays(content), compressed=False)
    return damage(rng, content, ((0, HOT_BYTES), (len(content) - 2 * HOT_BYTES, len(content))))


def _headers(rng: np.random.Generator, content: bytes) -> tuple[str, bytes]:
    """Members whose sums are right and whose headers claim another shape or type."""
    buffer = io.BytesIO()
    shape, dtype = (
        SHAPES[int(rng.integers(len(SHAPES)))],
        str(rng.choice(("|u1", "<f4", "|O", ">i8", "|V9", "x", "<U9"))),
    )
    text = f"{{'descr': '{dtype}', 'fortran_order': {bool(rng.integers(2))}, 'shape': {shape}, }}"
    header = text.encode().ljust(int(rng.choice((118, 246, 9000)))) + b"\n"
    version = bytes((int(rng.choice((1, 1, 1, 2, 3, 9))), 0))
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, values in _arrays(content).items():
            size = len(header).to_bytes(2 if version[0] == 1 else 4, "little")
            made.writestr(f"{name}.npy", b"\x93NUMPY" + version + size + header + np.asarray(values).tobytes())
    return f"header {text}", buffer.getvalue()


def _retyped(rng: np.random.Generator, content: bytes) -> tuple[str, bytes]:
    arrays = _arrays(content)
    name = list(arrays)[int(rng.integers(len(arrays)))]
    values = arrays[name]
    way = int(rng.integers(5))
    if way == 0:
        dtype = str(rng.choice(DTYPES))
        arrays[name] = np.zeros(values.shape, dtype)
        return f"{name} as {dtype}", _saved(arrays)
    if way == 1:
        arrays[name] = values[:0] if rng.random() < 0.5 else values.reshape(-1)[:1].reshape(())
    elif way == 2:
        arrays[name] = np.concatenate((values, values))
    elif way == 3:
        arrays[name] = np.asfortranarray(values) if rng.random() < 0.5 else values.T
    else:
        arrays[name] = np.full_like(values, np.nan if values.dtype.kind == "f" else 1)
    return f"{name} with {arrays[name].shape}", _saved(arrays)


def _missing(rng: np.random.Generator, content: bytes) -> tuple[str, bytes]:
    arrays = _arrays(content)
    name = list(arrays)[int(rng.integers(len(arrays)))]
    values = arrays.pop(name)
    if rng.random() < 0.5:
        arrays[str(rng.choice(("x", "glance.x", "focus.9.logits", "..", "a/b", "nonsense.logits", "policy.")))] = values
    return f"without {name}", _saved(arrays)


def _bomb(rng: np.random.Generator, content: bytes) -> tuple[str, bytes]:
    name = str(rng.choice(("glance", "glance.features", "bomb")))
    return "bomb", _saved({**_arrays(content), name: np.zeros(BOMB_BYTES, np.uint8)})


def _foreign(rng: np.random.Generator, content: bytes) -> tuple[str, bytes]:
    way = int(rng.integers(4))
    buffer = io.BytesIO()
    if way == 0:
        np.save(buffer, np.zeros(3))
        return "one array instead of several", buffer.getvalue()
    if way == 1:
        return "objects", _saved({"glance": np.array([{"a": 1}], dtype=object)})
    if way == 2:
        return "nothing", _saved({})
    return "noise", rng.bytes(2000)
