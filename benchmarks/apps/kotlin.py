"""Time the cutting of a clip's patches in Kotlin beside Python, in one run.

    python -m benchmarks.apps.kotlin --out results/apps.yaml

Eight patches of 128 pixels are cut out of a square of 224, after the runtime has compiled what it runs often. Python,
then Kotlin on this machine's Java, then Python again, so that a busy moment is seen. The patches must be the same. What
Android's own runtime needs is not known from this. It needs a Java development kit; compilers come from registries.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from adafocus.apps.android.tools import jvm
from adafocus.calibration.report_file import put_result
from adafocus.edge.video.patches import crop_patch
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, machine, median, option, rounded

FRAME, PATCH, PATCHES = 224, 128, 8
FILL = (116, 116, 116)
WARM_UP = 20
NAME = "kotlin"


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


@click.command(cls=Benchmark)
@option("--turns", default=300, type=click.IntRange(3), help="Time so many turns of Python.")
@option("--out", type=PATH, help="Put the figures into this YAML file.")
def main(turns: int, out: Path | None) -> None:
    """Time the cutting of patches."""
    before, digest = in_python(turns)
    words = [",".join(repr(float(part)) for part in box) for box in boxes()]
    least, middle, found = jvm.call("crop", str(FRAME), str(PATCH), *words, quiet=True).split()[-3:]
    if found != digest:
        raise AdafocusError(f"Kotlin cuts other patches than Python: {found[:12]}, expected {digest[:12]}.")
    after, _ = in_python(turns)
    figures = {
        "command": f"python -m benchmarks.apps.kotlin --turns {turns}",
        "kotlin": {"min_ms": float(least), "median_ms": float(middle)},
        "python_before": {"min_ms": min(before), "median_ms": median(before)},
        "python_after": {"min_ms": min(after), "median_ms": median(after)},
        "patches": PATCHES,
        "patch_px": PATCH,
        "same_bytes": True,
        "machine": machine(),
    }
    for name in ("python_before", "kotlin", "python_after"):
        click.echo(f"{name}: {figures[name]['median_ms']:.2f} ms, at best {figures[name]['min_ms']:.2f} ms")  # type: ignore[index]
    if out is not None:
        put_result(out, NAME, rounded(figures))
        click.echo(f"wrote {out}")


if __name__ == "__main__":
    main()
