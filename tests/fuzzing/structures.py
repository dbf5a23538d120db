"""Damage to nested values, as programs and people write them: every key of a right one is wrong in turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

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


def keys_of(content: Any, above: Key = ()) -> Iterator[Key]:
    """Yield the place of every value in nested dicts and lists; of ``labels`` only the first few."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        if above == ("labels",) and key >= FEW_LABELS:
            return
        yield (*above, key)
        yield from keys_of(value, (*above, key))


def change(rng: np.random.Generator, content: Any, key: Key) -> str:
    """Remove, double, retype or replace the value at a place; say what was done."""
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


def changed_json(rng: np.random.Generator, content: Any, number: int) -> tuple[str, bytes]:
    """Change a value that JSON can hold, in one place or several; numbers go through all places.

    Args:
        rng: decides what is done.
        content: the right value, which is changed itself.
        number: of the input.

    Returns:
        what was done, and the JSON text.
    """
    keys = list(keys_of(content))
    # a step that shares no divisor with the number of keys reaches each of them
    done = [change(rng, content, keys[(number * 7919) % len(keys)])]
    while rng.random() < 0.3:
        done.append(change(rng, content, keys[int(rng.integers(len(keys)))]))
    text = json.dumps(content)
    for mark, raw in RAW.items():
        text = text.replace(json.dumps(mark), raw)
    return "; ".join(done), text.replace('"@', '"').encode("utf-8", "surrogatepass")
