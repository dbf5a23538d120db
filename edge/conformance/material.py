"""What vectors are made of: inputs by formulas in whole numbers, and outputs as numbers, bytes, digests and samples."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Record = dict[str, Any]
Pixels = NDArray[np.uint8]

CHANNELS = 3
# a bijection of 32 bits that spreads every bit over all others: shifts and odd factors
SHIFTS, FACTORS = (16, 15, 16), (0x7FEB352D, 0x846CA68B)
# between the streams of neighbouring seeds
STRIDE = 0x9E3779B9
# outputs of more bytes are told by their digest and samples
MAX_WHOLE_BYTES = 1024
SAMPLES = 16
# digits of numbers that come from exponentials or sums of many: processors differ in the last of all their digits
DIGITS = 10
# parts of a scene: the ramp, the block that moves, the grain
RAMP_MASK, BLOCK, GRAIN_SHIFT = 127, 90, 27


def hashed(seed: int, count: int) -> NDArray[np.uint32]:
    """Return the first ``count`` numbers of the stream of a seed, ``(count,)`` of 32 bits each."""
    mixed = np.arange(count, dtype=np.uint32) + np.uint32(seed * STRIDE % 2**32)
    for shift, factor in zip(SHIFTS, (*FACTORS, 1), strict=True):
        mixed ^= mixed >> np.uint32(shift)
        mixed *= np.uint32(factor)
    return mixed


def noise(seed: int, *shape: int) -> Pixels:
    """Return bytes of a stream in C order: the upper 8 bits of each number."""
    return (hashed(seed, int(np.prod(shape))) >> np.uint32(24)).astype(np.uint8).reshape(shape)


def scene(seed: int, number: int, height: int, width: int, block: Sequence[int]) -> Pixels:
    """Return frame ``number`` of a clip in which a bright square moves before a ramp with grain, ``(H, W, 3)`` RGB.

    Args:
        seed: of the grain, which is that of all frames.
        number: counted from 0.
        height: of the frame in pixels.
        width: likewise.
        block: top, left and side of the square in the first frame, and how far it goes down and right a frame.
    """
    rows, columns, channels = np.indices((height, width, CHANNELS), dtype=np.int64)
    grain = (hashed(seed, height * width * CHANNELS) >> np.uint32(GRAIN_SHIFT)).astype(np.int64)
    values = ((3 * rows + 2 * columns + 40 * channels >> 1) & RAMP_MASK) + grain.reshape(rows.shape)
    top, left, side, down, right = block
    top, left = top + number * down, left + number * right
    inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return (values + BLOCK * inside).astype(np.uint8)


def case(name: str, op: str, given: Record, expected: Record) -> Record:
    """Return one vector: its name, the rule that it is of, what goes in and what must come out."""
    return {"name": name, "op": op, "given": given, "expected": expected}


def noise_record(seed: int, *shape: int) -> Record:
    """Describe bytes of :func:`noise`."""
    return {"noise": seed, "shape": list(shape)}


def scene_record(seed: int, count: int, height: int, width: int, block: Sequence[int]) -> Record:
    """Describe the first ``count`` frames of :func:`scene`."""
    return {"scene": seed, "shape": [count, height, width, CHANNELS], "block": list(block)}


def numbers(values: ArrayLike) -> Any:
    """Return an array as nested lists; float32 becomes the double that it is."""
    return np.asarray(values).tolist()


def near(value: float) -> float:
    """Return a number to so many digits as every processor agrees on."""
    return float(f"{value:.{DIGITS}g}")


def nears(values: Iterable[float]) -> list[float]:
    """Return numbers as :func:`near` does."""
    return [near(float(value)) for value in values]


def picture(values: NDArray[np.generic]) -> Record:
    """Tell an array: shape, type, digest of its bytes in C order, and all bytes, or samples where they are many."""
    data = np.ascontiguousarray(values)
    content = data.astype(data.dtype.newbyteorder("<"), copy=False).tobytes()
    record: Record = {
        "shape": list(data.shape),
        "dtype": data.dtype.name,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    if len(content) <= MAX_WHOLE_BYTES:
        return record | {"base64": base64.b64encode(content).decode()}
    return record | {"samples": samples(data)}


def samples(values: NDArray[np.generic]) -> list[list[float | int]]:
    """Return places in C order and values there, spread over an array."""
    flat = values.reshape(-1)
    places = [(2 * turn + 1) * flat.size // (2 * SAMPLES) for turn in range(SAMPLES)]
    return [[place, flat[place].item()] for place in dict.fromkeys(places)]


def floats(seed: int, count: int) -> list[float]:
    """Return numbers in 0..1: those of a stream of 32 bits over 2^32, as float32."""
    return (hashed(seed, count) / 2**32).astype(np.float32).tolist()


def weights(seed: int, count: int) -> list[float]:
    """Return numbers that sum to about 1, as float32."""
    found = np.array(floats(seed, count), np.float32)
    return (found / found.sum(dtype=np.float32)).tolist()


def joined(parts: Iterable[Iterable[Record]]) -> list[Record]:
    """Return the vectors of several rules in one list."""
    return [vector for part in parts for vector in part]
