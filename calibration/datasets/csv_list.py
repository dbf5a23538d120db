"""Clip sets as CSV: a line per video with the columns path, label, group and split."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable
from pathlib import Path

from adafocus.calibration.datasets.labeled_clip import LabeledClip, make_clip, video_path
from adafocus.calibration.datasets.text_file import read_text
from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError

SUFFIXES = (".csv", ".tsv")
SEPARATORS = (",", ";", "\t")
COLUMNS = ("path", "label", "group", "split")
FORM = f"a CSV with the columns {', '.join(COLUMNS)}"
BETWEEN_LABELS = "|"


def recognizes(source: Path) -> bool:
    """Return whether the name is that of a CSV file."""
    return source.suffix.lower() in SUFFIXES


def read(source: Path) -> list[LabeledClip]:
    """Read a CSV file as people and spreadsheets write it; other columns are ignored.

    Paths are relative to the CSV's folder. Several labels are separated by ``|``. Columns are separated by commas,
    semicolons or tabs, whichever gives the four columns. Blanks around names, the case of column names, empty rows and
    rows that repeat the column names do not count.

    Raises:
        AdafocusError: no CSV, a column is missing or stands twice, or a line has too many, too few or empty fields.
    """
    try:
        text, skipped = _without_separator_line(read_text(source))
        rows = _rows(text)
    except (csv.Error, UnicodeDecodeError) as error:
        raise AdafocusError(
            f"{source} is no CSV ({error}). Save it as comma-separated text in UTF-8, with quotes only around whole "
            "fields."
        ) from error
    (_, head), *others = [(line, row) for line, row in rows if any(map(str.strip, row))] or [(0, [])]
    names = _column_names(source, head)
    return [_clip(source, line + skipped, row, names) for line, row in others if not _repeats(row, names)]


def _without_separator_line(text: str) -> tuple[str, int]:
    """Drop the line ``sep=;`` that Excel writes first; return the rest and the number of lines that were dropped."""
    first = io.StringIO(text, newline="").readline()
    if re.fullmatch(r'"?sep=[;,\t]"?', first.strip(" \r\n"), re.IGNORECASE):
        return text[len(first) :], 1
    return text, 0


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Return rows with the number of the line that each ends in, split by the separator that gives most columns."""
    separator = max(SEPARATORS, key=lambda one: _known_columns(text, one))
    try:
        rows = _parsed(text, separator, skip_blanks=False)
    except csv.Error:
        return _parsed(_without_blanks_after_quotes(text, separator), separator, skip_blanks=True)
    # a quote after a blank opens a field all the same; otherwise blanks stay, as names of files may begin with one
    if any(field.lstrip(" ").startswith('"') for _, row in rows for field in row):
        return _parsed(_without_blanks_after_quotes(text, separator), separator, skip_blanks=True)
    return rows


def _parsed(text: str, separator: str, *, skip_blanks: bool) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=skip_blanks, strict=True)
    return [(reader.line_num, row) for row in reader]


def _without_blanks_after_quotes(text: str, separator: str) -> str:
    # a quote that is doubled within a field ends one match and begins the next, so fields are never left
    return re.sub(rf'("[^"]*")(?: +(?={separator}|\r|\n|\Z))?', r"\1", text)


def _known_columns(text: str, separator: str) -> int:
    """Return how many of the columns the first row has that is not empty."""
    head = next((line for line in io.StringIO(text) if line.strip(" \r\n\t,;")), "")
    return len({_column(field) for field in head.split(separator)} & set(COLUMNS))


def _column(field: str) -> str:
    return field.strip().strip('"').strip().lower()


def _column_names(source: Path, head: list[str]) -> list[str]:
    """Return the names of all columns in one form; those of this format are there, each once."""
    names = [_column(field) for field in head]
    expected = f"Expected the columns {', '.join(COLUMNS)} in the first line, separated by commas."
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise AdafocusError(
            f"{source} has no column {', '.join(missing)}, only {', '.join(head) or 'none'}. {expected}"
        )
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise AdafocusError(f"{source} has the column {twice[0]} twice. {expected}")
    return names


def _repeats(row: list[str], names: list[str]) -> bool:
    """Return whether a row repeats the column names, as it does where two files were put behind each other."""
    return [_column(field.lstrip("\ufeff")) for field in row] == names


def _clip(source: Path, line: int, row: list[str], names: list[str]) -> LabeledClip:
    place = f"line {line} of {source}"
    too_many = any(map(str.strip, row[len(names) :]))
    if too_many or len(row) < len(names):
        raise AdafocusError(
            f"There are too {'many' if too_many else 'few'} fields in {place}, expected one per column. Put quotes "
            "around a field that holds a comma."
        )
    path, label, group, split = (row[names.index(name)] for name in COLUMNS)
    return make_clip(place, video_path(source.parent, path), label.split(BETWEEN_LABELS), group, split)


def write_list(path: Path, clips: Iterable[LabeledClip], *, relative: bool = False) -> None:
    """Write clips as a CSV file of this form, with absolute paths, or with paths from the folder of the file."""
    with (
        replacing_file(path) as beside,
        beside.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for clip in clips:
            place = _relative(clip.path, path.resolve().parent) if relative else str(clip.path.resolve())
            writer.writerow([place, BETWEEN_LABELS.join(clip.labels), clip.group, clip.split])


def _relative(path: Path, folder: Path) -> str:
    """Return the way from a folder to a video. A link stays one; folders are those of the disk, as ``..`` has them."""
    return Path(os.path.relpath(path.parent.resolve() / path.name, folder)).as_posix()
