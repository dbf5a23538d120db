"""Whole frames of a stream: kept as they came within a bound, fitted to the glance once, never changed."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bundle.geometry import MAX_WAITING_BYTES, Geometry
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources.source import Frame
from adafocus.edge.streaming.window import MAX_BYTES, Window
from adafocus.edge.video.clip import clip_from_frames
from adafocus.edge.video.fitting import fit_glance, shrink
from adafocus.errors import AdafocusError
from tests.helpers.numpy_bundle import MOTION, NumpyOpener, numpy_bundle
from tests.helpers.videos import GEOMETRY

PLACE = "adafocus.edge.streaming.ring.fit_glance"
MEGABYTE = 2**20


def whole(**changes: Any) -> Geometry:
    sizes = {"glance_size": 32, "patch_size": 32, "boxes_in": "frame", "glance_fit": "squeezed"}
    return Geometry(**{**GEOMETRY.model_dump(), **sizes, **changes})


def pictures(count: int, height: int = 48, width: int = 80, fps: float = 6.0, small: bool = False) -> list[Frame]:
    rng = np.random.default_rng(3)
    second = np.full((48, 64, 3), (10, 20, 200), np.uint8) if small else None
    return [
        Frame(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), number, number / fps, "camera", second)
        for number in range(count)
    ]


def test_a_window_over_frames_is_the_clip_of_these_frames() -> None:
    geometry = whole(glance_frames=8)
    frames = pictures(24)
    window = Window(geometry, 4.0)
    assert all(window.push(frame) for frame in frames)
    cut = window.clip()
    assert cut is not None
    expected = clip_from_frames(frames, geometry)
    assert np.array_equal(cut[0].candidate_indices, expected.candidate_indices)
    assert np.array_equal(np.asarray(cut[0].candidates), np.asarray(expected.candidates))
    for number, picture in zip(cut[0].glance_indices, cut[0].glance, strict=True):
        rgb = np.ascontiguousarray(frames[number].pixels[:, :, ::-1])
        assert np.array_equal(picture, fit_glance(rgb, "squeezed", 32, geometry.share, geometry.mean_color))
    newest = window.newest_frame()
    assert newest is not None
    assert np.array_equal(newest, frames[-1].pixels[:, :, ::-1])


def test_a_glance_picture_is_made_once_however_many_windows_look_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, ...]] = []

    def noting(frame: np.ndarray, *others: Any) -> np.ndarray:
        made.append(frame.shape)
        return fit_glance(frame, *others)

    monkeypatch.setattr(PLACE, noting)
    window = Window(whole(), 4.0, recurring=True)
    looked: set[int] = set()
    for frame in pictures(96):
        window.push(frame)
        cut = window.clip()
        if cut is not None:
            looked |= set(cut[0].glance_names or ())
    assert len(made) == len(looked) < 30


def test_the_clip_stays_as_it_was_while_the_window_goes_on() -> None:
    window, frames = Window(whole(), 4.0), pictures(60)
    for frame in frames[:24]:
        window.push(frame)
    cut = window.clip()
    assert cut is not None
    for frame in frames[24:]:
        window.push(frame)
    for number, candidate in zip(cut[0].candidate_indices, cut[0].candidates, strict=True):
        assert np.array_equal(candidate, frames[number].pixels[:, :, ::-1])


def test_no_reference_to_the_pixels_of_a_source_is_held() -> None:
    """A source may write its next frame into the same memory."""
    window, memory = Window(whole(), 4.0), np.zeros((48, 80, 3), np.uint8)
    for number in range(24):
        memory[:] = number
        window.push(Frame(memory, number, number / 6, "camera"))
    cut = window.clip()
    assert cut is not None
    assert [candidate[0, 0, 0] for candidate in cut[0].candidates] == cut[0].candidate_indices.tolist()


def test_a_stream_may_change_its_size() -> None:
    window = Window(whole(), 4.0)
    for frame in [*pictures(12), *(Frame(f.pixels, f.number, f.timestamp_s, "b") for f in pictures(24, 96, 64)[12:])]:
        window.push(frame)
    cut = window.clip()
    assert cut is not None
    assert {candidate.shape for candidate in cut[0].candidates} == {(48, 80, 3), (96, 64, 3)}


def test_the_glance_comes_from_the_second_stream_where_that_is_large_enough() -> None:
    for size, red in ((32, 200), (64, None)):
        window = Window(whole(glance_size=size), 4.0)
        for frame in pictures(24, small=True):
            window.push(frame)
        cut = window.clip()
        assert cut is not None
        assert (cut[0].glance[..., 0] == 200).all() == (red is not None)
        assert np.asarray(cut[0].candidates).shape == (24, 48, 80, 3)


def test_memory_of_large_frames_is_bounded() -> None:
    """A window of 24 frames of 1080p holds 26, of a half of each side, and a clip refers to no more than 24 others."""
    geometry = whole()
    picture = pictures(1, 1080, 1920)[0].pixels
    tracemalloc.start()
    window = Window(geometry, 4.0)
    cut = None
    for number in range(60):
        window.push(Frame(picture, number, number / 6, "camera"))
        cut = window.clip() or cut
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert cut is not None
    assert np.array_equal(cut[0].candidates[0], shrink(np.ascontiguousarray(picture[:, :, ::-1]), 2))
    bound = window.nbytes
    assert bound == pytest.approx((window.capacity + 24) / 24 * MAX_WAITING_BYTES, rel=0.01)
    assert held < bound < MAX_BYTES
    assert peak < bound


def test_a_window_beyond_its_bound_is_refused() -> None:
    with pytest.raises(AdafocusError, match=r"A window of \d+ frames would need \d+ MB, expected at most 1024 MB"):
        Window(whole(candidate_frames=8), 4.0, frames_per_candidate=20)


@pytest.mark.parametrize("span", ["spread", "densest"])
def test_a_stream_is_recognized_by_motion(span: str) -> None:
    recognizer = Recognizer(numpy_bundle(**{**MOTION, "focus_span": span}), "litert", 1, None, NumpyOpener())
    window = Window(recognizer.bundle.manifest.geometry, 2.0)
    frames = pictures(12)
    for frame in frames:
        window.push(frame)
    cut = window.clip()
    assert cut is not None
    found = recognizer.recognize_clip(cut[0])
    wanted = recognizer.recognize_clip(clip_from_frames(frames, recognizer.bundle.manifest.geometry))
    assert found.candidate_indices == wanted.candidate_indices
    assert np.array_equal(found.boxes, wanted.boxes)
    assert np.array_equal(found.patches, wanted.patches)
