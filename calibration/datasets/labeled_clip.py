"""One clip with its labels, and the rules that hold for every list of them."""

from __future__ import annotations

import os
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
    """Make a clip from one entry of a list; blanks at the ends of names do not count.

    Args:
        place: where the entry stands, such as ``line 3 of clips.csv``.
        path: of the video.
        labels: at least one.
        group: its source video.
        split: its split.

    Raises:
        AdafocusError: a name is empty, a label stands twice, or the path cannot be one.
    """
    names = tuple(label.strip() for label in labels)
    fields = {"path": path.name, "label": "".join(names) if all(names) else "", "group": group, "split": split}
    empty = [name for name, value in fields.items() if not value.strip()]
    if empty:
        raise AdafocusError(f"The {empty[0]} is empty in {place}, expected a name. Fill it in.")
    if len(set(names)) != len(names):
        raise AdafocusError(f"A label stands twice in {place}: {', '.join(names)}. Name each label once.")
    if not _can_be_a_path(path):
        raise AdafocusError(f"The path in {place} is {str(path)!r}, which no file can have. Write the list again.")
    return LabeledClip(path, names, group.strip(), split.strip())


def refuse_overlaps(source: Path, clips: Sequence[LabeledClip]) -> None:
    """Refuse a set that trains and tests on the same video.

    Raises:
        AdafocusError: a video is listed twice, or a group is in two splits.
    """
    seen: set[str] = set()
    splits: dict[str, LabeledClip] = {}
    for clip in clips:
        name = os.path.normpath(clip.path)
        if name in seen:
            raise AdafocusError(
                f"{source} lists {clip.path} twice, expected every video once. Take one of the two out; several labels "
                "of one video belong in one entry."
            )
        seen.add(name)
        other = splits.setdefault(clip.group, clip)
        if other.split != clip.split:
            raise AdafocusError(
                f"The group {clip.group!r} of {source} is in the splits {other.split!r} ({other.path.name}) and "
                f"{clip.split!r} ({clip.path.name}), expected all clips of one source video in one split. Move one of "
                "them, or give another group to what is another video."
            )


def spread_evenly(items: Sequence[T], max_count: int) -> list[T]:
    """Return at most ``max_count`` items, spread evenly over all."""
    places = np.unique(np.linspace(0, len(items) - 1, min(max_count, len(items))).astype(int))
    return [items[place] for place in places]


def _can_be_a_path(path: Path) -> bool:
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False
