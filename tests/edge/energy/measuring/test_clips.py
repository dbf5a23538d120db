"""Which clips are meant, and which labels they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.edge.energy.measuring.clips import LabeledVideo, digest, read_clips
from adafocus.errors import AdafocusError

LABELS = ("archery", "riding a horse", "dunking")


def tree(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())


def test_files_and_folders_are_clips_each_once(tmp_path: Path) -> None:
    tree(tmp_path, "b.mp4", "a.mp4", "notes.txt", "pictures/0.png", "deep/c.avi")
    found = read_clips([tmp_path / "b.mp4", tmp_path / "pictures", tmp_path], LABELS)
    names = [clip.path.relative_to(tmp_path).as_posix() for clip in found]
    assert names == ["b.mp4", "pictures", "a.mp4", "deep/c.avi"]
    assert not any(clip.labels for clip in found)


def test_folders_that_are_named_like_labels_are_labels_where_all_are(tmp_path: Path) -> None:
    tree(tmp_path, "Archery/1.mp4", "riding_a_horse/1.mp4")
    assert [clip.labels for clip in read_clips([tmp_path], LABELS)] == [{0}, {1}]
    tree(tmp_path, "other/1.mp4")
    assert not any(clip.labels for clip in read_clips([tmp_path], LABELS))


@pytest.mark.parametrize(
    "text",
    [
        "path,label\na.mp4,Archery\nsub/b.mp4,riding a horse|dunking\nc.mp4,\n",
        "\ufeffLabel;Path;group\r\narchery;a.mp4;1\r\n1|2;sub/b.mp4;2\r\n;c.mp4;3\r\n",
    ],
)
def test_a_list_gives_paths_and_labels(tmp_path: Path, text: str) -> None:
    place = tmp_path / "clips.csv"
    place.write_bytes(text.encode())
    expected = [("a.mp4", {0}), ("sub/b.mp4", {1, 2}), ("c.mp4", set())]
    assert read_clips([place], LABELS) == [LabeledVideo(tmp_path / name, frozenset(set_)) for name, set_ in expected]


def test_a_list_with_splits_needs_one(tmp_path: Path) -> None:
    place = tmp_path / "clips.csv"
    place.write_text("path,split\na.mp4,train\nb.mp4,val\n")
    assert [clip.path.name for clip in read_clips([place], LABELS, "val")] == ["b.mp4"]
    with pytest.raises(AdafocusError, match="--split val"):
        read_clips([place], LABELS)
    with pytest.raises(AdafocusError, match="has the splits train, val, found --split test"):
        read_clips([place], LABELS, "test")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"name,label\na.mp4,archery\n", "no column path"),
        (b"path,label\na.mp4,archry\n", "'archry' in line 2 of .* is none of the 3 .* Did you mean 'archery'"),
        (b"path,label\na.mp4,7\n", "'7' in line 2"),
        (b"", "no column path"),
        (b"path\n", "No clip is in"),
        (b'path\n"a.mp4\n', "is no CSV"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
    ],
)
def test_lists_that_say_nothing_are_refused(tmp_path: Path, text: bytes, said: str) -> None:
    place = tmp_path / "clips.csv"
    place.write_bytes(text)
    with pytest.raises(AdafocusError, match=said):
        read_clips([place], LABELS)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match="is not there"):
        read_clips([tmp_path / "none"], LABELS)
    with pytest.raises(AdafocusError, match="No clip is in"):
        read_clips([tmp_path], LABELS)


def test_a_digest_is_of_contents_in_their_order(tmp_path: Path) -> None:
    tree(tmp_path, "a.mp4", "b.mp4")
    one, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    assert digest([one, other]) == digest([one, other]) != digest([other, one])
