"""Clip lists and the cache of decoded frames."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from calibration.clips import CacheSettings, FrameCache, LabelledClip, read_clips
from edge.errors import AdafocusError

SETTINGS = CacheSettings(frames=4, side_px=32)


def some_clips(shared: Path, count: int) -> list[LabelledClip]:
    return read_clips(shared / "clips" / "jhmdb21.csv", "val")[:count]


def test_a_list_is_read_by_split_and_no_group_is_in_two_splits(shared: Path) -> None:
    for name in ("ucf6.csv", "jhmdb21.csv"):
        splits = {split: read_clips(shared / "clips" / name, split) for split in ("train", "val")}
        groups = [{(clip.label, clip.group) for clip in clips} for clips in splits.values()]
        assert not groups[0] & groups[1]
        assert all(clip.path.is_file() for clip in splits["val"])


def test_filling_again_decodes_nothing_and_an_interrupted_fill_goes_on(shared: Path, tmp_path: Path) -> None:
    clips = some_clips(shared, 3)
    first = FrameCache(tmp_path, clips, SETTINGS)
    first.fill()
    kept = np.array(first.frames)
    assert kept.max() > 0
    first.frames[:] = 7
    again = FrameCache(tmp_path, clips, SETTINGS)
    again.fill()
    assert (again.frames == 7).all()
    note = next(tmp_path.glob("*.json"))
    note.write_text('{"done": [0], "broken": {}}')
    resumed = FrameCache(tmp_path, clips, SETTINGS)
    resumed.fill()
    assert (resumed.frames[0] == 7).all()
    assert np.array_equal(resumed.frames[1:], kept[1:])


def test_other_settings_are_another_cache(shared: Path, tmp_path: Path) -> None:
    clips = some_clips(shared, 1)
    FrameCache(tmp_path, clips, SETTINGS).fill()
    FrameCache(tmp_path, clips, CacheSettings(frames=2, side_px=32)).fill()
    assert len(list(tmp_path.glob("*.u8"))) == 2


def test_too_many_broken_clips_stop_with_the_first_of_them(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("this is no video")
    cache = FrameCache(tmp_path / "cache", [LabelledClip(broken, "x", "g", "train")], SETTINGS)
    with pytest.raises(AdafocusError, match=r"1 of 1 clips cannot be decoded.*broken\.mp4"):
        cache.fill()


def test_a_list_without_the_columns_names_them(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label"], ["a.mp4", "x"]])
    with pytest.raises(AdafocusError, match="group, split"):
        read_clips(path)
