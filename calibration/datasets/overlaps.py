"""What would train and test on the same video: refused over all lists at once, by path, group, content and looks."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.calibration.datasets.labeled_clip import LabeledClip
from adafocus.calibration.likeness import likenesses
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError

logger = logging.getLogger(__name__)


def without_overlaps(sources: Sequence[Path], clips: Sequence[LabeledClip]) -> list[LabeledClip]:
    """Refuse a set that trains and tests on the same video; put the groups of copies together.

    Copies of one video are alike whatever their groups are called, so their groups become one: neither folds nor
    intervals over groups may take them for two sources.

    Args:
        sources: of the set, for sentences.
        clips: all of them, whatever their splits.

    Raises:
        AdafocusError: a video is listed twice, a group is in two splits, copies of one video are in two splits or have
            different labels, or two splits hold one video that was encoded twice.
    """
    name, verb = named(sources)
    _refuse_repeated_paths(f"{name} {verb}", clips)
    _refuse_divided_groups(name, clips)
    joined: dict[str, str] = {}
    for first, *others in _copies(clips):
        for other in others:
            _refuse_divided_copies(name, first, other)
            _join(joined, first, other, "are copies of one video")
    _judge_likeness(name, clips, joined)
    return [replace(clip, group=_root(joined, clip.group)) for clip in clips] if joined else list(clips)


def _join(joined: dict[str, str], first: LabeledClip, other: LabeledClip, how: str) -> None:
    """Let the groups of two clips count as one, and say so."""
    kept, dropped = _root(joined, first.group), _root(joined, other.group)
    if kept != dropped:
        joined[dropped] = kept
        logger.warning(
            "%s and %s %s, so the groups %r and %r count as one.",
            *(first.path, other.path, how, first.group, other.group),
        )


def _judge_likeness(name: str, clips: Sequence[LabeledClip], joined: dict[str, str]) -> None:
    """Refuse a video that was encoded again in another split; warn of clips of two splits that merely look alike.

    Clips before a camera that stands still look alike whatever happens, so looks alone are no reason to refuse a set.
    """
    doubtful: list[tuple[LabeledClip, LabeledClip]] = []
    for found in likenesses([clip.path for clip in clips], [_root(joined, clip.group) for clip in clips]):
        first, other = clips[found.first], clips[found.other]
        if found.copy and first.split != other.split:
            raise AdafocusError(
                f"{first.path} and {other.path} in {name} look like one video that was encoded twice, one in the split "
                f"{first.split!r} and one in {other.split!r}, expected every video in one split. Take one of the two "
                "out, or move both into one split."
            )
        if found.copy:
            _join(joined, first, other, "look like one video that was encoded twice")
        elif first.split != other.split:
            doubtful.append((first, other))
    if doubtful:
        first, other = doubtful[0]
        logger.warning(
            "%s: %d pairs of clips in different splits look alike, such as %s (%s) and %s (%s). If they show one "
            "scene, give them one group and one split.",
            *(name, len(doubtful), first.path, first.split, other.path, other.split),
        )


def named(sources: Sequence[Path]) -> tuple[str, str]:
    """Return how a sentence begins about these lists, and its verb."""
    return " and ".join(str(source) for source in sources), "lists" if len(sources) == 1 else "list"


def _refuse_repeated_paths(beginning: str, clips: Sequence[LabeledClip]) -> None:
    seen: dict[str, LabeledClip] = {}
    for clip in clips:
        other = seen.setdefault(os.path.abspath(clip.path), clip)
        if other is not clip:
            where = f"in the split {clip.split!r}"
            if other.split != clip.split:
                where = f"in the splits {other.split!r} and {clip.split!r}"
            raise AdafocusError(
                f"{beginning} {clip.path} twice, {where}, expected every video once. Take one of the two out; several "
                "labels of one video belong in one entry."
            )


def _refuse_divided_groups(name: str, clips: Sequence[LabeledClip]) -> None:
    splits: dict[str, LabeledClip] = {}
    for clip in clips:
        other = splits.setdefault(clip.group, clip)
        if other.split != clip.split:
            raise AdafocusError(
                f"The group {clip.group!r} of {name} is in the splits {other.split!r} ({other.path.name}) and "
                f"{clip.split!r} ({clip.path.name}), expected all clips of one source video in one split. Move one of "
                "them, or give another group to what is another video."
            )


def _refuse_divided_copies(name: str, first: LabeledClip, other: LabeledClip) -> None:
    found = f"{first.path} and {other.path} in {name} are the same video by content"
    if first.split != other.split:
        raise AdafocusError(
            f"{found}, one in the split {first.split!r} and one in {other.split!r}, expected every video in one split. "
            "Take one of the two out."
        )
    if set(first.labels) != set(other.labels):
        raise AdafocusError(
            f"{found}, but labeled {', '.join(first.labels)} and {', '.join(other.labels)}, expected the same labels. "
            "Take one of the two out; several labels of one video belong in one entry."
        )


def _copies(clips: Sequence[LabeledClip]) -> list[list[LabeledClip]]:
    """Return the clips that hold the same video, links included; only files of equal size are read."""
    by_size: dict[int | str, list[LabeledClip]] = defaultdict(list)
    for clip in clips:
        # what is missing, empty or no file is told by whoever decodes it
        with suppress(OSError, ValueError):
            if clip.path.is_dir():
                by_size[os.path.realpath(clip.path)].append(clip)
            elif clip.path.is_file() and (size := clip.path.stat().st_size):
                by_size[size].append(clip)
    groups = list(by_size.values())
    # samples tell nearly all apart, but perhaps not recordings without compression that are black for long
    for identity in (content_key, sha256_of):
        groups = [same for alike in groups for same in _divided(alike, identity)]
    return groups


def _divided(clips: Sequence[LabeledClip], identity: Callable[[Path], str]) -> list[list[LabeledClip]]:
    """Return the clips that are alike, two or more at a time."""
    alike: dict[str, list[LabeledClip]] = defaultdict(list)
    for clip in clips if len(clips) > 1 else ():
        with suppress(OSError):
            alike[os.path.realpath(clip.path) if clip.path.is_dir() else identity(clip.path)].append(clip)
    return [same for same in alike.values() if len(same) > 1]


def _root(joined: dict[str, str], group: str) -> str:
    while group in joined:
        group = joined[group]
    return group
