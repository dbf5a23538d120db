"""Clips are divided by group, into shares that hold every label, and again in the same way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from adafocus.calibration.commands.split import split
from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.datasets.division import divide
from adafocus.errors import AdafocusError

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}


def clips_of(groups: int, each: int = 6, labels: tuple[str, ...] = ("walk", "run")) -> list[LabeledClip]:
    return [
        LabeledClip(Path(f"g{group:02}/{number}.mp4"), (labels[number % len(labels)],), f"g{group:02}", "train")
        for group in range(groups)
        for number in range(each)
    ]


@pytest.mark.parametrize("groups", [5, 10, 23, 60])
def test_groups_stay_whole_and_every_split_has_its_share_of_every_label(groups: int) -> None:
    clips = clips_of(groups)
    divided = divide(clips, 0.2, 0.2, 1)
    splits = {clip.group: {other.split for other in divided if other.group == clip.group} for clip in clips}
    assert all(len(names) == 1 for names in splits.values())
    for name, share in SHARES.items():
        members = [clip for clip in divided if clip.split == name]
        assert abs(len(members) / len(clips) - share) < 1.5 / groups, name
        counts = Counter(clip.label for clip in members)
        assert counts["walk"] == counts["run"]


def test_the_same_seed_divides_alike_whatever_the_order_and_another_one_does_not() -> None:
    clips = clips_of(20)
    first = divide(clips, 0.2, 0.2, 1)
    assert divide(clips[::-1], 0.2, 0.2, 1) == first
    assert divide([replace(clip, split="val") for clip in clips], 0.2, 0.2, 1) == first
    assert divide(clips, 0.2, 0.2, 2) != first


@pytest.mark.parametrize(("val", "test"), [(0.0, 0.25), (0.3, 0.0), (0.15, 0.15), (0.1, 0.5)])
def test_other_shares_and_splits_that_are_not_wanted(val: float, test: float) -> None:
    clips = clips_of(20)
    counts = Counter(clip.split for clip in divide(clips, val, test, 3))
    assert {name: counts[name] / len(clips) for name in ("val", "test")} == pytest.approx(
        {"val": val, "test": test}, abs=0.03
    )


def test_groups_that_are_numbered_within_labels_get_names_of_their_own() -> None:
    clips = [
        LabeledClip(Path(f"{label}{group}.mp4"), (label,), f"g{group}", "train")
        for label in ("walk", "run")
        for group in range(5)
    ]
    divided = divide(clips, 0.2, 0.2, 1, groups_within_labels=True)
    assert {clip.group for clip in divided} == {f"{clip.label}/{clip.group}" for clip in clips}
    assert Counter(clip.split for clip in divided) == {"train": 6, "val": 2, "test": 2}


@pytest.mark.parametrize(
    ("groups", "val", "test", "words"),
    [
        (1, 0.2, 0.2, "Found 1 group of clips, expected 3 or more"),
        (2, 0.2, 0.2, "Found 2 groups of clips, expected 3 or more"),
        (9, 0.0, 0.0, "expected shares from 0 up"),
        (9, 0.6, 0.4, "together are above 0 and below 1"),
        (9, -0.1, 0.4, r"--val is -0\.1"),
    ],
)
def test_what_cannot_be_divided_is_refused(groups: int, val: float, test: float, words: str) -> None:
    with pytest.raises(AdafocusError, match=words):
        divide(clips_of(groups), val, test, 1)


def test_the_verb_writes_a_list_that_is_read_again_with_paths_from_its_own_folder(
    clip_list: Path, tmp_path: Path
) -> None:
    out = tmp_path / "divided" / "new.csv"
    out.parent.mkdir()
    done = CliRunner().invoke(split, [str(clip_list), "--out", str(out)], catch_exceptions=False)
    assert "labels without a clip" in done.output
    assert "../clips/" in out.read_text()
    written, before = read_clips(out), read_clips(clip_list)
    assert {clip.path.resolve() for clip in written} == {clip.path.resolve() for clip in before}
    assert {clip.split for clip in written} == {"train", "val", "test"}


@pytest.mark.parametrize(("name", "words"), [("new.txt", "ends in .csv"), ("clips.csv", "--out")])
def test_the_verb_refuses_other_names_and_its_own_input(clip_list: Path, name: str, words: str) -> None:
    with pytest.raises(AdafocusError, match=words):
        CliRunner().invoke(split, [str(clip_list), "--out", str(clip_list.parent / name)], catch_exceptions=False)
