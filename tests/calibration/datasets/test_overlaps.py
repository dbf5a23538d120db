"""Several lists are one set: what would train and test on the same video is refused wherever it stands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adafocus.calibration.datasets import read_clips, read_sets
from adafocus.calibration.quantization.ptq import listed_videos
from adafocus.errors import AdafocusError

Rows = list[tuple[str, str, str, str]]
Writer = Callable[[Path, str, Rows], Path]


def as_csv(folder: Path, name: str, rows: Rows) -> Path:
    path = folder / f"{name}.csv"
    path.write_text("path,label,group,split\n" + "".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")
    return path


def as_tabs(folder: Path, name: str, rows: Rows) -> Path:
    path = folder / f"{name}.tsv"
    path.write_text("path\tlabel\tgroup\tsplit\n" + "".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def as_json(folder: Path, name: str, rows: Rows) -> Path:
    path = folder / f"{name}.json"
    entries = [
        {"video": video, "labels": [label], "group": group, "split": split} for video, label, group, split in rows
    ]
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


@pytest.fixture(params=[as_csv, as_tabs, as_json])
def write(request: pytest.FixtureRequest) -> Writer:
    writer: Writer = request.param
    return writer


def contents(folder: Path, **of_files: bytes) -> None:
    for name, content in of_files.items():
        (folder / f"{name}.mp4").write_bytes(content)


def test_a_list_for_each_split_makes_one_set(tmp_path: Path, write: Writer) -> None:
    train = write(tmp_path, "train", [("v0.mp4", "a", "g0", "train"), ("v1.mp4", "b", "g1", "train")])
    val = as_csv(tmp_path, "val", [("v2.mp4", "a", "g2", "val")])
    test = as_json(tmp_path, "test", [("v3.mp4", "a", "g3", "test")])
    lists = [train, val, test]
    assert [clip.path.name for clip in read_clips(lists, "train")] == ["v0.mp4", "v1.mp4"]
    assert [clip.path.name for clip in read_clips(lists, "val")] == ["v2.mp4"]
    assert [len(clips) for clips in read_sets(lists, "val")] == [0, 1, 0]
    assert len(read_clips(lists)) == 4
    with pytest.raises(
        AdafocusError, match=r"and .*val.csv and .* list no clip of split 'dev', only of test, train, val"
    ):
        read_clips(lists, "dev")


@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_video_in_two_lists_is_seen_whatever_lies_between(tmp_path: Path, write: Writer, others: int) -> None:
    lists = [write(tmp_path, "one", [("v0.mp4", "a", "g0", "train")])]
    lists += [as_csv(tmp_path, f"more{n}", [(f"m{n}.mp4", "a", f"m{n}", "train")]) for n in range(others)]
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    lists.append(write(folder, "two", [("../v0.mp4", "a", "g7", "val")]))
    with pytest.raises(AdafocusError, match=r"list .*v0.mp4 twice, in the splits 'train' and 'val'"):
        read_clips(lists, "train")


@pytest.mark.parametrize("split", [None, "train", "val"])
def test_a_group_in_two_splits_of_two_lists_is_refused(tmp_path: Path, write: Writer, split: str | None) -> None:
    one = write(tmp_path, "one", [("v0.mp4", "a", "kitchen", "train"), ("v1.mp4", "a", "hall", "val")])
    two = write(tmp_path, "two", [("v2.mp4", "b", "kitchen", "val"), ("v3.mp4", "a", "yard", "train")])
    with pytest.raises(AdafocusError, match=r"'kitchen' of .*one.* and .*two.*'train' \(v0.mp4\) and 'val' \(v2.mp4\)"):
        read_clips([one, two], split)
    assert read_clips(one, split)
    assert read_clips(two, split)


def test_the_same_list_twice_is_refused_by_whatever_name(tmp_path: Path) -> None:
    one = as_csv(tmp_path, "one", [("v0.mp4", "a", "g0", "train")])
    link = tmp_path / "link.csv"
    link.symlink_to(one)
    for again in (one, tmp_path / "." / ".." / tmp_path.name / "one.csv", link):
        with pytest.raises(AdafocusError, match="is given twice, expected each list once"):
            read_clips([one, again])


@pytest.mark.parametrize("kind", ["copy", "link", "symbolic link", "long copy"])
@pytest.mark.parametrize("lists", [1, 2])
def test_copies_of_one_video_in_two_splits_are_refused(tmp_path: Path, write: Writer, kind: str, lists: int) -> None:
    content = b"video" * (1_000_000 if kind == "long copy" else 10)
    first, other = tmp_path / "v0.mp4", tmp_path / "other name.mkv"
    first.write_bytes(content)
    if kind == "link":
        os.link(first, other)
    elif kind == "symbolic link":
        other.symlink_to(first)
    else:
        other.write_bytes(content)
    rows = [("v0.mp4", "a", "g0", "train"), ("other name.mkv", "a", "g1", "val")]
    sources = [write(tmp_path, "one", rows[:1]), write(tmp_path, "two", rows[1:])]
    if lists == 1:
        sources = [write(tmp_path, "one", rows)]
    with pytest.raises(AdafocusError, match="same video by content, one in the split 'train' and one in 'val'"):
        read_clips(sources, "train")


def test_videos_of_equal_size_and_files_that_hold_nothing_are_no_copies(tmp_path: Path) -> None:
    contents(tmp_path, a=b"first video", b=b"other video", c=b"", d=b"")
    rows = [("a.mp4", "x", "g0", "train"), ("b.mp4", "x", "g1", "val"), ("c.mp4", "x", "g2", "train")]
    rows += [("d.mp4", "x", "g3", "val"), ("lost.mp4", "x", "g4", "train"), ("gone.mp4", "x", "g5", "val")]
    assert len(read_clips(as_csv(tmp_path, "clips", rows))) == 6


def test_long_videos_that_begin_and_end_alike_are_no_copies(tmp_path: Path) -> None:
    black = bytes(2_000_000)
    contents(tmp_path, a=black + b"1" + black, b=black + b"2" + black, c=black + b"2" + black)
    rows = [("a.mp4", "x", "g0", "train"), ("b.mp4", "x", "g1", "val")]
    assert len(read_clips(as_csv(tmp_path, "clips", rows))) == 2
    with pytest.raises(AdafocusError, match=r"a?b.mp4 and .*c.mp4 in .* are the same video by content"):
        read_clips(as_csv(tmp_path, "clips", [*rows, ("c.mp4", "x", "g2", "train")]))


def test_a_pipe_that_nobody_writes_to_does_not_stop_the_reading(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        os.mkfifo(tmp_path / name)
    rows = [("a.mp4", "x", "g0", "train"), ("b.mp4", "x", "g1", "val")]
    assert len(read_clips(as_csv(tmp_path, "clips", rows))) == 2


def test_copies_with_other_labels_are_refused(tmp_path: Path, write: Writer) -> None:
    contents(tmp_path, v0=b"video", v1=b"video")
    rows = [("v0.mp4", "run", "g", "train"), ("v1.mp4", "sit", "g", "train")]
    with pytest.raises(AdafocusError, match="same video by content, but labeled run and sit"):
        read_clips(write(tmp_path, "clips", rows))


def test_groups_that_hold_copies_of_one_video_count_as_one(tmp_path: Path, messages: list[str]) -> None:
    contents(tmp_path, a=b"video", b=b"video", c=b"other", d=b"other", e=b"else!", f=b"more")
    groups = {"a": "g0", "b": "g1", "c": "g1", "d": "g2", "e": "g2", "f": "g3"}
    rows = [(f"{name}.mp4", "x", group, "train") for name, group in groups.items()]
    assert [clip.group for clip in read_clips(as_csv(tmp_path, "clips", rows))] == ["g0"] * 5 + ["g3"]
    assert "the groups 'g0' and 'g1' count as one" in messages[0]
    assert "the groups 'g1' and 'g2' count as one" in messages[1]


def test_copies_within_one_group_stay_as_they_are(tmp_path: Path, messages: list[str]) -> None:
    contents(tmp_path, a=b"video", b=b"video")
    rows = [("a.mp4", "x", "g0", "train"), ("b.mp4", "x", "g0", "train")]
    assert [clip.group for clip in read_clips(as_csv(tmp_path, "clips", rows))] == ["g0", "g0"]
    assert not messages


def test_videos_for_calibration_come_from_all_lists_in_their_order(tmp_path: Path, write: Writer) -> None:
    train = write(tmp_path, "train", [("v0.mp4", "a", "g0", "train")])
    val = write(tmp_path, "val", [("v1.mp4", "a", "g1", "val"), ("v2.mp4", "a", "g2", "val")])
    single = tmp_path / "single.mp4"
    assert [path.name for path in listed_videos([train, single, val])] == ["v0.mp4", "single.mp4", "v1.mp4", "v2.mp4"]
    assert [path.name for path in listed_videos([val, single, train], "train")] == ["single.mp4", "v0.mp4"]
    assert listed_videos([single]) == [single]
    with pytest.raises(AdafocusError, match="no clip of split 'test'"):
        listed_videos([train, single, val], "test")
