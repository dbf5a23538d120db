"""Reading by packets: the same frames as in order, and only what they need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.video import reader, selective_decoder
from adafocus.edge.video.clip import read_clip, read_frames
from tests.helpers.videos import GEOMETRY, assert_same, encode

QUIET_X265 = {"x265-params": "log-level=none:keyint=20"}


OPTIONS = {
    "hevc.mp4": QUIET_X265,
    "hevc.mkv": QUIET_X265,
}


@pytest.fixture
def by_packets(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each reading that might have gone by packets did."""
    went: list[bool] = []

    def watched(address: Path, packets: bool = True, *how: Any) -> Iterator[reader.VideoReader]:
        last = None
        for last in reader.attempts(address, packets, *how):
            yield last
        if packets:
            went.append(isinstance(last, selective_decoder.SelectiveDecoder))

    monkeypatch.setattr("adafocus.edge.video.clip.attempts", watched)
    return went


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {}),
        ("short_groups.mp4", {"g": "12"}),
        ("no_b_frames.mp4", {"bf": "0"}),
        ("many_b_frames.mp4", {"bf": "8", "b-pyramid": "none"}),
        ("matroska.mkv", {"g": "30"}),
        ("open_groups.mp4", {"g": "15", "x264-params": "open-gop=1"}),
        ("refreshed.mp4", {"g": "30", "x264-params": "intra-refresh=1"}),
        ("slices.mp4", {"x264-params": "slices=4"}),
    ],
)
@pytest.mark.parametrize("window", [None, (130, 140), (60, 200)])
def test_reading_by_packets_gives_the_bytes_of_reading_in_order(
    tmp_path: Path, by_packets: list[bool], name: str, options: dict[str, str], window: tuple[int, int] | None
) -> None:
    path = encode(tmp_path / name, 200, **options)
    assert_same(read_clip(path, GEOMETRY, window), read_clip(path, GEOMETRY, window, packets=False))
    assert by_packets == [True]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("full_range.mp4", "libx264", "yuvj420p"),
        ("hevc.mp4", "libx265", "yuv420p"),
        ("hevc.mkv", "libx265", "yuv420p"),
        ("four.mp4", "libx264", "yuv444p"),
        ("ten.mp4", "libx264", "yuv420p10le"),
        ("mpeg4.avi", "mpeg4", "yuv420p"),
        ("vp8.webm", "libvpx", "yuv420p"),
        ("clip.ts", "libx264", "yuv420p"),
    ],
)
def test_whatever_the_codec_both_ways_agree(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    path = encode(tmp_path / name, 50, codec, pixels, **OPTIONS.get(name, {}))
    assert_same(read_clip(path, GEOMETRY), read_clip(path, GEOMETRY, packets=False))


def test_real_videos_are_read_by_packets_and_the_same(shared: Path, by_packets: list[bool]) -> None:
    videos = [shared / "smoke" / name for name in ("archery.mp4", "flipping_pancake.mkv", "high_jump.mp4")]
    videos += [sorted(folder.glob("*.mp4"))[0] for folder in sorted((shared / "clips" / "ucf6").iterdir())]
    for video in videos:
        assert_same(read_clip(video, GEOMETRY), read_clip(video, GEOMETRY, packets=False))
    assert by_packets == [True] * len(videos)


def test_odd_videos_are_the_same_either_way(shared: Path) -> None:
    for name in ("rotated_90.mov", "corrupted.mp4", "juggling_soccer_ball.avi"):
        video = shared / "smoke" / name
        assert_same(read_clip(video, GEOMETRY), read_clip(video, GEOMETRY, packets=False))


def test_damage_inside_a_video_is_left_to_the_ordinary_way(
    shared: Path, tmp_path: Path, by_packets: list[bool]
) -> None:
    """Its decoder conceals the damage, with several threads not twice in the same way, so pixels are not compared."""
    damaged = bytearray((shared / "smoke" / "archery.mp4").read_bytes())
    damaged[200_000:200_400] = bytes(400)
    (tmp_path / "damaged.mp4").write_bytes(damaged)
    clip = read_clip(tmp_path / "damaged.mp4", GEOMETRY)
    assert by_packets == [False]
    assert clip.frame_count == 300
    whole = read_clip(shared / "smoke" / "archery.mp4", GEOMETRY)
    # what comes before the damage is untouched
    assert np.array_equal(clip.candidates[0], whole.candidates[0])
    assert not np.array_equal(clip.candidates, whole.candidates)


def test_packets_that_do_not_fit_memory_are_read_twice(
    tmp_path: Path, by_packets: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "long.mp4", 200, g="12")
    monkeypatch.setattr(selective_decoder, "HELD_BYTES", 1000)
    assert_same(read_clip(path, GEOMETRY), read_clip(path, GEOMETRY, packets=False))
    assert by_packets == [True]


def test_only_what_wanted_frames_need_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "long.mp4", 300, g="10", bf="0")
    came = 0
    convert = selective_decoder.SelectiveDecoder._convert

    def counted(decoder: selective_decoder.SelectiveDecoder, frames: list[Any], left: dict[int, int]) -> Iterator[Any]:
        nonlocal came
        came += len(frames)
        return convert(decoder, frames, left)

    monkeypatch.setattr(selective_decoder.SelectiveDecoder, "_convert", counted)
    assert sorted(read_frames(path, [5, 205])) == [5, 205]
    # 0..5 and 200..205
    assert came == 12


def test_a_device_without_pyav_reads_in_order(
    tmp_path: Path, by_packets: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "clip.mp4", 30)
    expected = read_clip(path, GEOMETRY)
    monkeypatch.setitem(sys.modules, "av", None)
    assert_same(read_clip(path, GEOMETRY), expected)
    assert by_packets == [True, False]
