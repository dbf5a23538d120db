"""One clip with its labels, and the rules that hold for every list of them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from adafocus.errors import AdafocusError

T = TypeVar("T")
# of a source that knows no splits
ONLY_SPLIT = "train"


@dataclass(frozen=True)
class LabeledClip:
    """One clip of a set.

    Attributes:
        path: the video.
        labels: what it shows, at least one, none twice.
        group: its source video; clips of one source are alike, so they must not be in two splits.
        split: such as ``train`` or ``val``.
    """

    path: Path
    labels: tuple[str, ...]
    group: str
    split: str

    @property
    def label(self) -> str:
        """The first label, the only one of most sets."""
        return self.labels[0]


def make_clip(place: str, path: Path, labels: Sequence[str], group: str, split: str) -> LabeledClip:
    """Make a clip from one entry of a list.

    Blanks at the ends of names do not count, nor does it whether letters with marks are composed, nor the case of
    splits.

    Args:
        place: where the entry stands, such as ``line 3 of clips.csv``.
        path: of the video.
        labels: at least one.
        group: its source video.
        split: its split.

    Raises:
        AdafocusError: a name is empty or no text, a label stands twice, or the path cannot be one.
    """
    names = tuple(plain_name(label) for label in labels)
    fields = {"path": path.name, "label": "".join(names) if all(names) else "", "group": group, "split": split}
    empty = [name for name, value in fields.items() if not value.strip()]
    if empty:
        raise AdafocusError(f"The {empty[0]} is empty in {place}, expected a name. Fill it in.")
    if len(set(names)) != len(names):
        raise AdafocusError(f"A label stands twice in {place}: {', '.join(names)}. Name each label once.")
    if not _can_be_a_path(path):
        raise AdafocusError(f"The path in {place} is {str(path)!r}, which no file can have. Write the list again.")
    # a group may be named like a file, whose name may be bytes of any kind
    odd = [name for name in (*names, split) if not _is_text(name)] or [group] * (not _can_be_a_path(Path(group)))
    if odd:
        raise AdafocusError(f"The name {odd[0]!r} in {place} is no text in UTF-8. Write it anew, or rename the folder.")
    return LabeledClip(path, names, plain_name(group), split_name(split))


def split_name(text: str) -> str:
    """Return a split as clips name it: without blanks around it, in lower case."""
    return text.strip().lower()


def plain_name(text: str) -> str:
    """Return a name in the one form that equal names have; macOS writes names of folders in another one than people."""
    return unicodedata.normalize("NFC", text.strip())


def video_path(folder: Path, text: str) -> Path:
    """Return the path of a video that an entry names, relative to the folder of its list.

    A name that is on the disk as it is written is taken so. Otherwise blanks around it do not count, backslashes may
    divide folders, and letters with marks may be composed or not, whichever form is there.
    """
    meant = text.strip()
    if not meant:
        # the folder itself would be taken for the video
        return Path()
    divided = meant.replace("\\", "/")
    forms = (text, meant, divided, *(unicodedata.normalize(form, divided) for form in ("NFC", "NFD")))
    return next((folder / form for form in forms if _is_there(folder / form)), folder / meant)


def spread_evenly(items: Sequence[T], max_count: int) -> list[T]:
    """Return at most ``max_count`` items, spread evenly over all."""
    places = np.unique(np.linspace(0, len(items) - 1, min(max_count, len(items))).astype(int))
    return [items[place] for place in places]


def _is_text(name: str) -> bool:
    """Return whether a name can be written in UTF-8."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _can_be_a_path(path: Path) -> bool:
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
