"""Read clip sets, whatever their form; several are one set for every check."""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from adafocus.calibration.datasets import class_folders, csv_list, json_labels
from adafocus.calibration.datasets.labeled_clip import ONLY_SPLIT, LabeledClip, split_name
from adafocus.calibration.datasets.overlaps import named, without_overlaps
from adafocus.errors import AdafocusError

logger = logging.getLogger(__name__)


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


def read_clips(sources: Path | Sequence[Path], split: str | None = None) -> list[LabeledClip]:
    """Read clip sets: CSV files, JSON files or folders per class (see the modules of :data:`READERS`).

    Args:
        sources: a file or folder, or several that are one set together.
        split: keep only the clips of this split; everything is checked all the same.

    Raises:
        AdafocusError: there is no such set, it is malformed, a video is listed twice, a group or copies of a video
            are in two splits, or nothing is left.
    """
    given = [sources] if isinstance(sources, Path) else list(sources)
    return [clip for clips in read_sets(given, split) for clip in clips]


def read_undivided(sources: Sequence[Path]) -> list[LabeledClip]:
    """Read clip sets whose splits do not count, as before clips are divided anew.

    Raises:
        AdafocusError: as :func:`read_clips`, but a group and copies may be in two splits.
    """
    _refuse_repeated_sources(sources)
    clips = [replace(clip, split=ONLY_SPLIT) for source in sources for clip in _read(source)]
    return without_overlaps(sources, clips)


def read_sets(sources: Sequence[Path], split: str | None = None) -> list[list[LabeledClip]]:
    """Read clip sets that are one set together; return the clips of each, which may be none.

    Raises:
        AdafocusError: as :func:`read_clips`.
    """
    _refuse_repeated_sources(sources)
    sets = [_read(source) for source in sources]
    name, verb = named(sources)
    clips = without_overlaps(sources, [clip for clips in sets for clip in clips])
    _warn_of_likeness(name, clips)
    if split is not None and all(clip.split != split_name(split) for clip in clips):
        known = ", ".join(sorted({clip.split for clip in clips}))
        raise AdafocusError(f"{name} {verb} no clip of split {split!r}, only of {known}. Ask for one of those.")
    checked = iter(clips)
    return [
        [clip for clip in islice(checked, len(clips)) if split is None or clip.split == split_name(split)]
        for clips in sets
    ]


def _read(source: Path) -> list[LabeledClip]:
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
    return clips


def _refuse_repeated_sources(sources: Sequence[Path]) -> None:
    seen: set[str] = set()
    for source in sources:
        place = os.path.realpath(source)
        if place in seen:
            raise AdafocusError(f"The clip list {source} is given twice, expected each list once. Leave one out.")
        seen.add(place)


def _warn_of_likeness(name: str, clips: Sequence[LabeledClip]) -> None:
    """Warn of labels that are mostly one class written in two ways: other case, blanks, hyphens or underscores."""
    forms: dict[str, str] = {}
    for label in sorted({label for clip in clips for label in clip.labels}):
        alike = re.sub(r"[\s_\-\u00ad\u200b-\u200d\ufeff]", "", unicodedata.normalize("NFKC", label)).casefold()
        other = forms.setdefault(alike, label)
        if other != label:
            logger.warning(
                "%s: the labels %r and %r are two classes that differ only in case or in blanks and marks between "
                "words. Write them alike if they are one.",
                *(name, other, label),
            )
