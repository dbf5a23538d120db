"""Sampling by time: what the packets say counts, not what the header states; healthy files are not called short."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from adafocus.edge.policy import uniform_indices
from adafocus.edge.video.clip import clip_windows, read_clip, read_frames, sample_video
from adafocus.edge.video.timeline import Timeline, _middle, frames_at, lost_frames, read_timeline, timeline_of
from tests.helpers.videos import GEOMETRY, encode, level_of, remux, with_sound, write_at

STEADY_MS = [round(1000 * number / 30) for number in range(120)]
# a burst, then few frames: by number half of the glance would lie in the first of ten seconds
BURST_MS = [round(1000 * number / 30) for number in range(30)] + [1000 + 257 * number for number in range(36)]
CODECS = {".mp4": "libx264", ".mkv": "libx264", ".ts": "libx264", ".webm": "libvpx", ".avi": "mpeg4", ".mov": "mpeg4"}


def seen_at(times_s: np.ndarray, end_s: float, count: int) -> list[int]:
    """What a viewer sees in the middle of each of ``count`` equal segments of time, the slow way."""
    middles = [(number + 0.5) / count * end_s for number in range(count)]
    return [max(place for place, time_s in enumerate(times_s) if time_s <= middle) for middle in middles]


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize("suffix", CODECS)
def test_a_varying_rate_is_sampled_by_time(tmp_path: Path, suffix: str, packets: bool) -> None:
    path = write_at(tmp_path / f"burst{suffix}", BURST_MS, CODECS[suffix])
    clip = read_clip(path, GEOMETRY, packets=packets)
    assert clip.frame_count == len(BURST_MS)
    # how long the last frame stays, containers say differently
    ends_s = [BURST_MS[-1] / 1000 + stay_s for stay_s in (0.033, 0.257)]
    assert clip.glance_indices.tolist() in [seen_at(np.array(BURST_MS) / 1000, end_s, 4) for end_s in ends_s]
    assert not clip.warnings
    for number, pixels in read_frames(path, clip.glance_indices).items():
        assert abs(float(pixels.mean()) - level_of(number)) < 6


@pytest.mark.parametrize("moments", [BURST_MS, [0, 4000, 4040, 4080, 9000], [number**2 for number in range(60)]])
def test_windows_of_a_varying_rate_are_halves_of_its_time(tmp_path: Path, moments: list[int]) -> None:
    whole, *halves = clip_windows(write_at(tmp_path / "video.mkv", moments), GEOMETRY, 5)
    edges = whole.varying_s
    assert edges is not None
    for number, clip in enumerate(halves):
        start_s = number / 3 * edges[-1] / 2
        first = max(place for place in range(len(moments)) if edges[place] <= start_s + 1e-6)
        last = min(place for place in range(len(edges)) if edges[place] >= start_s + edges[-1] / 2 - 1e-6)
        assert clip.candidate_indices.tolist() == frames_at(first, last, 24, edges).tolist()
        assert clip.glance_indices.tolist() == frames_at(first, last, 4, edges).tolist()
    by_number = frames_at(0, len(moments) // 2, 24, None).tolist()
    assert halves[0].candidate_indices.tolist() != by_number


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize(("suffix", "stated"), [(".mkv", 5), (".webm", 5), (".mkv", 240), (".mov", 10), (".avi", 30)])
def test_a_rate_that_the_header_states_wrongly_hides_no_frame(
    tmp_path: Path, suffix: str, stated: int, packets: bool
) -> None:
    path = write_at(tmp_path / f"stated{suffix}", STEADY_MS, CODECS[suffix], stated)
    clip = read_clip(path, GEOMETRY, packets=packets)
    assert clip.frame_count == 120
    assert clip.glance_indices.tolist() == [15, 45, 75, 105]
    assert clip.fps == pytest.approx(30, rel=0.02)
    assert not clip.warnings


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mp4"])
def test_sound_that_goes_on_makes_no_more_frames(tmp_path: Path, suffix: str, packets: bool) -> None:
    silent = encode(tmp_path / f"silent{suffix}", 310)
    path = with_sound(tmp_path / f"sound{suffix}", silent, 311 / 30)
    stated = round(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT))
    assert stated == 310 if suffix == ".mp4" else 310 < stated < 314, "a count that is made of the longer sound"
    clip = read_clip(path, GEOMETRY, packets=packets)
    assert (clip.frame_count, clip.warnings) == (310, ())
    assert clip.candidate_indices.tolist() == uniform_indices(310, 24).tolist()


@pytest.mark.parametrize("lengths", [(60, 60), (20, 100), (90, 10, 20)])
def test_a_clock_that_jumps_back_hides_no_frame(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    parts = [write_at(tmp_path / f"{n}.ts", STEADY_MS[:length]) for n, length in enumerate(lengths)]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    clip = read_clip(path, GEOMETRY)
    assert clip.frame_count == 120
    assert clip.glance_indices.tolist() == [15, 45, 75, 105]
    assert not clip.warnings


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mp4"])
def test_a_start_at_one_hour_is_healthy(tmp_path: Path, suffix: str, packets: bool) -> None:
    path = remux(tmp_path / f"hour{suffix}", write_at(tmp_path / "plain.mp4", STEADY_MS), 3_600_000)
    clip = read_clip(path, GEOMETRY, packets=packets)
    assert (clip.frame_count, clip.warnings) == (120, ())
    assert clip.glance_indices.tolist() == [15, 45, 75, 105]


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize(("suffix", "cut_ms"), [(".mp4", 1000), (".mov", 700), (".mp4", 2500)])
def test_a_cut_by_an_edit_list_is_healthy(tmp_path: Path, suffix: str, cut_ms: int, packets: bool) -> None:
    plain = write_at(tmp_path / "plain.mp4", STEADY_MS, g="40", bf="0")
    path = remux(tmp_path / f"cut{suffix}", plain, -cut_ms, options={"avoid_negative_ts": "disabled"})
    clip = read_clip(path, GEOMETRY, packets=packets)
    assert clip.frame_count == pytest.approx(120 - 30 * cut_ms / 1000, abs=1)
    assert not clip.warnings
    shown = 120 - clip.frame_count
    for number, pixels in read_frames(path, clip.glance_indices).items():
        assert abs(float(pixels.mean()) - level_of(number + shown)) < 6


@pytest.mark.parametrize("first", [1, 7, 39])
def test_a_cut_within_a_group_of_pictures_is_healthy(tmp_path: Path, first: int) -> None:
    path = remux(tmp_path / "cut.ts", encode(tmp_path / "plain.mp4", 120, g="40"), first=first)
    clip = read_clip(path, GEOMETRY)
    assert clip.frame_count in (80, 120 - first)
    assert not clip.warnings


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".webm"])
def test_a_file_whose_end_is_missing_is_called_short(tmp_path: Path, suffix: str, packets: bool) -> None:
    whole = encode(tmp_path / f"whole{suffix}", 120, CODECS[suffix])
    if suffix == ".mp4":
        whole = remux(tmp_path / "front.mp4", whole, options={"movflags": "faststart"})
    path = tmp_path / f"half{suffix}"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 5])
    clip = read_clip(path, GEOMETRY, packets=packets)
    assert 20 < clip.frame_count < 110
    assert path.name in clip.warnings[0]
    assert "the header states" in clip.warnings[0]


@pytest.mark.parametrize("frames", [3, 24, 119, 120])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".webm", "libvpx")])
def test_a_constant_rate_is_sampled_by_number(tmp_path: Path, suffix: str, codec: str, frames: int) -> None:
    clip = read_clip(encode(tmp_path / f"steady{suffix}", frames, codec), GEOMETRY)
    assert clip.glance_indices.tolist() == uniform_indices(frames, 4).tolist()
    assert clip.candidate_indices.tolist() == uniform_indices(frames, 24).tolist()


def test_real_videos_of_a_constant_rate_are_sampled_by_number(shared: Path) -> None:
    videos = [folder / sorted(folder.glob("*.mp4"))[0] for folder in sorted((shared / "clips" / "ucf6").iterdir())]
    for video in [*videos, shared / "smoke" / "archery.mp4", shared / "smoke" / "high_jump.mp4"]:
        timeline = read_timeline(video)
        assert timeline is not None
        assert timeline.varying_s is None


def test_a_dropped_frame_now_and_then_is_no_varying_rate() -> None:
    slots = np.delete(np.arange(300), [40, 41, 170])
    assert timeline_of((slots / 25).tolist()).varying_s is None
    assert timeline_of((np.delete(np.arange(300), np.arange(40, 140)) / 25).tolist()).varying_s is not None


def test_a_slide_that_stays_is_seen_for_as_long_as_it_stays() -> None:
    edges = np.array([0.0, 8.0, 9.0, 10.0])
    assert frames_at(0, 3, 5, edges).tolist() == [0, 0, 0, 0, 2]
    assert frames_at(1, 3, 2, edges).tolist() == [1, 2]
    assert frames_at(0, 3, 3, None).tolist() == [0, 1, 2]


def test_frames_that_the_packets_promise_and_nobody_saw_are_counted() -> None:
    timeline = Timeline(np.arange(11) / 10, 10)
    assert lost_frames(timeline, (np.arange(10) / 10).tolist()) == 0
    assert lost_frames(timeline, (np.arange(6) / 10).tolist()) == 4
    assert lost_frames(timeline, [0, 0.1, 0.2, 0.6, 0.7, 0.8, 0.9]) == 3
    # two fields of one picture in a packet each
    assert lost_frames(timeline, (np.arange(0, 10, 2) / 10).tolist()) == 0
    # the broadcast was switched on before the first key frame
    assert lost_frames(Timeline(np.arange(11) / 10, 10, "", 0.4), (np.arange(4, 10) / 10).tolist()) == 0
    assert lost_frames(timeline, []) == 10


def test_samples_of_a_varying_rate_are_those_of_the_clip(tmp_path: Path) -> None:
    path = write_at(tmp_path / "burst.mkv", BURST_MS)
    wanted = read_clip(path, GEOMETRY).glance_indices.tolist()
    levels = sample_video(path, 4, lambda frame: frame).mean(axis=(1, 2, 3))
    assert np.abs(levels - [level_of(number) for number in wanted]).max() < 6


def test_the_moment_of_a_frame_is_when_it_is_shown(tmp_path: Path) -> None:
    clip = read_clip(write_at(tmp_path / "burst.mkv", BURST_MS), GEOMETRY)
    assert [clip.moment_s(number) for number in (0, 29, 40)] == pytest.approx([0, 0.967, 3.57], abs=2e-3)
    steady = read_clip(write_at(tmp_path / "steady.mkv", STEADY_MS), GEOMETRY)
    assert steady.moment_s(60) == pytest.approx(2)


@pytest.mark.parametrize("count", [1, 2, 5, 8, 301])
def test_the_middle_is_numpys_median(count: int) -> None:
    values = np.random.default_rng(count).gamma(2.0, 0.02, count)
    assert _middle(values) == float(np.median(values))
    assert _middle(values) in values or count % 2 == 0
