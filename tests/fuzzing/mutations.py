"""Damage to bytes, as disks, networks and hostile people do it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EXTREMES = (
    b"\x00" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xff\xff\xff\x7f",
    b"\x00" * 8,
    b"\xff" * 8,
)
Region = tuple[int, int]


def damage(rng: np.random.Generator, content: bytes, regions: Sequence[Region] = ()) -> tuple[str, bytes]:
    """One kind of damage, chosen by the generator.

    Args:
        rng: decides.
        content: at least one byte.
        regions: first byte and the one after the last of what matters most; most damage is done there.
    """
    ways = {"flip": _flip, "overwrite": _overwrite, "truncate": _truncate, "cut out": _cut_out, "repeat": _repeat}
    names = list(ways)
    name = names[int(rng.choice(len(names), p=(0.4, 0.25, 0.15, 0.1, 0.1)))]
    region = _region(rng, content, regions)
    return name, ways[name](rng, content, region)


def _region(rng: np.random.Generator, content: bytes, regions: Sequence[Region]) -> Region:
    inside = [(first, min(last, len(content))) for first, last in regions if first < min(last, len(content))]
    if not inside or rng.random() < 0.2:
        return 0, len(content)
    return inside[int(rng.integers(len(inside)))]


def _flip(rng: np.random.Generator, content: bytes, region: Region) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(*region, size=int(2 ** rng.integers(0, 7))):
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwrite(rng: np.random.Generator, content: bytes, region: Region) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(*region, size=int(rng.integers(1, 4))):
        value = EXTREMES[int(rng.integers(len(EXTREMES)))]
        changed[place : place + len(value)] = value[: len(content) - place]
    return bytes(changed)


def _truncate(rng: np.random.Generator, content: bytes, region: Region) -> bytes:
    return content[: int(rng.integers(0, len(content)))]


def _cut_out(rng: np.random.Generator, content: bytes, region: Region) -> bytes:
    place = int(rng.integers(*region))
    return content[:place] + content[place + int(rng.integers(1, 5000)) :]


def _repeat(rng: np.random.Generator, content: bytes, region: Region) -> bytes:
    place, length = int(rng.integers(*region)), int(rng.integers(1, 5000))
    return content[:place] + content[place : place + length] + content[place:]
