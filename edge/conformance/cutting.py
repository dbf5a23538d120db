"""Vectors of pixels: patches, what the glance sees of a frame, and what shrinks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from adafocus.edge.conformance.material import Pixels, Record, case, joined, noise, noise_record, numbers, picture
from adafocus.edge.video.averaging import average
from adafocus.edge.video.fitting import fit_glance, shrink, shrink_factor
from adafocus.edge.video.patches import axis_taps, crop_patch, cut_patch
from adafocus.edge.video.preprocess import fit_frame, resize_bilinear
from adafocus.errors import AdafocusError

FILL = (116, 110, 104)
# start and length in pixels, and the side of the patch
AXES = (
    (0, 16, 16),
    (3, 12, 16),
    (0, 5, 16),
    (2, 40, 16),
    (7, 7, 128),
    (0, 519, 128),
    (11, 1037, 160),
    (5, 3001, 160),
    (0.4, 10.3, 16),
    (-4, 24, 16),
    (900, 1, 8),
)
# top, left, height, width in pixels of a frame of rows and columns, and the side of the patch
WHOLE_BOXES: dict[str, tuple[tuple[int, int, int, int], tuple[int, int], int]] = {
    "of the patch's own size": ((3, 5, 12, 12), (24, 32), 12),
    "enlarged, inside": ((6, 7, 9, 8), (24, 32), 16),
    "enlarged, at the upper left corner": ((0, 0, 7, 9), (24, 32), 16),
    "enlarged, at the lower right corner": ((17, 23, 7, 9), (24, 32), 16),
    "enlarged, the whole frame": ((0, 0, 9, 11), (9, 11), 16),
    "one pixel": ((10, 20, 1, 1), (24, 32), 8),
    "one pixel in the corner": ((0, 31, 1, 1), (24, 32), 8),
    "shrunk": ((2, 1, 21, 30), (24, 32), 8),
    "shrunk down, enlarged across": ((1, 4, 22, 5), (24, 32), 12),
    "enlarged down, shrunk across": ((4, 1, 5, 30), (24, 32), 12),
    "twice as large": ((4, 4, 8, 8), (24, 32), 16),
    "half as large": ((4, 4, 16, 16), (24, 32), 8),
    "as wide as the patch, taller": ((1, 4, 20, 12), (24, 32), 12),
    "beyond the top": ((-3, 4, 10, 10), (24, 32), 12),
    "beyond the right": ((4, 26, 10, 10), (24, 32), 12),
    "larger than the frame": ((-4, -6, 32, 44), (24, 32), 16),
    "outside": ((40, 50, 8, 8), (24, 32), 8),
    "540 px": ((1, 3, 537, 533), (540, 542), 128),
    "720 px": ((0, 0, 720, 719), (720, 722), 128),
    "1080 px, enlarged columns": ((20, 40, 1001, 119), (1080, 200), 128),
}
# as fractions of the frame, off its pixels
OFF_PIXELS = ((0.123, 0.217, 0.5, 0.4), (-0.1, 0.3, 0.55, 0.9), (0.7, 0.7, 0.31, 0.31), (0.05, 0.02, 0.9, 0.95))
AVERAGES = ((20, 30, 10, 15), (21, 33, 7, 11), (12, 16, 3, 4), (20, 20, 13, 13), (23, 31, 9, 30), (9, 9, 9, 9))
RESIZES = ((9, 12, 16, 16), (30, 20, 16, 16), (16, 16, 16, 16), (7, 31, 12, 12), (600, 8, 12, 12), (1, 1, 4, 4))
# height, width, side, short side
SQUARES = ((24, 32, 14, 16), (40, 30, 14, 16), (12, 12, 14, 16), (57, 41, 16, 16), (90, 70, 16, 19))
FRAMES = ((20, 36), (36, 20), (9, 12), (48, 48), (13, 40), (40, 24))


def vectors() -> list[Record]:
    """Return the vectors of this module."""
    return joined((_taps(), _crops(), _cuts(), _averages(), _resizes(), _fits(), _shrinks()))


def _taps() -> Iterator[Record]:
    """Where the pixels of a patch read along an axis."""
    for start, length, size in AXES:
        taps = axis_taps(start, length, size)
        given = {"start": start, "length": length, "patch_size": size}
        found = {"first": numbers(taps.first), "weights": numbers(taps.weights)}
        yield case(f"{length} px from {start} to {size}", "taps", given, found)


def _fractions(box: Sequence[int], size: Sequence[int]) -> list[float]:
    """Return a box in pixels as fractions of a frame, float32 as the policy gives them."""
    return np.array([place / side for place, side in zip(box, (*size, *size), strict=True)], np.float32).tolist()


def _crops() -> Iterator[Record]:
    """Patches by the bilinear rule."""
    for name, (box, size, side) in WHOLE_BOXES.items():
        seed = len(name)
        given: Record = {
            "frame": noise_record(seed, *size, 3),
            "box": _fractions(box, size),
            "patch_size": side,
            "fill": FILL,
        }
        patch = crop_patch(noise(seed, *size, 3), given["box"], side, FILL)
        yield case(name, "crop_patch", {**given, "pixels": box}, {"patch": picture(patch)})
    for place, fractions in enumerate(OFF_PIXELS):
        given = {"frame": noise_record(place, 24, 32, 3), "box": list(fractions), "patch_size": 12, "fill": FILL}
        patch = crop_patch(noise(place, 24, 32, 3), fractions, 12, FILL)
        yield case(f"off the pixels {place}", "crop_patch", given, {"patch": picture(patch)})
    # 0 and 255 beside each other show how a half is rounded, and which rows are shifted before they are mixed
    steps = np.zeros((12, 12, 3), np.uint8)
    steps[::2, ::2], steps[1::2, 1::2] = 255, 254
    for box in ((1, 1, 7, 5), (2, 3, 3, 3)):
        given = {"frame": picture(steps), "box": _fractions(box, (12, 12)), "patch_size": 12, "fill": FILL}
        patch = crop_patch(steps, given["box"], 12, FILL)
        yield case(
            f"a chessboard, {box[2]} x {box[3]}", "crop_patch", {**given, "pixels": box}, {"patch": picture(patch)}
        )


def _cuts() -> Iterator[Record]:
    """Patches of whole frames, which are averaged where they shrink on both sides."""
    for name in (
        "enlarged, inside",
        "shrunk",
        "shrunk down, enlarged across",
        "half as large",
        "as wide as the patch, taller",
        "540 px",
        "720 px",
    ):
        box, size, side = WHOLE_BOXES[name]
        given: Record = {
            "frame": noise_record(77, *size, 3),
            "box": _fractions(box, size),
            "patch_size": side,
            "fill": FILL,
        }
        patch = cut_patch(noise(77, *size, 3), given["box"], side, FILL)
        yield case(name, "cut_patch", {**given, "pixels": box}, {"patch": picture(patch)})


def _averages() -> Iterator[Record]:
    """Means of areas."""
    for rows, columns, height, width in AVERAGES:
        given = {"region": noise_record(rows, rows, columns, 3), "height": height, "width": width}
        found = average(noise(rows, rows, columns, 3), height, width)
        yield case(f"{rows} x {columns} to {height} x {width}", "average", given, {"picture": picture(found)})
    # every mean is a half, or a third, or next to one
    for name, block in {"halves": [[0, 1], [2, 3]], "halves of 4 x 4": [[1, 0, 0, 3], [2, 2, 0, 0]] * 2}.items():
        tile = np.tile(np.array(block, np.uint8), (2, 2))
        region = np.stack([tile + step for step in (0, 7, 200)], axis=-1).astype(np.uint8)
        side = len(tile) // len(block)
        given = {"region": picture(region), "height": side, "width": side}
        yield case(name, "average", given, {"picture": picture(average(region, side, side))})


def _resizes() -> Iterator[Record]:
    """Bilinear resizing of a whole picture: taps stay within it."""
    for rows, columns, height, width in RESIZES:
        given = {"picture": noise_record(rows + 1, rows, columns, 3), "height": height, "width": width}
        found = resize_bilinear(noise(rows + 1, rows, columns, 3), height, width)
        yield case(f"{rows} x {columns} to {height} x {width}", "resize_bilinear", given, {"picture": picture(found)})


def _fits() -> Iterator[Record]:
    """Centre squares of frames, and what the glance sees of whole ones."""
    for rows, columns, side, short in SQUARES:
        frame = noise(rows + columns, rows, columns, 3)
        given: Record = {
            "frame": noise_record(rows + columns, rows, columns, 3),
            "frame_size": side,
            "short_side": short,
        }
        fitted = fit_frame(frame, side, short)
        _refuse_unportable(frame, fitted, side, short)
        yield case(f"{rows} x {columns} to {side} of {short}", "fit_frame", given, {"picture": picture(fitted)})
    for rows, columns in FRAMES:
        frame = noise(rows * columns, rows, columns, 3)
        for fit in ("square", "squeezed", "padded"):
            given = {"frame": noise_record(rows * columns, rows, columns, 3), "fit": fit, "size": 16, "share": 0.875}
            found = fit_glance(frame, fit, 16, 0.875, FILL)
            yield case(f"{rows} x {columns}, {fit}", "fit_glance", given | {"fill": FILL}, {"picture": picture(found)})


def _refuse_unportable(frame: Pixels, fitted: Pixels, side: int, short: int) -> None:
    """Refuse a vector whose means OpenCV rounds in float32 otherwise than the rule in whole numbers.

    Raises:
        AdafocusError: it does; the vector would hold on some processors only.
    """
    rows, columns = frame.shape[:2]
    taken = max(1, round(min(rows, columns) * side / short))
    top, left = (rows - taken) // 2, (columns - taken) // 2
    if taken > side and not np.array_equal(average(frame[top : top + taken, left : left + taken], side, side), fitted):
        raise AdafocusError(f"A frame of {rows} x {columns} has means too near to a half; choose another size.")


def _shrinks() -> Iterator[Record]:
    """Whole frames that are shrunk by a whole factor when they are kept."""
    for height, width, frames in (
        (1080, 1920, 8),
        (1080, 1920, 24),
        (2160, 3840, 24),
        (240, 320, 24),
        (1081, 3452, 24),
        (1, 22369622, 1),
    ):
        given: Record = {"height": height, "width": width, "frames": frames}
        found = {"factor": shrink_factor(height, width, frames)}
        yield case(f"{frames} frames of {height} x {width}", "shrink_factor", given, found)
    for factor in (1, 2, 3, 4, 5, 6):
        given = {"frame": noise_record(factor, 25, 38, 3), "factor": factor}
        shrunk = picture(shrink(noise(factor, 25, 38, 3), factor))
        yield case(f"by {factor}", "shrink", given, {"picture": shrunk})
    given = {"frame": noise_record(8, 2, 9, 3), "factor": 3}
    yield case("a side shorter than the factor", "shrink", given, {"picture": picture(shrink(noise(8, 2, 9, 3), 3))})
