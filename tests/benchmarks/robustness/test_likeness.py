"""Copies are made of clips and held against them; what would be said of each is counted once."""

from __future__ import annotations

from pathlib import Path

from adafocus.calibration.datasets import read_clips
from adafocus.edge.sources import open_source
from benchmarks.robustness.likeness import COPIES, encode_again, of_clips, of_copies
from tests.calibration.datasets.test_likeness import SIZE, listed, scene, write
from tests.helpers.videos import frames_of


def test_clips_of_one_scene_are_told_from_those_of_other_groups(tmp_path: Path) -> None:
    for actor in (1, 2):
        write(tmp_path / f"{actor}.mp4", scene(3, actor, 0.15))
    write(tmp_path / "other.mp4", scene(1))
    rows = ("1.mp4,a,g0,train", "2.mp4,a,g0,train", "other.mp4,a,g1,train")
    found = of_clips(read_clips(listed(tmp_path, *rows)))
    assert (found["clips"], found["groups"], found["alike_within_groups"]) == (3, 2, 1)
    assert found["highest_of_other_groups"] < 0.9


def test_every_copy_is_refused_warned_of_or_not_seen(tmp_path: Path) -> None:
    videos = [write(tmp_path / f"{seed}.mp4", scene(seed)) for seed in (1, 2)]
    rows = of_copies(videos)
    assert [(row["crf"], row["share_of_sides"]) for row in rows] == list(COPIES)
    assert all(row["refused"] + row["warned_of"] + row["not_seen"] == 2 for row in rows)
    assert rows[0]["refused"] == 2


def test_a_copy_has_all_frames_of_its_beginning(tmp_path: Path) -> None:
    video = write(tmp_path / "video.mp4", scene(1) * 3)
    encode_again(video, 23, 0.5, tmp_path / "copy.mp4")
    frames = frames_of(open_source(str(tmp_path / "copy.mp4")))
    assert len(frames) == 50
    assert frames[0].pixels.shape == (SIZE[1] // 2, SIZE[0] // 2, 3)
