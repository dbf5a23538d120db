"""JSON without its loopholes: no key twice, no NaN, nothing that a reader in another language would see differently."""

from __future__ import annotations

import json
from typing import Any


def parse(text: str) -> Any:
    """Read a text as JSON.

    Raises:
        ValueError: no JSON, a key that stands twice, NaN or an infinity, a number with thousands of digits, or
            nesting without end. The message is half a sentence.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"the key {key[:100]!r} stands there twice")
        content[key] = value
    return content


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:100]} is too large for a number")
    return value
