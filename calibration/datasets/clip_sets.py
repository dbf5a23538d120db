"""Read a clip set, whatever its form."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from adafocus.calibration.datasets import class_folders, csv_list, json_labels
from adafocus.calibration.datasets.labeled_clip import LabeledClip, refuse_overlaps
from adafocus.errors import AdafocusError


class Reader(Protocol):
    """What the module of one form of clip set has."""

    FORM: str

    def recognizes(self, source: Path) -> bool:
        """Return whether ``source`` is of this form."""

    def read(self, source: Path) -> list[LabeledClip]:
        """Read every clip of ``source``."""


# a new form is a module of its own and its name here
READERS: tuple[Reader, ...] = (csv_list, json_labels, class_folders)


def is_clip_set(source: Path) -> bool:
    """Return whether this names a clip set rather than one video."""
    return any(reader.recognizes(source) for reader in READERS)


def read_clips(source: Path, split: str | None = None) -> list[LabeledClip]:
    """Read a clip set: a CSV file, a JSON file or a folder per class (see the modules of :data:`READERS`).

    Args:
        source: the file or folder.
        split: keep only the clips of this split; the whole set is checked all the same.

    Raises:
        AdafocusError: there is no such set, it is malformed, a video is listed twice, a group is in two splits, or
            nothing is left.
    """
    forms = "; ".join(reader.FORM for reader in READERS)
    if not source.exists():
        raise AdafocusError(f"There is no clip list at {source}. Give the path of one of: {forms}.")
    reader = next((reader for reader in READERS if reader.recognizes(source)), None)
    if reader is None:
        raise AdafocusError(f"{source} is no clip set, expected one of: {forms}.")
    try:
        clips = reader.read(source)
    except OSError as error:
        raise AdafocusError(f"Cannot read {source}: {error.strerror or error}. Check its permissions.") from error
    if not clips:
        raise AdafocusError(f"{source} lists no clip at all, expected one per video. Add them.")
    refuse_overlaps(source, clips)
    kept = [clip for clip in clips if split in (None, clip.split)]
    if not kept:
        known = ", ".join(sorted({clip.split for clip in clips}))
        raise AdafocusError(f"{source} lists no clip of split {split!r}, only of {known}. Ask for one of those.")
    return kept
