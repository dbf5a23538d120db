"""Clips whose boxes lie in the whole frame: its own pixels, what the glance sees of them, and bounded memory."""

from __future__ import annotations

import tracemalloc
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from adafocus.edge.bundle.geometry import MAX_WAITING_BYTES, Geometry
from adafocus.edge.sources import Frame, VideoFile
from adafocus.edge.video.clip import clip_from_frames, read_clip
from adafocus.edge.video.fitting import fit_glance, shrink, shrink_factor
from adafocus.errors import SourceError
from tests.helpers.videos import GEOMETRY, assert_same, write_video

SIZE = (96, 54)
FITS = ("square", "squeezed", "padded")
MEGABYTE = 2**20


def whole(fit: str = "squeezed", **changes: Any) -> Geometry:
    return Geometry(**{**GEOMETRY.model_dump(), "boxes_in": "frame", "glance_fit": fit, **changes})


@pytest.fixture
def recording(tmp_path: Path) -> list[Frame]:
    """Write a video whose pictures survive being stored."""
    with closing(VideoFile(write_video(tmp_path / "ramp.avi", 40, SIZE, "ffv1", "yuv444p"))) as video:
        frames = []
        while video.grab():
            frame = video.retrieve()
            assert frame is not None
            frames.append(frame)
    return frames


@pytest.mark.parametrize("fit", FITS)
def test_candidates_are_the_frames_as_decoded_and_the_glance_is_made_of_them(
    tmp_path: Path, recording: list[Frame], fit: str
) -> None:
    geometry = whole(fit)
    clip = read_clip(tmp_path / "ramp.avi", geometry)
    square = read_clip(tmp_path / "ramp.avi", GEOMETRY)
    assert np.array_equal(clip.candidate_indices, square.candidate_indices)
    for number, candidate in zip(clip.candidate_indices, clip.candidates, strict=True):
        assert np.array_equal(candidate, recording[number].pixels[:, :, ::-1])
    for number, picture in zip(clip.glance_indices, clip.glance, strict=True):
        frame = np.ascontiguousarray(recording[number].pixels[:, :, ::-1])
        fill = geometry.mean_color
        assert np.array_equal(picture, fit_glance(frame, geometry.glance_fit, 128, geometry.share, fill))
    assert clip.glance.shape == square.glance.shape


def test_what_lies_beside_a_padded_frame_is_the_mean_color_in_its_order(tmp_path: Path) -> None:
    write_video(tmp_path / "ramp.avi", 10, SIZE)
    geometry = whole("padded", mean=(0.9, 0.5, 0.1))
    clip = read_clip(tmp_path / "ramp.avi", geometry)
    assert clip.glance[0, 0, 0].tolist() == list(geometry.mean_color) == [230, 128, 26]
    # of 128 rows, 54 of 96 are the frame
    assert (clip.glance[:, :28] == clip.glance[0, 0, 0]).all()
    assert not (clip.glance[:, 28 : 28 + 72] == clip.glance[0, 0, 0]).all()


def test_all_kinds_of_sources_give_the_same_clip(tmp_path: Path, recording: list[Frame]) -> None:
    geometry = whole()
    expected = read_clip(tmp_path / "ramp.avi", geometry)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for frame in recording:
        cv2.imwrite(str(folder / f"{frame.number}.png"), frame.pixels)
    np.save(tmp_path / "ramp.npy", np.stack([frame.pixels[:, :, ::-1] for frame in recording]))
    for address in (folder, tmp_path / "ramp.npy"):
        assert_same(read_clip(address, geometry), expected)
    assert_same(clip_from_frames(recording, geometry), expected)
    assert_same(read_clip(tmp_path / "ramp.avi", geometry, packets=False), expected)


