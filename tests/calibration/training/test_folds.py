"""Folds by group, also of few groups, and classes whose names are written in another form."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.training.data import Fold, class_indices, split_folds
from adafocus.errors import AdafocusError


def clips_of(rows: Sequence[tuple[str, str]]) -> list[LabeledClip]:
    return [LabeledClip(Path(f"{n}.mp4"), (label,), group, "train") for n, (label, group) in enumerate(rows)]


@pytest.mark.parametrize(
    "rows",
    [
        # a place where both classes happen, as surveillance cameras have
        [(label, f"g{n}") for n in range(6) for label in ("fight", "normal")],
        [(f"c{n % 3}", f"g{n // 2}") for n in range(60)],
        [("a", f"g{n}") for n in range(5)] + [("b", "g0")] * 5,
        [("a", "g0")] * 20 + [("a", f"g{n}") for n in range(1, 4)] + [("b", "g1"), ("b", "g2")],
    ],
)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_group_stays_whole_whatever_its_clips_show(rows: list[tuple[str, str]], count: int) -> None:
    clips, validated = clips_of(rows), list[int]()
    for number in range(1, count + 1):
        training, validation = split_folds(clips, Fold(number, count), seed=1)
        assert not {clips[place].group for place in training} & {clips[place].group for place in validation}
        assert sorted(training + validation) == list(range(len(clips)))
        validated += validation
    assert sorted(validated) == list(range(len(clips)))


@pytest.mark.parametrize(
    ("rows", "count", "said"),
    [
        ([("a", "g0"), ("a", "g1"), ("b", "g0")], 3, "3 folds need as many groups, found 2: g0, g1. Ask for fewer"),
        ([("a", "g0")] * 9 + [("b", "g0")] * 9, 2, "2 folds need as many groups, found 1: g0"),
        ([("a", f"g{n}") for n in range(9)], 10, r"10 folds need as many groups, found 9: g0, .*g4\. Ask"),
        ([("a", "g0"), ("b", "g1")], 2, "2 folds need a class with as many clips, but no class has more than 1"),
        ([("a", "g0"), ("b", "g1"), ("c", "g2"), ("a", "g3")], 3, "no class has more than 2. Ask for fewer folds"),
        ([(f"c{n}", f"g{n}") for n in range(20)], 5, "no class has more than 1"),
    ],
)
def test_more_folds_than_there_is_to_divide_end_in_a_sentence(
    rows: list[tuple[str, str]], count: int, said: str
) -> None:
    for number in range(1, count + 1):
        with pytest.raises(AdafocusError, match=said):
            split_folds(clips_of(rows), Fold(number, count), seed=0)


@pytest.mark.parametrize(
    ("labels", "sizes", "empty"),
    [
        ("abbbbb", [1, 9, 9, 9, 9, 1], 4),
        ("abbbbb", [9, 9, 9, 1, 9, 9], 4),
        ("baaaaba", [1, 2, 1, 2, 2, 1, 2], 5),
        ("bbbaabb", [1, 9, 9, 1, 1, 1, 2], 6),
    ],
)
def test_an_empty_fold_ends_in_a_sentence(labels: str, sizes: list[int], empty: int) -> None:
    rows = [(label, f"g{n}") for n, (label, size) in enumerate(zip(labels, sizes, strict=True)) for _ in range(size)]
    count = len(sizes)
    with pytest.raises(AdafocusError, match=f"Fold {empty} of {count} would leave no clip to validate on"):
        split_folds(clips_of(rows), Fold(empty, count), seed=0)
    training, validation = split_folds(clips_of(rows), Fold(1, count), seed=0)
    assert training
    assert validation


def test_copies_of_one_video_are_in_one_fold(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.mp4").write_bytes(b"video %d" % (number // 2))
    rows = "".join(f"{number}.mp4,a,g{number},train\n" for number in range(8))
    path = tmp_path / "clips.csv"
    path.write_text("path,label,group,split\n" + rows, encoding="utf-8")
    clips = read_clips(path)
    for number in range(1, 5):
        _, validation = split_folds(clips, Fold(number, 4), seed=5)
        assert len({place // 2 for place in validation}) == 1
        assert len(validation) == 2
    with pytest.raises(AdafocusError, match="5 folds need as many groups, found 4"):
        split_folds(clips, Fold(1, 5), seed=5)


@pytest.mark.parametrize("name", ["glücklich", "café", "Ångström"])
def test_a_class_is_found_in_whatever_form_its_name_is_written(name: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    clips = clips_of([("plain", "g0"), (composed, "g1"), (decomposed, "g2")])
    for known in (composed, decomposed):
        assert class_indices(clips, ("plain", known), needed=True) == [(0,), (1,), (1,)]
