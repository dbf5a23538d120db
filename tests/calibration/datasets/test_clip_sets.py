"""Clip sets in their three forms, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adafocus.calibration.datasets import LabeledClip, is_clip_set, read_clips
from adafocus.calibration.datasets.labeled_clip import plain_name
from adafocus.errors import AdafocusError

HEAD = ["path", "label", "group", "split"]
NAMES = (
    st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/|"), min_size=1, max_size=8)
    .map(plain_name)
    .filter(lambda name: name.strip(" .\u00a0"))
)
IN_A_FOLDER = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write_csv(folder: Path, rows: list[list[str]], head: list[str] = HEAD) -> Path:
    path = folder / "clips.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def write_json(folder: Path, content: Any) -> Path:
    path = folder / "clips.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def write_files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def test_a_csv_is_read_relative_to_itself_with_several_labels(tmp_path: Path) -> None:
    path = write_csv(tmp_path, [["a/b.mp4", "chop|talk", "g1", "train"], ["c.mp4", "stir", "g2", "val"]])
    first, second = read_clips(path)
    assert first == LabeledClip(tmp_path / "a" / "b.mp4", ("chop", "talk"), "g1", "train")
    assert first.label == "chop"
    assert read_clips(path, "val") == [second]


def test_further_columns_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    path = write_csv(tmp_path, [["25", "a.mp4", "x", "g", "train"]], ["\ufefffps", *HEAD])
    assert read_clips(path)[0].label == "x"
    path.write_text("\ufeffpath,label,group,split\na.mp4,x,g,train\n", encoding="utf-8")
    assert read_clips(path)[0].path == tmp_path / "a.mp4"


@pytest.mark.parametrize(
    ("head", "rows", "said"),
    [
        (["path", "label"], [["a", "x"]], "no column group, split, only path, label"),
        (["path:label:group:split"], [["a:x:g:train"]], "separated by commas"),
        ([*HEAD, "path"], [["a", "x", "g", "train", "b"]], "column path twice"),
        (HEAD, [["a", "x", "g"]], "too few fields in line 2"),
        (HEAD, [["a", "x", "g", "train"], ["b", "x", "g", "train", "more"]], "too many fields in line 3"),
        (HEAD, [["", "x", "g", "train"]], "path is empty in line 2"),
        (HEAD, [["a", "x||y", "g", "train"]], "label is empty in line 2"),
        (HEAD, [["a", "", "g", "train"]], "label is empty in line 2"),
        (HEAD, [["a", "x", " ", "train"]], "group is empty in line 2"),
        (HEAD, [["a", "x", "g", ""]], "split is empty in line 2"),
        (HEAD, [["a", "x|x", "g", "train"]], "label stands twice in line 2"),
        (HEAD, [["a", "x", "g", "train"], ["./a", "y", "h", "train"]], "lists .*a twice"),
        (HEAD, [["a", "x", "g", "train"], ["b", "x", "g", "val"]], r"group 'g'.*'train' \(a\).*'val' \(b\)"),
        (HEAD, [], "no clip at all"),
    ],
)
def test_a_csv_with_a_fault_is_refused_with_its_place(
    tmp_path: Path, head: list[str], rows: list[list[str]], said: str
) -> None:
    with pytest.raises(AdafocusError, match=said):
        read_clips(write_csv(tmp_path, rows, head))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'path,label,group,split\n"a', b"", b"\x00"])
def test_what_is_no_csv_ends_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clips.csv"
    path.write_bytes(content)
    with pytest.raises(AdafocusError):
        read_clips(path)


def test_a_split_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    path = write_csv(tmp_path, [["a", "x", "g", "train"], ["b", "x", "h", "val"]])
    with pytest.raises(AdafocusError, match="no clip of split 'test', only of train, val"):
        read_clips(path, "test")


def test_a_fault_in_another_split_is_found_too(tmp_path: Path) -> None:
    path = write_csv(tmp_path, [["a", "x", "g", "train"], ["b", "x", "g", "val"]])
    with pytest.raises(AdafocusError, match="group 'g'"):
        read_clips(path, "train")


def test_folders_of_classes_are_one_split(tmp_path: Path) -> None:
    write_files(tmp_path, "run/1.mp4", "run/2.MKV", "jump/1.mp4", "jump/.hidden.mp4", "jump/notes.txt")
    assert read_clips(tmp_path) == [
        LabeledClip(tmp_path / "jump" / "1.mp4", ("jump",), "jump/1", "train"),
        LabeledClip(tmp_path / "run" / "1.mp4", ("run",), "run/1", "train"),
        LabeledClip(tmp_path / "run" / "2.MKV", ("run",), "run/2", "train"),
    ]


def test_folders_of_splits_hold_folders_of_classes(tmp_path: Path) -> None:
    write_files(tmp_path, "train/run/1.mp4", "train/jump/2.mp4", "val/run/3.mp4")
    assert [(clip.label, clip.split) for clip in read_clips(tmp_path)] == [
        ("jump", "train"),
        ("run", "train"),
        ("run", "val"),
    ]
    assert [clip.path.name for clip in read_clips(tmp_path, "val")] == ["3.mp4"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["1.mp4"], "Found .*1.mp4"),
        (["run/1.mp4", "val/run/2.mp4"], "Found .*1.mp4 and .*2.mp4.*one form throughout"),
        (["a/b/c/1.mp4"], "Found .*1.mp4"),
        (["run/1.jpg"], "is no clip set, expected one of"),
    ],
)
def test_folders_of_another_form_are_refused(tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(AdafocusError, match=said):
        read_clips(write_files(tmp_path, *names))


def test_json_labels_with_and_without_group_and_split(tmp_path: Path) -> None:
    entry = {"video": "a/1.mp4", "labels": ["chop", "talk"], "group": "kitchen", "split": "val"}
    path = write_json(tmp_path, [entry, {"video": "b/2.mp4", "labels": ["stir"]}])
    assert read_clips(path) == [
        LabeledClip(tmp_path / "a" / "1.mp4", ("chop", "talk"), "kitchen", "val"),
        LabeledClip(tmp_path / "b" / "2.mp4", ("stir",), "b/2", "train"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_as_editors_save_it(tmp_path: Path, encoding: str) -> None:
    write_files(tmp_path, "a/1.mp4", "b/2.mp4")
    entries = [
        {"video": r"a\1.mp4", "labels": [" glücklich "], "split": "Train"},
        {"video": " b/2.mp4", "labels": ["ruhig"], "group": "g", "split": "VAL"},
    ]
    path = tmp_path / "clips.json"
    path.write_bytes(json.dumps(entries, ensure_ascii=False).encode(encoding))
    first, second = read_clips(path)
    assert (first.path, first.label, first.split) == (tmp_path / "a" / "1.mp4", "glücklich", "train")
    assert second == LabeledClip(tmp_path / "b" / "2.mp4", ("ruhig",), "g", "val")


GOOD = {"video": "a.mp4", "labels": ["x"]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ('[{"video": "a", "video": "b", "labels": ["x"]}]', "'video' stands there twice"),
        ({"videos": []}, "holds no list"),
        ([], "no clip at all"),
        ([GOOD, "b.mp4"], "no object in entry 2"),
        ([{"labels": ["x"]}], "no 'video' in entry 1"),
        ([{**GOOD, "label": "x"}], "unknown key 'label' in entry 1"),
        ([{**GOOD, "labels": "x"}], "labels are no list of names in entry 1"),
        ([{**GOOD, "labels": []}], "labels are no list of names in entry 1"),
        ([{**GOOD, "labels": ["x", 1]}], "labels are no list of names in entry 1"),
        ([{**GOOD, "labels": ["x", " x "]}], "label stands twice in entry 1"),
        ([{**GOOD, "group": None}], "group is None in entry 1"),
        ([{**GOOD, "video": 3}], "video is 3 in entry 1"),
        ([{**GOOD, "video": ""}], "path is empty in entry 1"),
        ([{**GOOD, "video": "a\0b"}], "which no file can have"),
        ([{**GOOD, "video": "\ud800"}], "which no file can have"),
        ([GOOD, GOOD], "lists .*a.mp4 twice"),
        ([{**GOOD, "group": "g"}, {"video": "b", "labels": ["x"], "group": "g", "split": "val"}], "group 'g'"),
    ],
)
def test_json_with_a_fault_is_refused_with_its_place(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(AdafocusError, match=said):
        read_clips(write_json(tmp_path, content))


def test_what_is_no_clip_set_is_answered_with_the_forms(tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match=r"no clip list at .*CSV.*JSON.*folder per class"):
        read_clips(tmp_path / "none.csv")
    video = write_files(tmp_path, "a.mp4") / "a.mp4"
    with pytest.raises(AdafocusError, match="is no clip set"):
        read_clips(video)
    assert not is_clip_set(video)
    assert not is_clip_set(write_files(tmp_path / "pictures", "1.jpg", "2.jpg"))
    assert is_clip_set(tmp_path)
    assert is_clip_set(tmp_path / "any.json")


def test_a_list_that_may_not_be_read_ends_in_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "clips.csv"
    folder.mkdir()
    with pytest.raises(AdafocusError, match="Cannot read"):
        read_clips(folder)


CLIPS = st.lists(
    st.tuples(NAMES, st.lists(NAMES, min_size=1, max_size=3, unique=True), NAMES),
    min_size=1,
    max_size=5,
    unique_by=lambda clip: clip[0],
)


@IN_A_FOLDER
@given(CLIPS)
def test_csv_and_json_say_the_same(tmp_path: Path, clips: list[tuple[str, list[str], str]]) -> None:
    rows = [[name, "|".join(labels), group, "train"] for name, labels, group in clips]
    objects = [{"video": name, "labels": labels, "group": group} for name, labels, group in clips]
    expected = [LabeledClip(tmp_path / name, tuple(labels), group, "train") for name, labels, group in clips]
    assert read_clips(write_csv(tmp_path, rows)) == expected
    assert read_clips(write_json(tmp_path, objects)) == expected


@IN_A_FOLDER
@given(
    st.binary(max_size=60) | st.text('path,label\n"|\0{}[]:1e9', max_size=60).map(str.encode),
    st.sampled_from([".csv", ".json"]),
)
def test_any_file_is_read_or_refused_with_a_sentence(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"clips{suffix}"
    path.write_bytes((b"path,label,group,split\n" if suffix == ".csv" else b"") + content)
    try:
        sentence = "." if read_clips(path) else ""
    except AdafocusError as error:
        sentence = str(error)
    assert sentence.endswith(".")


def test_the_shared_lists_keep_groups_within_one_split(shared: Path) -> None:
    for name, train, val in (("ucf6.csv", 252, 120), ("jhmdb21.csv", 503, 142)):
        counts = [len(read_clips(shared / "clips" / name, split)) for split in ("train", "val")]
        assert counts == [train, val]