def test_frames_wait_to_be_converted_until_they_are_looked_at(
    tmp_path: Path, recording: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    converted: list[tuple[int, ...]] = []
    convert = cv2.cvtColor

    def noting(frame: np.ndarray, *others: Any, **more: Any) -> Any:
        converted.append(frame.shape)
        return convert(frame, *others, **more)

    before = [frame.pixels.copy() for frame in recording]
    monkeypatch.setattr("adafocus.edge.video.kept_frames.cv2.cvtColor", noting)
    clip = clip_from_frames(recording, whole())
    assert set(converted) == {(128, 128, 3)}, "the glance alone"
    converted.clear()
    assert clip.candidates[5] is clip.candidates[5]
    assert converted == [(SIZE[1], SIZE[0], 3)]
    assert np.asarray(clip.candidates).shape == (24, SIZE[1], SIZE[0], 3)
    assert len(converted) == 24
    assert all(np.array_equal(frame.pixels, kept) for frame, kept in zip(recording, before, strict=True))


def test_large_frames_are_shrunk_and_the_clip_stays_within_its_bound(tmp_path: Path) -> None:
    """24 frames of 1080p are 149 MB as decoded; of a whole factor of 2 they are 37 MB."""
    write_video(tmp_path / "large.mp4", 30, (1920, 1080), "mpeg4")
    factor = shrink_factor(1080, 1920, 24)
    assert factor == 2
    tracemalloc.start()
    clip = read_clip(tmp_path / "large.mp4", whole())
    stacked = sum(candidate.nbytes for candidate in clip.candidates)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stacked <= MAX_WAITING_BYTES
    # beside the candidates a few decoded frames are on their way, and one is being converted
    assert peak < MAX_WAITING_BYTES + 20 * MEGABYTE, f"{peak / MEGABYTE:.0f} MB"
    assert clip.candidates[0].shape == (540, 960, 3)
    assert shrink_factor(540, 960, 24) == 1, "what was shrunk stays as it is"


def test_the_factor_depends_on_size_and_number_alone(tmp_path: Path) -> None:
    """A video of three frames is not kept larger, so that a clip of many frames shows the same pixels."""
    frames = np.random.default_rng(0).integers(0, 256, (3, 1080, 1920, 3), dtype=np.uint8)
    np.save(tmp_path / "few.npy", frames)
    clip = read_clip(tmp_path / "few.npy", whole())
    assert np.array_equal(clip.candidates[0], shrink(frames[0], 2))
    in_memory = [Frame(frame[:, :, ::-1], number, number / 25, "a") for number, frame in enumerate(frames)]
    assert_same(clip_from_frames(in_memory, whole(), fps=clip.fps), clip)
    few = whole(candidate_frames=8, focus_frames=8)
    assert read_clip(tmp_path / "few.npy", few).candidates[0].shape == (1080, 1920, 3)


def test_frames_of_a_clip_may_have_several_sizes() -> None:
    rng = np.random.default_rng(0)
    frames = [
        Frame(rng.integers(0, 256, (40 + 8 * (number // 6), 64, 3), dtype=np.uint8), number, number / 25, "camera")
        for number in range(12)
    ]
    clip = clip_from_frames(frames, whole("padded"))
    assert {candidate.shape for candidate in clip.candidates} == {(40, 64, 3), (48, 64, 3)}
    with pytest.raises(SourceError, match=r"shapes \[\(40, 64, 3\), \(48, 64, 3\)\], expected one"):
        np.asarray(clip.candidates)


@pytest.mark.parametrize(
    ("fit", "enough", "too_small"),
    [("square", (146, 200), (145, 400)), ("squeezed", (128, 128), (127, 400)), ("padded", (40, 128), (40, 127))],
)
def test_the_glance_is_made_of_the_cameras_small_picture_where_that_is_large_enough(
    recording: list[Frame], fit: str, enough: tuple[int, int], too_small: tuple[int, int]
) -> None:
    def with_small(size: tuple[int, int]) -> list[Frame]:
        return [replace(frame, small=np.full((*size, 3), (1, 2, 3), np.uint8)) for frame in recording]

    plain = clip_from_frames(recording, whole(fit))
    clip = clip_from_frames(with_small(enough), whole(fit))
    assert clip.glance[0, 64, 64].tolist() == [3, 2, 1]
    assert np.array_equal(np.asarray(clip.candidates), np.asarray(plain.candidates)), "patches are cut from the large"
    assert np.array_equal(clip_from_frames(with_small(too_small), whole(fit)).glance, plain.glance)


def test_short_videos_repeat_whole_frames(tmp_path: Path) -> None:
    clip = read_clip(write_video(tmp_path / "short.mp4", 2, SIZE), whole())
    assert clip.frame_count == 2
    assert np.asarray(clip.candidates).shape == (24, SIZE[1], SIZE[0], 3)
    assert np.array_equal(clip.glance[0], clip.glance[1])
    assert not np.array_equal(clip.glance[0], clip.glance[3])
