"""The clips of a measurement: files, folders, or a list in CSV, with the labels that the bundle knows."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.sources.image_folder import SUFFIXES as PICTURE_SUFFIXES
from adafocus.errors import AdafocusError

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".npy", ".ogv", ".ts"}
    | {".webm", ".wmv"}
)
LIST_SUFFIXES = frozenset({".csv", ".tsv"})
SEPARATORS = ",;\t"
BETWEEN_LABELS = "|"
LIST_FORM = "a first line path,label and a line for each clip"


@dataclass(frozen=True)
class LabeledVideo:
    """One clip.

    Attributes:
        path: of a video file, a folder of pictures or a .npy file.
        labels: numbers of the bundle's labels that are right for it; empty where it has none.
    """

    path: Path
    labels: frozenset[int] = frozenset()


def read_clips(places: Sequence[Path], labels: Sequence[str], split: str | None = None) -> list[LabeledVideo]:
    """Find the clips of what was typed.

    Args:
        places: video files, folders of pictures, folders of videos, folders with a folder of videos for each label, or
            lists in CSV with the columns ``path`` and, if there are labels, ``label``: a name or a number; several are
            separated by ``|``. A path is relative to its list.
        labels: of the bundle.
        split: of lists with a column ``split``: rows of this one only.

    Returns:
        each clip once, in the order of the places.

    Raises:
        AdafocusError: nothing is there, a list cannot be read, or a label is none of the bundle's.
    """
    numbers = {_plain(name): number for number, name in enumerate(labels)}
    found: dict[Path, LabeledVideo] = {}
    for place in places:
        for clip in _clips_of(place, numbers, split):
            found.setdefault(clip.path.absolute(), clip)
    if not found:
        listed = ", ".join(map(str, places)) or "nothing"
        raise AdafocusError(f"No clip is in {listed}. Give videos, folders of videos, or a list with {LIST_FORM}.")
    return list(found.values())


def digest(videos: Iterable[Path]) -> str:
    """Return a SHA-256 of the digests of clips, in their order, by which a set is known again."""
    return hashlib.sha256("".join(sha256_of(video) for video in videos).encode()).hexdigest()


def _clips_of(place: Path, numbers: dict[str, int], split: str | None) -> Iterator[LabeledVideo]:
    """Yield the clips of one place."""
    if not place.exists():
        raise AdafocusError(f"{place} is not there. Give videos, folders of videos, or a list with {LIST_FORM}.")
    if place.suffix.lower() in LIST_SUFFIXES:
        yield from _listed(place, numbers, split)
    elif not place.is_dir() or any(entry.suffix.lower() in PICTURE_SUFFIXES for entry in place.iterdir()):
        yield LabeledVideo(place)
    else:
        videos = sorted(path for path in place.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
        named = [numbers.get(_plain(video.parent.name)) for video in videos]
        # labels are counted only where every folder is one
        known = bool(named) and None not in named
        for video, number in zip(videos, named, strict=True):
            yield LabeledVideo(video, frozenset({number}) if known and number is not None else frozenset())


def _listed(place: Path, numbers: dict[str, int], split: str | None) -> Iterator[LabeledVideo]:
    """Yield the clips of a list.

    Raises:
        AdafocusError: it is no such list.
    """
    try:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise AdafocusError(f"{place} cannot be read: {said}. Expected {LIST_FORM}.") from error
    head = lines[0] if lines else ""
    separator = max(SEPARATORS, key=head.count)
    try:
        rows = list(csv.DictReader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        raise AdafocusError(f"{place} is no CSV ({error}). Expected {LIST_FORM}.") from error
    rows = [{_plain(name or ""): value for name, value in row.items() if isinstance(value, str)} for row in rows]
    if "path" not in {_plain(name) for name in head.split(separator)}:
        raise AdafocusError(f"{place} has no column path in its first line {head[:80]!r}. Expected {LIST_FORM}.")
    splits = sorted({row["split"].strip() for row in rows if row.get("split", "").strip()})
    if split is not None and split not in splits:
        raise AdafocusError(f"{place} has the splits {', '.join(splits) or 'none'}, found --split {split}.")
    if split is None and len(splits) > 1:
        raise AdafocusError(f"{place} has the splits {', '.join(splits)}. Say which is measured: --split {splits[-1]}")
    for line, row in enumerate(rows, 2):
        path = row.get("path", "").strip()
        if path and (split is None or row.get("split", "").strip() == split):
            found = _numbers(f"line {line} of {place}", row.get("label", ""), numbers)
            yield LabeledVideo(place.parent / path, found)


def _numbers(where: str, text: str, numbers: dict[str, int]) -> frozenset[int]:
    """Return the numbers of labels.

    Raises:
        AdafocusError: one is none of the bundle's.
    """
    found = set()
    for name in filter(None, map(str.strip, text.split(BETWEEN_LABELS))):
        number = numbers.get(_plain(name))
        if number is None and name.isdecimal() and int(name) < len(numbers):
            number = int(name)
        if number is None:
            near = get_close_matches(_plain(name), numbers, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise AdafocusError(
                f"The label {name[:80]!r} in {where} is none of the {len(numbers)} of the bundle.{hint}"
            )
        found.add(number)
    return frozenset(found)


def _plain(name: str) -> str:
    """Return a name as it is compared: small letters, blanks for underscores."""
    return " ".join(name.strip().strip('"').casefold().replace("_", " ").split())
