"""Divide clips into splits for training, validation and test: whole groups, with every label's share in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sklearn.model_selection import StratifiedGroupKFold

from adafocus.calibration.datasets.labeled_clip import LabeledClip
from adafocus.errors import AdafocusError

TRAIN, VAL, TEST = "train", "val", "test"
MAX_FOLDS = 20


def divide(
    clips: Sequence[LabeledClip], val: float, test: float, seed: int, *, groups_within_labels: bool = False
) -> list[LabeledClip]:
    """Give every clip a split, so that no group is in two of them.

    Groups are put into as many equal parts as the shares need, and some of the parts become a split. The order of the
    clips does not count: the same clips and seed give the same splits.

    Args:
        clips: with any splits, which are left aside.
        val: share of the clips that is validated on, 0 for none.
        test: share that is tested on, 0 for none.
        seed: of the draw.
        groups_within_labels: groups are numbered within each label; they get names of their own.

    Returns:
        the clips in the order of their groups.

    Raises:
        AdafocusError: the shares leave nothing to train on, or there are too few groups.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and 0 < val + test < 1):
        raise AdafocusError(
            f"--val is {val:g} and --test {test:g}, expected shares from 0 up that together are above 0 and below 1. "
            "Give them such as --val 0.2 --test 0.2."
        )
    if groups_within_labels:
        clips = [replace(clip, group=f"{clip.label}/{clip.group}") for clip in clips]
    ordered = sorted(clips, key=lambda clip: (clip.group, clip.path.as_posix()))
    groups = [clip.group for clip in ordered]
    parts, of_val, of_test = _parts(val, test, len(set(groups)))
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    # the rarest labels may have fewer clips than there are parts, of which the library warns; what is missing is told
    labels = _frequent([clip.label for clip in ordered], parts)
    names = [TRAIN] * len(ordered)
    for number, (_, members) in enumerate(folds.split(groups, labels, groups)):
        split = TEST if number < of_test else VAL if number < of_test + of_val else TRAIN
        for place in members:
            names[place] = split
    return [replace(clip, split=name) for clip, name in zip(ordered, names, strict=True)]


def _frequent(labels: Sequence[str], parts: int) -> list[str]:
    """Return the labels, and one name for all that stand there less often than ``parts``."""
    counts = Counter(labels)
    return [label if counts[label] >= parts else "" for label in labels]


def _parts(val: float, test: float, groups: int) -> tuple[int, int, int]:
    """Return into how many parts groups are put, and how many of them are validated and tested on.

    Raises:
        AdafocusError: there are fewer groups than splits.
    """
    wanted = 1 + (val > 0) + (test > 0)
    if groups < wanted:
        raise AdafocusError(
            f"Found {groups} group{'s' if groups > 1 else ''} of clips, expected {wanted} or more, one for each split. "
            "Name the source of each clip in the column group, or add clips of further sources."
        )
    shares = {}
    for parts in range(wanted, min(groups, MAX_FOLDS) + 1):
        of_val, of_test = (max(round(share * parts), 1) if share else 0 for share in (val, test))
        if of_val + of_test < parts:
            shares[parts] = abs(of_val / parts - val) + abs(of_test / parts - test), of_val, of_test
    parts = min(shares, key=lambda number: (round(shares[number][0], 9), number))
    return parts, *shares[parts][1:]
