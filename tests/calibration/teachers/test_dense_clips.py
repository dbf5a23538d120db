"""Dense clips: consecutive frames by time, whatever the video's own rate is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adafocus.calibration.teachers.dense_clips import DenseClips, dense_indices


def even(count: int, fps: float) -> np.ndarray:
    return np.arange(count + 1) / fps


def test_the_middle_is_seen_at_the_rate_of_the_teacher() -> None:
    (same,) = dense_indices(even(100, 25), 32, 25.0, 1)
    assert same.tolist() == list(range(34, 66))
    (faster,) = dense_indices(even(200, 50), 32, 25.0, 1)
    assert np.unique(np.diff(faster)).tolist() == [2]
    (slower,) = dense_indices(even(50, 12.5), 32, 25.0, 1)
    assert slower.tolist() == np.repeat(np.arange(17, 33), 2).tolist()
    # of six frames a thirtieth of a second each, five are seen
    (film,) = dense_indices(even(120, 30), 30, 25.0, 1)
    assert film[-1] - film[0] == 35
    assert set(np.diff(film)) == {1, 2}


def test_frames_are_taken_when_they_are_shown() -> None:
    # the eleventh frame stays for a second
    edges_s = np.concatenate([np.arange(11) / 25, np.arange(1, 31) / 25 + 10 / 25 + 24 / 25])
    (seen,) = dense_indices(edges_s, 58, 25.0, 1)
    assert np.bincount(seen)[10] == 25


def test_views_are_spread_over_the_video_and_one_is_its_middle() -> None:
    views = dense_indices(even(1000, 25), 32, 25.0, 3)
    assert views.shape == (3, 32)
    assert np.diff(views[:, 0]).tolist() == pytest.approx([322, 323], abs=1)
    assert abs(views[1, 0] - dense_indices(even(1000, 25), 32, 25.0, 1)[0, 0]) <= 1
    assert views.min() >= 0
    assert views.max() < 1000


def test_a_video_shorter_than_a_view_is_played_again_and_has_one_view() -> None:
    views = dense_indices(even(12, 25), 32, 25.0, 4)
    assert views.tolist() == [[*range(12), *range(12), *range(8)]]
    assert dense_indices(even(1, 25), 32, 25.0, 2).tolist() == [[0] * 32]


def test_pixels_go_from_minus_one_to_one_and_the_centre_square_is_seen(tmp_path: Path) -> None:
    # red and green by the number of the frame, no blue; the sides are white
    frames = np.full((40, 32, 64, 3), 255, np.uint8)
    frames[:, :, 16:48] = np.arange(40, dtype=np.uint8)[:, None, None, None] * 6
    frames[:, :, 16:48, 2] = 0
    np.save(tmp_path / "clip.npy", frames)
    ((first,), (second,)) = DenseClips(frames=8, size=16, short_side_px=16).read(tmp_path / "clip.npy", 2)
    assert first.shape == second.shape == (8, 3, 16, 16)
    assert (first[:, 2] == -1).all()
    levels = first[:, 0, 8, 8].numpy() * 127.5 + 127.5
    assert np.diff(levels).round().tolist() == [6] * 7
    assert float(second[0, 0, 8, 8]) > float(first[-1, 0, 8, 8])
    assert float(first[:, 0].max()) < 0.9
