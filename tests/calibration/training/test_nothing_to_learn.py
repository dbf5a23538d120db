"""Clips from which nothing can be learned are refused before any of them is decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from adafocus.calibration.commands.train import train
from adafocus.calibration.datasets import FrameCache, LabeledClip
from adafocus.calibration.teachers.loading import load_teacher
from adafocus.calibration.training.data import refuse_nothing_to_learn
from adafocus.errors import AdafocusError
from adafocus.networks import CheckpointError
from tests.helpers.training_run import write_recipe

CLASSIFIER = {"backbone": "mobilenet_v2", "frames": 2, "size": 32, "short_side_px": 40}


class DecodedError(Exception):
    """Clips were decoded."""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what ``train`` says of a clip list that is given row by row: label and split, and a group."""

    def decode(cache: FrameCache) -> None:
        raise DecodedError

    monkeypatch.setattr(FrameCache, "fill", decode)

    def answer(rows: str, *more: str, **changes: object) -> str:
        lines = ["path,label,group,split"]
        for number, row in enumerate(rows.split()):
            label, split, group = [*row.split("/"), f"g{number}"][:3]
            (tmp_path / f"{number}.avi").write_bytes(str(number).encode())
            lines.append(f"{number}.avi,{label},{group},{split}")
        (tmp_path / "clips.csv").write_text("\n".join(lines))
        recipe = write_recipe(tmp_path, **{"preset": "", "overrides": {}, "classifier": CLASSIFIER, **changes})
        given = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out.safetensors")]
        result = CliRunner().invoke(train, [str(recipe), "--clips", str(tmp_path / "clips.csv"), *given, *more])
        assert isinstance(result.exception, AdafocusError | DecodedError), result.exception
        assert not (tmp_path / "work").exists() or isinstance(result.exception, DecodedError)
        return str(result.exception)

    return answer


GOOD = "a/train b/train a/val b/val"


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        (GOOD, ()),
        ("a/train b/train a/val", ()),
        ("a/train b/train", ()),
        (GOOD, ("--val-split", "none")),
        (GOOD, ("--train-split", "all")),
        (GOOD + " a/test", ("--val-split", "test")),
        ("a/train b/train a/train b/train", ("--fold", "1/2")),
    ],
)
def test_clips_to_learn_from_are_decoded(said: Callable[..., str], rows: str, more: tuple[str, ...]) -> None:
    assert said(rows, *more) == ""


@pytest.mark.parametrize("rows", ["a/train a/train a/val", "a/train", "swim/train swim/train swim/test"])
def test_one_class_is_refused(said: Callable[..., str], rows: str) -> None:
    label = rows.partition("/")[0]
    assert f"only the class {label!r}" in said(rows, "--val-split", "none")


@pytest.mark.parametrize("rows", ["a/train a/train b/val", "a/train a/train b/val c/val"])
def test_one_class_to_train_on_is_refused(said: Callable[..., str], rows: str) -> None:
    assert "All clips to train on show 'a'" in said(rows)


def test_one_class_to_train_on_is_refused_where_a_file_names_more(said: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    assert "All clips to train on show 'a'" in said("a/train a/train a/val", "--labels", str(tmp_path / "labels.txt"))
    (tmp_path / "labels.txt").write_text("a\n")
    assert "only the class 'a'" in said("a/train a/train a/val", "--labels", str(tmp_path / "labels.txt"))


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (GOOD + " zzz/val", "show zzz,"),
        (GOOD + " b|zzz/val", "show zzz,"),
        ("a/train b/train x/val y/val z/val", "show x, y, z,"),
        ("a/train b/train " + " ".join(f"n{n}/val" for n in range(9)), "n0, n1, n2, n3, n4 and 4 more"),
    ],
)
def test_a_class_that_only_validation_shows_is_refused(said: Callable[..., str], rows: str, named: str) -> None:
    assert named in said(rows)


def test_a_class_of_one_group_is_refused_by_the_fold_that_validates_on_it(said: Callable[..., str]) -> None:
    rows = "a/train b/train a/train b/train c/train"
    answers = [said(rows, "--fold", f"{number}/2") for number in (1, 2)]
    assert sorted(bool(answer) for answer in answers) == [False, True]
    assert "show c, so that cannot be learned" in "".join(answers)


@pytest.mark.parametrize(
    ("rows", "more", "found"),
    [
        (GOOD, ("--val-split", "vall"), "split 'vall' to validate on, only of train, val"),
        ("a/train b/train a/test", (), "split 'val' to validate on, only of test, train"),
        ("a/train b/train", ("--val-split", "test"), "split 'test' to validate on, only of train"),
        (GOOD, ("--train-split", "trian"), "split 'trian', only of train, val"),
    ],
)
def test_a_split_that_no_clip_is_of_is_refused(
    said: Callable[..., str], rows: str, more: tuple[str, ...], found: str
) -> None:
    assert found in said(rows, *more)


def test_clips_that_are_chosen_by_their_places_are_checked_so() -> None:
    clips = [LabeledClip(Path(f"{n}.avi"), (label,), f"g{n}", "train") for n, label in enumerate("aabc")]
    refuse_nothing_to_learn(clips, [0, 2, 3], [1])
    with pytest.raises(AdafocusError, match="Only clips to validate on show c"):
        refuse_nothing_to_learn(clips, [0, 2], [1, 3])


@pytest.mark.parametrize("content", [b"access denied\n", b"", b"<html></html>"])
def test_weights_that_are_no_checkpoint_are_refused_before_work(
    said: Callable[..., str], tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    assert "net.pth is no checkpoint" in said(
        GOOD, "--teacher", str(path), soft_weight=1.0, teacher={"backbone": "x3d_xs", "size": 32, "short_side_px": 40}
    )
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_teacher(path, "x3d_xs")
