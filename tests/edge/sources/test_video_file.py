"""Video files: frames, times, rotation, containers, and what is damaged or missing."""

from __future__ import annotations

import os
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from adafocus.edge.sources import VideoFile, capture, open_source
from adafocus.errors import VideoError
from tests.helpers.videos import frames_of, write_video


def test_a_video_file_gives_frames_with_times_numbers_and_a_name(tmp_path: Path) -> None:
    frames = frames_of(open_source(write_video(tmp_path / "clip.mp4", 10)))
    assert [frame.number for frame in frames] == list(range(10))
    assert np.allclose([frame.timestamp_s for frame in frames], np.arange(10) / 25, atol=1e-3)
    assert {frame.source for frame in frames} == {"clip.mp4"}
    assert frames[0].pixels.shape == (48, 64, 3)
    assert frames[0].small is None


def test_frames_do_not_share_memory(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", 4)
    first, second, *_ = frames_of(VideoFile(path))
    assert not np.shares_memory(first.pixels, second.pixels)


def write_varying(path: Path, times_ms: list[int]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, time_ms in enumerate(times_ms):
            picture = np.full((48, 64, 3), 10 * number + 20, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_times_of_a_varying_frame_rate_are_those_of_the_container(tmp_path: Path, suffix: str) -> None:
    times_ms = [0, 33, 66, 500, 533, 1500, 1510, 1520, 4000, 4040]
    frames = frames_of(open_source(write_varying(tmp_path / f"varying{suffix}", times_ms)))
    assert [round(1e3 * frame.timestamp_s) for frame in frames] == times_ms
    for number, frame in enumerate(frames):
        assert abs(float(frame.pixels.mean()) - (10 * number + 20)) < 4


def test_rotation_in_the_header_stands_the_frame_upright(shared: Path) -> None:
    path = shared / "smoke" / "rotated_90.mov"
    frame = frames_of(open_source(path))[0]
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="bgr24")
    assert frame.pixels.shape[:2] == stored.shape[1::-1]
    difference = [float(np.abs(np.rot90(stored, turns).astype(int) - frame.pixels).mean()) for turns in (1, 3)]
    assert min(difference) < 1 < max(difference)


def test_a_damaged_file_ends_without_an_error(shared: Path) -> None:
    frames = frames_of(open_source(shared / "smoke" / "corrupted.mp4"))
    with closing(VideoFile(shared / "smoke" / "corrupted.mp4")) as video:
        assert 0 < len(frames) < video.stated_frames


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.mov", "clip.ts", "clip.webm"])
def test_any_container_is_read(tmp_path: Path, name: str) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    assert len(frames_of(open_source(write_video(tmp_path / name, 12, codec=codec)))) == 12


def test_a_raw_stream_without_a_clock_follows_its_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.h264", 6)
    times = [frame.timestamp_s for frame in frames_of(open_source(path))]
    assert len(times) == 6
    assert times[0] == 0
    assert all(after > before for before, after in pairwise(times))


def test_files_are_closed(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", 3)
    np.save(tmp_path / "frames.npy", np.zeros((3, 4, 4, 3), np.uint8))
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.zeros((4, 4, 3), np.uint8))
    for address in (video, tmp_path / "frames.npy", folder):
        frames_of(open_source(address))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            source = open_source(address)
            source.grab()
            source.close()
            source.close()
        assert len(os.listdir("/proc/self/fd")) == before, address


def test_a_capture_that_opencv_refuses_is_none() -> None:
    assert capture.open_capture("/nonexistent.mp4", cv2.CAP_FFMPEG) is None


def test_a_missing_video_keeps_its_sentence() -> None:
    with pytest.raises(VideoError, match="There is no video at"):
        open_source("missing.mp4")
