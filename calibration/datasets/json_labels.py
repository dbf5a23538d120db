"""Clip sets as JSON labels for video files.

A list of objects, one per video, with the keys ``video`` and ``labels`` and, where they are known, ``group`` and
``split``::

    [{"video": "cook/0001.mp4", "labels": ["chop", "talk"], "group": "kitchen-3", "split": "val"}]
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from adafocus.calibration.datasets.labeled_clip import ONLY_SPLIT, LabeledClip, make_clip, video_path
from adafocus.calibration.datasets.text_file import read_text
from adafocus.edge.bundle.validation import parse_json
from adafocus.errors import AdafocusError

SUFFIX = ".json"
REQUIRED = ("video", "labels")
OPTIONAL = ("group", "split")
FORM = "a JSON list of videos and labels"
EXAMPLE = '[{"video": "a.mp4", "labels": ["name"], "group": "optional", "split": "optional"}, ...]'


def recognizes(source: Path) -> bool:
    """Return whether the name is that of a JSON file."""
    return source.suffix.lower() == SUFFIX


def read(source: Path) -> list[LabeledClip]:
    """Read a JSON list.

    Videos are relative to the folder of the JSON file. Without ``group`` the video's path without its suffix is its
    group; without ``split`` it is of the split ``train``.

    Raises:
        AdafocusError: it is not JSON, or not of the form of this module.
    """
    try:
        content = parse_json(read_text(source))
    except ValueError as error:
        raise AdafocusError(f"{source} is no JSON ({error}). Expected {EXAMPLE}.") from error
    if not isinstance(content, list):
        raise AdafocusError(f"{source} holds no list. Expected {EXAMPLE}.")
    return [_clip(source, f"entry {number} of {source}", entry) for number, entry in enumerate(content, 1)]


def _clip(source: Path, place: str, entry: Any) -> LabeledClip:
    if not isinstance(entry, dict):
        raise AdafocusError(f"There is no object in {place}. Expected {EXAMPLE}.")
    missing = [key for key in REQUIRED if key not in entry]
    unknown = sorted(set(entry) - {*REQUIRED, *OPTIONAL})
    if missing or unknown:
        found = f"no {missing[0]!r}" if missing else f"the unknown key {unknown[0]!r}"
        raise AdafocusError(f"There is {found} in {place}. Expected {EXAMPLE}.")
    labels = entry["labels"]
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise AdafocusError(f"The labels are no list of names in {place}. Expected {EXAMPLE}.")
    texts = {"group": os.path.splitext(str(entry["video"]))[0], "split": ONLY_SPLIT, **entry}
    wrong = [key for key in ("video", *OPTIONAL) if not isinstance(texts[key], str)]
    if wrong:
        raise AdafocusError(f"The {wrong[0]} is {entry[wrong[0]]!r} in {place}, expected a text. Expected {EXAMPLE}.")
    path = video_path(source.parent, texts["video"])
    return make_clip(place, path, labels, texts["group"], texts["split"])
