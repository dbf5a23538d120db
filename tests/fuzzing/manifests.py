"""Manifests: every key of a real one in turn is removed, doubled, retyped or set to an extreme; some lose bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.bundle.bundle import MANIFEST
from tests.fuzzing.kind import answer, small_bundles
from tests.fuzzing.mutations import damage

Key = tuple[str | int, ...]
# what no Python value is written as
RAW = {
    "@huge": "1" + "0" * 5000,
    "@deep": "[" * 100_000 + "]" * 100_000,
    "@large": "1e999",
    "@minus": "-",
    "@hex": "0x10",
}
EXTREMES: tuple[Any, ...] = (
    0, -1, 1, 2, 3, 7, 255, 4096, 4097, 2**31, 2**53 + 1, 2**63, 10**30, 10**9, 0.5, 1e308, -1e308, 1e-320, 1e-7, -0.0,
    float("nan"), float("inf"), True, None, "", "x", "8", "x" * 100_000, "\x00", "\x1b[2J", "\ud800", "../x",
    "/etc/passwd", "C:\\x", ".", "graphs", "graphs/../manifest.json", "manifest.json", [], {}, [[]], [1] * 100_000,
    {"": {}}, "int32", "float16", "uint8",
    "square", "frame", "squeezed", "padded", "network", "motion", "weights", "spread", "densest", *RAW,
)  # fmt: skip
FEW_LABELS = 3


class Manifests:
    """Bundles whose files are right and whose manifests are not; they look in several ways."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._bundles = small_bundles(bundle, place)
        self._texts = [(path / MANIFEST).read_text(encoding="utf-8") for path in self._bundles]

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Bundles take turns, and numbers go through all keys; every fifth manifest loses or changes bytes instead."""
        turn = number % len(self._bundles)
        bundle, text = self._bundles[turn], self._texts[turn]
        place = bundle / MANIFEST
        if number % 5 == 4:
            name, content = damage(rng, text.encode())
            place.write_bytes(content)
            return name, bundle
        changed = json.loads(text)
        keys = list(_keys(changed))
        # a step that shares no divisor with the number of keys reaches each of them
        done = [_change(rng, changed, keys[(number * 7919) % len(keys)])]
        while rng.random() < 0.3:
            done.append(_change(rng, changed, keys[int(rng.integers(len(keys)))]))
        text = json.dumps(changed)
        for mark, raw in RAW.items():
            text = text.replace(json.dumps(mark), raw)
        text = text.replace('"@', '"')
        place.write_text(text, encoding="utf-8", errors="surrogatepass")
        return "; ".join(done), bundle

    def use(self, path: Path) -> None:
        """Open it and answer the golden clip."""
        answer(path)


def _keys(content: Any, above: Key = ()) -> Any:
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        if above == ("labels",) and key >= FEW_LABELS:
            return
        yield (*above, key)
        yield from _keys(value, (*above, key))


def _change(rng: np.random.Generator, content: Any, key: Key) -> str:
    for part in key[:-1]:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return "nothing"
    last, name = key[-1], ".".join(map(str, key))
    try:
        value = content[last]
        way = int(rng.choice(5, p=(0.15, 0.1, 0.3, 0.35, 0.1)))
        if way == 0:
            del content[last]
            return f"{name} removed"
        if way == 1 and isinstance(content, dict):
            return _double(content, last)
        if way == 2 and isinstance(value, (int, float)) and not isinstance(value, bool):
            content[last] = value * float(rng.choice((-1, 2, 1.5, 0.5, 1e3))) if rng.random() < 0.5 else int(value) + 1
            return f"{name} changed"
        if way == 4:
            other = EXTREMES[int(rng.integers(len(EXTREMES)))]
            content[last] = [other] if rng.random() < 0.5 else {"x": other}
            return f"{name} retyped"
        content[last] = EXTREMES[int(rng.integers(len(EXTREMES)))]
    except (KeyError, IndexError, TypeError):
        return "nothing"
    return f"{name} is {str(content[last])[:20]!r}"


def _double(content: dict, key: Any) -> str:
    """Write a key twice: JSON text can, a dictionary cannot, so the second gets a mark that is taken off the text."""
    items = list(content.items())
    content.clear()
    for name, value in items:
        content[name] = value
        if name == key:
            content[f"@{name}"] = value
    return f"{key} stands there twice"
