"""Clip sets as CSV: a line per video with the columns path, label, group and split."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from adafocus.calibration.datasets.labeled_clip import LabeledClip, make_clip
from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError

SUFFIX = ".csv"
COLUMNS = ("path", "label", "group", "split")
FORM = f"a CSV with the columns {', '.join(COLUMNS)}"
BETWEEN_LABELS = "|"


def recognizes(source: Path) -> bool:
    """Return whether the name is that of a CSV file."""
    return source.suffix.lower() == SUFFIX


def read(source: Path) -> list[LabeledClip]:
    """Read a CSV file; other columns are ignored.

    Paths are relative to the CSV's folder. Several labels are separated by ``|``.

    Raises:
        AdafocusError: no CSV, a column is missing or stands twice, or a line has too many, too few or empty fields.
    """
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            _check_columns(source, list(reader.fieldnames or ()))
            return [_clip(source, reader.line_num, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise AdafocusError(f"{source} is no CSV ({error}). Save it as comma-separated text in UTF-8.") from error


def _check_columns(source: Path, found: list[str]) -> None:
    expected = f"Expected the columns {', '.join(COLUMNS)}, separated by commas."
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise AdafocusError(
            f"{source} has no column {', '.join(missing)}, only {', '.join(found) or 'none'}. {expected}"
        )
    twice = [name for name in COLUMNS if found.count(name) > 1]
    if twice:
        raise AdafocusError(f"{source} has the column {twice[0]} twice. {expected}")


def _clip(source: Path, line: int, row: dict[str, str]) -> LabeledClip:
    place = f"line {line} of {source}"
    if None in row or None in row.values():
        raise AdafocusError(
            f"There are too {'many' if None in row else 'few'} fields in {place}, expected one per column. Put quotes "
            "around a field that holds a comma."
        )
    # the folder itself would be taken for the video
    path = source.parent / row["path"] if row["path"].strip() else Path()
    return make_clip(place, path, row["label"].split(BETWEEN_LABELS), row["group"], row["split"])


def write_list(path: Path, clips: Iterable[LabeledClip]) -> None:
    """Write clips as a CSV file of this form, with absolute paths."""
    with replacing_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for clip in clips:
            writer.writerow([clip.path.resolve(), BETWEEN_LABELS.join(clip.labels), clip.group, clip.split])
