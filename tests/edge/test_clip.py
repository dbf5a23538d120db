"""Decoding and sampling of real and odd videos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from videos import write_video

from edge.clip import clip_windows, read_clip, read_frames, sample_video
from edge.errors import SourceError, VideoError
from edge.manifest import Geometry
from edge.sampling import uniform_indices

GEOMETRY = Geometry(
    variant="x3d",
    glance_frames=4,
    candidate_frames=24,
    focus_frames=8,
    frame_size=224,
    short_side=256,
    glance_size=128,
    patch_size=128,
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
)


@pytest.mark.parametrize("frames", [1, 2, 5, 60])
def test_short_videos_repeat_frames(tmp_path: Path, frames: int) -> None:
    clip = read_clip(write_video(tmp_path / "short.mp4", frames), GEOMETRY)
    assert clip.frame_count == frames
    assert clip.glance.shape == (4, 128, 128, 3)
    assert clip.candidates.shape == (24, 224, 224, 3)
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
    assert 40 < clip.candidates.mean() < 220
    assert clip.candidates.std() > 3


def test_rotation_in_the_header_is_applied(shared: Path) -> None:
    frames = sample_video(shared / "smoke" / "rotated_90.mov", 1, lambda frame: frame)
    raw = cv2.VideoCapture(str(shared / "smoke" / "rotated_90.mov"), cv2.CAP_FFMPEG)
    raw.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    found, stored = raw.read()
    assert found
    assert frames.shape[1:3] == stored.shape[1::-1]


def test_a_damaged_video_is_answered_from_what_decodes_with_a_warning(shared: Path) -> None:
    clip = read_clip(shared / "smoke" / "corrupted.mp4", GEOMETRY)
    assert "corrupted.mp4" in clip.warnings[0]
    assert clip.candidates.max() > 0


def test_a_truncated_video_is_answered_with_a_warning(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "smoke" / "juggling_soccer_ball.avi").read_bytes()
    path = tmp_path / "cut.avi"
    path.write_bytes(whole[: len(whole) // 2])
    clip = read_clip(path, GEOMETRY)
    assert clip.warnings
    assert clip.candidate_indices.max() < clip.frame_count


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.mp4", None, "no video at"),
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"this is a text, not a video\n" * 50, "no video that can be decoded"),
    ],
)
def test_what_is_no_video_ends_in_a_sentence(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=words):
        read_clip(path, GEOMETRY)


def test_a_folder_without_pictures_ends_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no pictures"):
        read_clip(tmp_path, GEOMETRY)


def test_a_video_of_no_frames_ends_in_a_sentence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "none.avi", 0, codec="mjpeg", pixels="yuvj420p")
    with pytest.raises(VideoError, match=r"none\.avi"):
        read_clip(path, GEOMETRY)


def test_only_wanted_frames_are_kept_and_they_are_the_right_ones(tmp_path: Path) -> None:
    path = write_video(tmp_path / "ramp.avi", 20, codec="ffv1", pixels="yuv444p")
    everything = sample_video(path, 20, lambda frame: frame)
    decoded = read_frames(path, lambda total: np.array([3, 17]), lambda frame: frame[:, :, ::-1])
    assert sorted(decoded.frames) == [3, 17]
    assert np.array_equal(decoded.frames[3], everything[3])
    assert np.array_equal(decoded.frames[17], everything[17])


def test_windows_lie_inside_the_video(tmp_path: Path) -> None:
    clips = clip_windows(write_video(tmp_path / "long.mp4", 50), GEOMETRY, 5)
    assert len(clips) == 5
    assert clips[0].candidate_indices.max() > 45
    assert all(clip.glance_indices.min() >= 0 and clip.glance_indices.max() < 50 for clip in clips)
    assert len({int(clip.glance_indices[0]) for clip in clips[1:]}) == 4
