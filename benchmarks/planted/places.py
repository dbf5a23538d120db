"""Where and when the clips of a planted set are shown: further columns of its clip list."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.csv_list import BETWEEN_LABELS, COLUMNS
from adafocus.calibration.datasets.labeled_clip import video_path
from adafocus.calibration.datasets.text_file import read_text
from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError

NUMBERS = ("y", "x", "height", "width", "first_frame", "last_frame")
ADDED = (*NUMBERS, "first_s", "last_s", "frames", "fps", "planted", "backgrounds")
SECOND_DIGITS, SHARE_DIGITS = 4, 6


@dataclass(frozen=True)
class Place:
    """Where and when a clip is shown.

    Attributes:
        box: y, x, height, width as fractions of the frame.
        first_frame: in which the clip appears, counted from 0.
        last_frame: the last one that shows it.
    """

    box: tuple[float, float, float, float]
    first_frame: int
    last_frame: int


@dataclass(frozen=True)
class Row:
    """One video of a planted set.

    Attributes:
        clip: the video, with the labels of the clip that was planted.
        place: of that clip.
        frames: of the video.
        fps: of the video.
        planted: the clip, as its own list names it.
        backgrounds: names of the videos behind it.
    """

    clip: LabeledClip
    place: Place
    frames: int
    fps: float
    planted: str
    backgrounds: tuple[str, ...]


def write_rows(path: Path, rows: Iterable[Row], folder: Path) -> None:
    """Write the clip list of a set whose videos lie under ``folder``."""
    with replacing_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, *ADDED))
        for row in rows:
            clip, place = row.clip, row.place
            first_s, last_s = (frame / row.fps for frame in (place.first_frame, place.last_frame + 1))
            writer.writerow(
                (
                    clip.path.relative_to(folder).as_posix(),
                    BETWEEN_LABELS.join(clip.labels),
                    clip.group,
                    clip.split,
                    *(round(share, SHARE_DIGITS) for share in place.box),
                    place.first_frame,
                    place.last_frame,
                    round(first_s, SECOND_DIGITS),
                    round(last_s, SECOND_DIGITS),
                    row.frames,
                    round(row.fps, SECOND_DIGITS),
                    row.planted,
                    BETWEEN_LABELS.join(row.backgrounds),
                )
            )


def read_places(path: Path) -> dict[Path, Place]:
    """Read where and when the clips of a set are shown, by the path of their video.

    Raises:
        AdafocusError: the list has no such columns, or other values in them.
    """
    found = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(read_text(path), newline="")), start=2):
        found[video_path(path.parent, row.get("path") or "")] = _place(row, f"line {number} of {path}")
    return found


def _place(row: Mapping[str, str | None], where: str) -> Place:
    """Return the place that a row names."""
    try:
        *box, first, last = (float(row.get(name) or "") for name in NUMBERS)
    except ValueError as error:
        raise AdafocusError(
            f"{where} does not say where and when its clip is shown, expected numbers in the columns "
            f"{', '.join(NUMBERS)}. Make the list with python -m benchmarks.planted.clips."
        ) from error
    top, left, tall, wide = box
    # fractions are rounded in the list
    fits = all(at >= 0 and side > 0 and at + side <= 1 + 1e-5 for at, side in ((top, tall), (left, wide)))
    if not fits or not 0 <= first <= last:
        raise AdafocusError(
            f"{where} places its clip at y {top:g}, x {left:g}, height {tall:g}, width {wide:g}, frames {first:g} to "
            f"{last:g}, expected fractions within the frame and frames in order. Make the list again."
        )
    return Place((top, left, tall, wide), int(first), int(last))
