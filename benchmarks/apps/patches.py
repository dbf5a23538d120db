"""The cutting of a clip's patches in another language beside Python: eight of 128 pixels, out of a square of 224."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.report_file import put_result
from adafocus.edge.video.patches import crop_patch
from adafocus.errors import AdafocusError
from benchmarks.harness import machine, median, rounded

FRAME, PATCH, PATCHES = 224, 128, 8
FILL = (116, 116, 116)
WARM_UP = 20


def boxes() -> NDArray[np.float32]:
    """Return the boxes, ``(8, 4)``: y, x, height, width as fractions of the frame."""
    return np.array([[5 * n, 3 * n, 96 + 8 * n, 100 + 7 * n] for n in range(PATCHES)], np.float32) / np.float32(FRAME)


def in_python(turns: int) -> tuple[list[float], str]:
    """Return the milliseconds of every turn, and the digest of the patches."""
    place = np.arange(FRAME * FRAME * 3)
    frame = ((place * 7 + (place >> 9) * 13) & 255).astype(np.uint8).reshape(FRAME, FRAME, 3)
    patches = np.empty((PATCHES, PATCH, PATCH, 3), np.uint8)
    spent = []
    for _ in range(WARM_UP + turns):
        started = time.perf_counter()
        for box, patch in zip(boxes(), patches, strict=True):
            crop_patch(frame, box, PATCH, FILL, patch)
        spent.append(1e3 * (time.perf_counter() - started))
    return spent[WARM_UP:], hashlib.sha256(patches.tobytes()).hexdigest()


def beside_python(name: str, turns: int, run: Callable[..., str], out: Path | None) -> None:
    """Time Python, the other language, then Python again, so that a busy moment is seen; the patches must be the same.

    Args:
        name: of the language, in small letters.
        turns: of Python.
        run: takes the words of the command ``crop``; the last three words of its answer are the smallest and the middle
            time in ms, and the digest of the patches.
        out: a YAML file of results; None: only print.

    Raises:
        AdafocusError: the other language cuts other patches.
    """
    before, digest = in_python(turns)
    words = [",".join(repr(float(part)) for part in box) for box in boxes()]
    least, middle, found = run("crop", str(FRAME), str(PATCH), *words).split()[-3:]
    if found != digest:
        raise AdafocusError(f"{name} cuts other patches than Python: {found[:12]}, expected {digest[:12]}.")
    after, _ = in_python(turns)
    times = {
        name: {"min_ms": float(least), "median_ms": float(middle)},
        "python_before": {"min_ms": min(before), "median_ms": median(before)},
        "python_after": {"min_ms": min(after), "median_ms": median(after)},
    }
    figures: dict[str, Any] = {
        "command": f"python -m benchmarks.apps.{name} --turns {turns}",
        **times,
        "patches": PATCHES,
        "patch_px": PATCH,
        "same_bytes": True,
        "machine": machine(),
    }
    for key in ("python_before", name, "python_after"):
        click.echo(f"{key}: {times[key]['median_ms']:.2f} ms, at best {times[key]['min_ms']:.2f} ms")
    if out is not None:
        put_result(out, name, rounded(figures))
        click.echo(f"wrote {out}")
