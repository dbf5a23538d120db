"""Folders of classes as they lie on disks: equal names, hidden files, links, and names in several Unicode forms."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from adafocus.calibration.datasets import CacheSettings, FrameCache, is_clip_set, read_clips, read_sets
from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.errors import AdafocusError


def write_files(root: Path, *names: str, alike: bool = False) -> Path:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"video" if alike else b"video %d" % number)
    return root


@pytest.mark.parametrize(
    "names",
    [
        ["train/run/001.mp4", "train/sit/001.mp4", "val/run/001.mp4", "val/sit/001.mp4"],
        ["train/run/001.mp4", "val/run/001.avi", "test/run/001.MKV"],
        ["Train/a b/v 1.mp4", "Train/a b/v 2.mp4", "Test/a b/v 1.mp4", "Test/a b/v 2.mp4"],
    ],
)
def test_videos_of_two_splits_may_have_equal_names(tmp_path: Path, names: list[str]) -> None:
    clips = read_clips(write_files(tmp_path, *names))
    assert len(clips) == len({clip.group for clip in clips}) == len(names)
    assert {clip.split for clip in clips} == {name.split("/")[0].lower() for name in names}


def test_equal_names_in_folders_of_several_lists_are_other_videos(tmp_path: Path) -> None:
    one = write_files(tmp_path / "one", "train/run/001.mp4", "train/run/002.mp4")
    two = write_files(tmp_path / "two", "val/run/0001.mp4", "val/run/001.mp4", "val/run/002.mp4", "val/run/003.mp4")
    for source in (one, two):
        for number, path in enumerate(sorted(source.rglob("*.mp4"))):
            path.write_bytes(f"{source.name} {number}".encode())
    assert [len(clips) for clips in read_sets([one, two])] == [2, 4]
    assert len(read_clips([one, two], "val")) == 4


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("train/run/001.mp4", "val/run/001.mp4"),
        ("train/run/001.mp4", "val/run/copy of 001.mkv"),
        ("train/sit/a.mp4", "test/sit/b.mp4"),
    ],
)
@pytest.mark.parametrize("kind", ["copy", "symbolic link"])
def test_a_copy_in_another_split_is_refused(tmp_path: Path, first: str, other: str, kind: str) -> None:
    write_files(tmp_path, first, other, alike=True)
    write_files(tmp_path, "train/run/more.mp4", "val/run/else.mp4")
    if kind == "symbolic link":
        (tmp_path / other).unlink()
        (tmp_path / other).symlink_to(tmp_path / first)
    with pytest.raises(AdafocusError, match="the same video by content, one in the split"):
        read_clips(tmp_path, "train")


def test_a_split_that_is_a_link_to_the_other_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, "train/run/1.mp4", "train/sit/1.mp4")
    (tmp_path / "val").symlink_to(tmp_path / "train", target_is_directory=True)
    with pytest.raises(AdafocusError, match="the same video by content"):
        read_clips(tmp_path)


def test_a_video_in_two_classes_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, "run/1.mp4", "sit/2.mp4", alike=True)
    with pytest.raises(AdafocusError, match="labeled run and sit"):
        read_clips(tmp_path)


@pytest.mark.parametrize(
    "odd",
    [
        ["run/.DS_Store", "run/._1.mp4", ".cache/run/1.mp4", "run/.trash/1.mp4"],
        ["Thumbs.db", "run/Thumbs.db", "run/desktop.ini", "README.md", "notes/todo.txt"],
        ["__MACOSX/run/1.mp4", "$RECYCLE.BIN/$R1.mp4", "run/@eaDir/1.mp4/picture.jpg", "#recycle/run/1.mp4"],
        ["run/1.jpg", "run/1.mp4.part", "run/1.srt", "labels/deep/er/still/1.xml"],
    ],
)
@pytest.mark.parametrize("split", ["", "train/"])
def test_what_systems_and_people_put_beside_videos_is_passed_over(tmp_path: Path, odd: list[str], split: str) -> None:
    write_files(tmp_path, *(split + name for name in ("run/1.mp4", "sit/1.mp4", *odd)))
    assert [(clip.label, clip.path.name, clip.split) for clip in read_clips(tmp_path)] == [
        ("run", "1.mp4", "train"),
        ("sit", "1.mp4", "train"),
    ]


@pytest.mark.parametrize("name", ["glücklich", "café", "Ångström", "한국"])
def test_a_class_is_one_in_whatever_form_its_folders_are_written(tmp_path: Path, name: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    write_files(tmp_path, f"train/{composed}/1.mp4", f"train/{decomposed}/2.mp4", f"val/{decomposed}/1.mp4")
    clips = read_clips(tmp_path)
    assert {clip.label for clip in clips} == {composed}
    assert all(clip.path.is_file() for clip in clips)


def test_linked_classes_and_videos_are_read(tmp_path: Path) -> None:
    elsewhere = write_files(tmp_path / "elsewhere", "a/1.mp4", "a/2.mp4", "b/3.mp4")
    root = write_files(tmp_path / "root", "jump/4.mp4")
    (root / "jump" / "4.mp4").write_bytes(b"other video")
    (root / "run").symlink_to(elsewhere / "a", target_is_directory=True)
    (root / "jump" / "3.mp4").symlink_to(elsewhere / "b" / "3.mp4")
    assert [(clip.label, clip.path.name) for clip in read_clips(root)] == [
        ("jump", "3.mp4"),
        ("jump", "4.mp4"),
        ("run", "1.mp4"),
        ("run", "2.mp4"),
    ]


@pytest.mark.parametrize("target", [".", "..", "run"])
def test_a_link_that_leads_back_is_not_followed(tmp_path: Path, target: str) -> None:
    root = write_files(tmp_path / "root", "run/1.mp4", "sit/2.mp4")
    (root / "run" / "again").symlink_to(root / "run" / target, target_is_directory=True)
    if target == "run":
        (root / "run" / "again").unlink()
        (root / "again").symlink_to(tmp_path, target_is_directory=True)
    assert is_clip_set(root)
    assert len(read_clips(root)) == 2


def test_a_link_to_nothing_is_a_clip_that_cannot_be_read(tmp_path: Path) -> None:
    root = write_files(tmp_path, "run/1.mp4")
    for number in (2, 3, 4):
        os.symlink(tmp_path / "lost.mp4", root / "run" / f"{number}.mp4")
    assert len(read_clips(root)) == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "/dev/zero", "/dev/null"])
def test_a_pipe_or_a_device_among_videos_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    root = write_files(tmp_path / "root", "run/1.mp4", "sit/2.mp4")
    odd = root / "run" / "odd.mp4"
    if kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.symlink_to(kind)
    clips = read_clips(root)
    assert len(clips) == 3
    with pytest.raises(OSError, match="It is a pipe or a device, and no file"):
        content_key(odd)
    cache = FrameCache(tmp_path / "cache", clips, CacheSettings(2, 32))
    with pytest.raises(AdafocusError, match=r"odd\.mp4: It is a pipe or a device, and no file"):
        cache.fill()


@pytest.mark.parametrize("names", [["run/day1/1.mp4", "sit/day1/2.mp4"], ["a/b/1.mp4"], ["fold1/run/1.mp4"]])
def test_unusual_names_of_splits_are_pointed_out(tmp_path: Path, names: list[str], messages: list[str]) -> None:
    splits = sorted(name.split("/")[0] for name in names)
    assert {clip.split for clip in read_clips(write_files(tmp_path, *names))} == set(splits)
    assert any(f"took the folders {', '.join(splits)} for splits" in message for message in messages)


@pytest.mark.parametrize(
    "names",
    [
        ["train/run/1.mp4", "train/run/person/2.mp4"],
        ["train/run/person/1.mp4", "val/run/person/2.mp4"],
        ["run/1.mp4", "train/run/2.mp4"],
        ["run/1.mp4", "2.mp4"],
    ],
)
def test_nested_folders_of_no_form_are_refused_with_examples(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(AdafocusError, match=r"Found .*mp4.* in .*, expected videos as root/<class>/<video>"):
        read_clips(write_files(tmp_path, *names))
