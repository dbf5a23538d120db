"""Stored answers: they come back as they were, and everything else is refused by a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adafocus.calibration.teachers.answers import (
    Answers,
    check_name,
    read_answers,
    read_unfinished,
    refuse_missing,
    write_answers,
)
from adafocus.errors import AdafocusError

KEYS = ("a" * 64, "b" * 64)


def some(**changes: object) -> Answers:
    rows = {key: (np.array([1.5, n], np.float32), np.array([n, 2, 3], np.float32)) for n, key in enumerate(KEYS)}
    answers = Answers(rows, ("run", "swim"), {"checkpoint": "0" * 64, "views": 1}, ("adafocus", "predict", "net.pth"))
    return replace(answers, **changes)  # type: ignore[arg-type]


def test_answers_come_back_in_any_order_of_clips(tmp_path: Path) -> None:
    answers = some(seen=frozenset({"0" * 12, "1" * 12}))
    write_answers(tmp_path / "answers.npz", answers)
    found = read_answers(tmp_path / "answers.npz")
    assert (found.labels, found.made_from, found.command) == (answers.labels, answers.made_from, answers.command)
    assert found.seen == answers.seen
    assert found.classes == 2
    assert found.logits(KEYS[::-1]).tolist() == [[1.5, 1], [1.5, 0]]
    assert found.features(KEYS[1:]).tolist() == [[1, 2, 3]]
    assert [path.name for path in tmp_path.iterdir()] == ["answers.npz"]


@pytest.mark.parametrize("kind", ["missing", "text", "cut", "other", "not finite", "labels"])
def test_what_holds_no_answers_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "answers.npz"
    if kind == "text":
        path.write_text("not found")
    elif kind == "other":
        np.savez(path, logits=np.zeros(3))
    elif kind == "labels":
        write_answers(path, some(labels=("run", "swim", "walk")))
    elif kind != "missing":
        bad = {KEYS[0]: (np.full(2, np.nan, np.float32), np.zeros(1, np.float32))}
        write_answers(path, some(rows=bad) if kind == "not finite" else some())
        path.write_bytes(path.read_bytes()[: -900 if kind == "cut" else None])
    with pytest.raises(AdafocusError, match=r"answers\.npz.*adafocus predict"):
        read_answers(path)


def test_answers_of_another_run_are_not_added_to(tmp_path: Path) -> None:
    path = tmp_path / "answers.npz"
    wanted = some(rows={})
    assert read_unfinished(path, wanted) is wanted
    write_answers(path, some())
    assert set(read_unfinished(path, wanted).rows) == set(KEYS)
    with pytest.raises(AdafocusError, match="views is 1 there, 3 here"):
        read_unfinished(path, some(rows={}, made_from={"checkpoint": "0" * 64, "views": 3}))
    with pytest.raises(AdafocusError, match=r"checkpoint is 00000000\.\.\. there, 11111111\.\.\. here"):
        read_unfinished(path, some(rows={}, made_from={"checkpoint": "1" * 64, "views": 1}))
    with pytest.raises(AdafocusError, match="class names"):
        read_unfinished(path, some(rows={}, labels=("run", "walk")))


def test_missing_clips_are_counted_and_the_command_that_adds_them_is_told() -> None:
    refuse_missing(Path("a.npz"), some(), KEYS, [Path("clips.csv")])
    command = "adafocus predict net.pth --clips 'my clips.csv' --out a.npz"
    with pytest.raises(AdafocusError, match=f"lacks the answers on 1 of 3 clips. Add them: {command}"):
        refuse_missing(Path("a.npz"), some(), [*KEYS, "c" * 64], [Path("my clips.csv")])


def test_answers_are_known_by_their_name() -> None:
    check_name("--out", Path("answers.NPZ"))
    with pytest.raises(AdafocusError, match=r"--out is answers\.pt, expected a name that ends in \.npz"):
        check_name("--out", Path("answers.pt"))
