"""Clips: sampling, and frames that wait until they are looked at."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from adafocus.edge.policy import uniform_indices
from adafocus.edge.sources import Frame, VideoFile
from adafocus.edge.video.clip import clip_from_frames, clip_windows, read_clip, sample_video
from adafocus.edge.video.preprocess import fit_frame
from adafocus.errors import SourceError
from tests.helpers.videos import GEOMETRY, assert_same, write_video


@pytest.mark.parametrize("frames", [1, 2, 5, 60])
def test_short_videos_repeat_frames(tmp_path: Path, frames: int) -> None:
    clip = read_clip(write_video(tmp_path / "short.mp4", frames), GEOMETRY)
    assert clip.frame_count == frames
    assert clip.glance.shape == (4, 128, 128, 3)
    assert np.asarray(clip.candidates).shape == (24, 224, 224, 3)
    assert np.array_equal(clip.candidate_indices, uniform_indices(frames, 24))
    assert clip.candidate_indices.max() <= frames - 1
    assert not clip.warnings


@pytest.mark.parametrize(
    ("name", "size", "codec", "pixels"),
    [
        ("odd.avi", (101, 57), "mjpeg", "yuvj444p"),
        ("grey.avi", (64, 48), "ffv1", "gray"),
        ("ten.mkv", (64, 48), "ffv1", "yuv420p10le"),
        ("tiny.avi", (8, 6), "ffv1", "yuv420p"),
        ("tall.mp4", (48, 320), "libx264", "yuv420p"),
    ],
)
def test_odd_sizes_grey_and_ten_bit_content_are_read(
    tmp_path: Path, name: str, size: tuple[int, int], codec: str, pixels: str
) -> None:
    clip = read_clip(write_video(tmp_path / name, 12, size, codec, pixels), GEOMETRY)
    assert clip.frame_count == 12
    assert 40 < np.asarray(clip.candidates).mean() < 220
    assert np.asarray(clip.candidates).std() > 3


def test_rotation_in_the_header_is_applied(shared: Path) -> None:
    frames = sample_video(shared / "smoke" / "rotated_90.mov", 1, lambda frame: frame)
    raw = cv2.VideoCapture(str(shared / "smoke" / "rotated_90.mov"), cv2.CAP_FFMPEG)
    raw.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    found, stored = raw.read()
    assert found
    assert frames.shape[1:3] == stored.shape[1::-1]


def test_windows_lie_inside_the_video(tmp_path: Path) -> None:
    clips = clip_windows(write_video(tmp_path / "long.mp4", 50), GEOMETRY, 5)
    assert len(clips) == 5
    assert clips[0].candidate_indices.max() > 45
    assert all(clip.glance_indices.min() >= 0 and clip.glance_indices.max() < 50 for clip in clips)
    assert len({int(clip.glance_indices[0]) for clip in clips[1:]}) == 4


@pytest.mark.parametrize("window", [(12, 3), (12, 99), (-5, 3), (3, 3), (10**12, 2 * 10**12)])
def test_a_window_without_a_frame_is_refused(tmp_path: Path, window: tuple[int, int]) -> None:
    frames = [Frame(np.zeros((8, 8, 3), np.uint8), number, number / 25, "made") for number in range(12)]
    with pytest.raises(SourceError, match="expected one that begins in the video and ends after its beginning"):
        clip_from_frames(frames, GEOMETRY, window)
    with pytest.raises(SourceError, match="of 12, expected one that begins in the video"):
        read_clip(write_video(tmp_path / "short.avi", 12, codec="mpeg4"), GEOMETRY, window)


@pytest.mark.parametrize("value", [None, "0", float("nan"), float("inf"), 10**400])
def test_moments_and_rates_that_are_no_numbers_are_refused(value: Any) -> None:
    frames = [Frame(np.zeros((8, 8, 3), np.uint8), number, number / 25, "made") for number in range(3)]
    with pytest.raises(SourceError, match="has the timestamp"):
        clip_from_frames([*frames, replace(frames[0], timestamp_s=value)], GEOMETRY)
    if value is not None:
        with pytest.raises(SourceError, match="expected frames per second"):
            clip_from_frames(frames, GEOMETRY, fps=value)


@pytest.fixture
def recording(tmp_path: Path) -> list[Frame]:
    """Write a video whose pictures survive being stored."""
    with closing(VideoFile(write_video(tmp_path / "ramp.avi", 40, codec="ffv1", pixels="yuv444p"))) as video:
        frames = []
        while video.grab():
            frame = video.retrieve()
            assert frame is not None
            frames.append(frame)
    return frames


def test_a_folder_an_array_and_frames_in_memory_make_the_clip_of_the_video(
    tmp_path: Path, recording: list[Frame]
) -> None:
    expected = read_clip(tmp_path / "ramp.avi", GEOMETRY)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for frame in recording:
        cv2.imwrite(str(folder / f"{frame.number}.png"), frame.pixels)
    np.save(tmp_path / "ramp.npy", np.stack([frame.pixels[:, :, ::-1] for frame in recording]))
    for address in (folder, tmp_path / "ramp.npy"):
        assert_same(read_clip(address, GEOMETRY), expected)
    assert_same(clip_from_frames(recording, GEOMETRY), expected)
    assert_same(clip_from_frames(recording, GEOMETRY, (10, 30)), read_clip(tmp_path / "ramp.avi", GEOMETRY, (10, 30)))


def test_no_frames_make_no_clip() -> None:
    with pytest.raises(SourceError, match="no frames"):
        clip_from_frames([], GEOMETRY)


def test_the_glance_is_made_of_the_cameras_small_picture_where_that_is_large_enough(recording: list[Frame]) -> None:
    def with_small(side: int) -> list[Frame]:
        return [replace(frame, small=np.full((side, side, 3), (1, 2, 3), np.uint8)) for frame in recording]

    # the glance of 128 of a frame of 224 out of 256 has a short side of 146
    assert clip_from_frames(with_small(146), GEOMETRY).glance[0, 0, 0].tolist() == [3, 2, 1]
    plain = clip_from_frames(recording, GEOMETRY)
    assert np.array_equal(clip_from_frames(with_small(145), GEOMETRY).glance, plain.glance)


def test_frames_wait_to_be_resized_until_they_are_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    resized: list[tuple[int, ...]] = []

    def noting(frame: np.ndarray, *others: Any) -> np.ndarray:
        resized.append(frame.shape)
        return fit_frame(frame, *others)

    path = write_video(tmp_path / "ramp.avi", 60)
    expected = np.asarray(read_clip(path, GEOMETRY).candidates)
    monkeypatch.setattr("adafocus.edge.video.kept_frames.fit_frame", noting)
    clip = read_clip(path, GEOMETRY)
    glance = len(set(clip.glance_indices.tolist()))
    assert len(resized) == glance
    looked = [number for number in (3, 3, 7) if clip.candidate_indices[number] not in clip.glance_indices]
    assert all(np.array_equal(clip.candidates[number], expected[number]) for number in looked)
    assert len(resized) == glance + len(set(looked)), "and each only once"
    assert np.array_equal(clip.candidates, expected)
    assert len(list(clip.candidates)) == len(clip.candidates) == len(expected)
    assert len(resized) == len({*clip.glance_indices.tolist(), *clip.candidate_indices.tolist()})
    with pytest.raises(IndexError):
        clip.candidates[len(expected)]


def test_large_frames_do_not_wait_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write_video(tmp_path / "ramp.avi", 60)
    waited = read_clip(path, GEOMETRY)
    monkeypatch.setattr("adafocus.edge.video.kept_frames.MAX_WAITING_BYTES", 1)
    at_once = read_clip(path, GEOMETRY)
    monkeypatch.setattr("adafocus.edge.video.kept_frames.fit_frame", None)
    assert np.array_equal(waited.glance, at_once.glance)
    stored = np.asarray(at_once.candidates)
    monkeypatch.undo()
    assert np.array_equal(stored, waited.candidates)
