"""Compares what somebody found with what a vector expects, as `docs/conformance-vectors.md` says."""

from __future__ import annotations

import math
from typing import Any

NUMBERS, OUTPUTS = 1e-9, 1e-4


def differences(expected: Any, found: Any, where: str = "", within: float = NUMBERS) -> list[str]:
    """List places at which two answers differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        listed = [f"{where}.{key} is missing" for key in expected if key not in found]
        for key in [key for key in expected if key in found]:
            listed += differences(expected[key], found[key], f"{where}.{key}", within)
        return listed
    if isinstance(expected, list) and isinstance(found, (list, tuple)):
        if len(expected) != len(found):
            return [f"{where} has {len(found)} parts, expected {len(expected)}"]
        pairs = enumerate(zip(expected, found, strict=True))
        return [text for place, (one, two) in pairs for text in differences(one, two, f"{where}[{place}]", within)]
    if isinstance(expected, float) and isinstance(found, (int, float)):
        alike = math.isclose(expected, found, rel_tol=within, abs_tol=1e-12)
    else:
        alike = type(expected) is type(found) and expected == found
    return [] if alike else [f"{where} is {found!r}, expected {expected!r}"]
