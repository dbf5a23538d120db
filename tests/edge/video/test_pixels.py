"""Pixels that a program hands to the Python interface: converted where that is unambiguous, otherwise refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources import Frame, open_source
from adafocus.edge.sources.array import ArraySource
from adafocus.edge.streaming.window import Window
from adafocus.edge.video.clip import Clip, clip_from_frames, read_clip
from adafocus.edge.video.kept_frames import Candidates
from adafocus.errors import AdafocusError, BundleError, SourceError
from tests.helpers.numpy_bundle import CANDIDATES, GLANCE_FRAMES, SIZE, NumpyOpener, clip_of, numpy_bundle
from tests.helpers.videos import frames_of

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels], Any]


def grey_of(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels[..., 1])


# what it is made of, and the BGR picture that it stands for
CONVERTED: dict[str, tuple[Change, Change]] = {
    "grey": (grey_of, lambda a: cv2.cvtColor(grey_of(a), cv2.COLOR_GRAY2BGR)),
    "grey with a channel": (lambda a: a[..., 1:2].copy(), lambda a: cv2.cvtColor(grey_of(a), cv2.COLOR_GRAY2BGR)),
    "grey, not contiguous": (lambda a: a[..., 1], lambda a: cv2.cvtColor(grey_of(a), cv2.COLOR_GRAY2BGR)),
    "BGRA": (lambda a: np.dstack([a, np.zeros(a.shape[:2], np.uint8)]), lambda a: a),
    "BGRA, every other row": (
        lambda a: np.repeat(np.dstack([a, np.full(a.shape[:2], 9, np.uint8)]), 2, axis=0)[::2],
        lambda a: a,
    ),
    "mirrored": (lambda a: a[:, ::-1], lambda a: a[:, ::-1].copy()),
    "upside down": (lambda a: a[::-1], lambda a: a[::-1].copy()),
    "other order": (lambda a: a[..., ::-1], lambda a: a[..., ::-1].copy()),
    "transposed": (lambda a: a.transpose(1, 0, 2), lambda a: a.transpose(1, 0, 2).copy()),
    "a part": (lambda a: a[3:-3, 5:-5], lambda a: a[3:-3, 5:-5].copy()),
    "column by column": (np.asfortranarray, lambda a: a),
}
REFUSED: dict[str, tuple[Change, str]] = {
    "float32 0..1": (lambda a: (a / 255).astype(np.float32), "float32.*where white is 1"),
    "float32 0..255": (lambda a: a.astype(np.float32), "float32"),
    "float64": (lambda a: a / 255, "float64"),
    "float16": (lambda a: a.astype(np.float16), "float16"),
    "uint16": (lambda a: a.astype(np.uint16) * 257, "uint16.*>> 8"),
    "grey uint16": (lambda a: a[..., 0].astype(np.uint16) * 257, "uint16"),
    "int8": (lambda a: a.view(np.int8), "int8"),
    "int64": (lambda a: a.astype(np.int64), "int64"),
    "bool": (lambda a: a > 127, r"bool.*\* 255"),
    "objects": (lambda a: a.astype(object), "object"),
    "complex": (lambda a: a.astype(np.complex64), "complex64"),
    "None": (lambda a: None, "NoneType"),
    "list": (lambda a: a.tolist(), "type list"),
    "bytes": (lambda a: a.tobytes(), "type bytes"),
    "no rows": (lambda a: a[:0], r"\(0, 40, 3\)"),
    "no columns": (lambda a: a[:, :0], r"\(30, 0, 3\)"),
    "no channels": (lambda a: a[..., :0], r"\(30, 40, 0\)"),
    "two channels": (lambda a: a[..., :2], r"\(30, 40, 2\)"),
    "five channels": (lambda a: np.dstack([a, a[..., :2]]), r"\(30, 40, 5\)"),
    "planes": (lambda a: np.moveaxis(a, 2, 0), r"\(3, 30, 40\).*moveaxis"),
    "a row": (lambda a: a.reshape(-1), r"\(3600,\)"),
    "a number": (lambda a: np.array(7, np.uint8), r"shape \(\)"),
    "a batch": (lambda a: a[None], r"\(1, 30, 40, 3\)"),
}


@pytest.fixture(scope="module")
def geometry() -> Geometry:
    return numpy_bundle().manifest.geometry


def pictures(count: int = 3) -> list[Pixels]:
    return list(np.random.default_rng(3).integers(0, 256, (count, 30, 40, 3), np.uint8))


def frames_with(change: Change) -> list[Frame]:
    return [Frame(change(pixels), number, number / 5, "test") for number, pixels in enumerate(pictures())]


def recognizer(*, incremental: bool = False) -> Recognizer:
    variant = "long" if incremental else "tsm"
    return Recognizer(numpy_bundle(variant, incremental=incremental), "litert", 1, None, NumpyOpener(), incremental)


def assert_alike(found: Clip, expected: Clip) -> None:
    assert np.array_equal(found.glance, expected.glance)
    assert np.array_equal(np.asarray(found.candidates), np.asarray(expected.candidates))


def window_clip(geometry: Geometry, frames: list[Frame]) -> Clip:
    window = Window(geometry, 0.6)
    assert all([window.push(frame) for frame in frames])
    cut = window.clip(eager=True)
    assert cut is not None
    return cut[0]


@pytest.mark.parametrize("name", CONVERTED)
@pytest.mark.parametrize("entry", ["clip_from_frames", "window"])
def test_what_is_unambiguous_is_converted(name: str, entry: str, geometry: Geometry) -> None:
    change, meant = CONVERTED[name]
    make = clip_from_frames if entry == "clip_from_frames" else lambda frames, shape: window_clip(shape, frames)
    found, expected = make(frames_with(change), geometry), make(frames_with(meant), geometry)
    assert_alike(found, expected)
    assert recognizer().recognize_clip(found).score == recognizer().recognize_clip(expected).score


@pytest.mark.parametrize("name", REFUSED)
def test_everything_else_is_refused_by_a_sentence(name: str, geometry: Geometry) -> None:
    change, found = REFUSED[name]
    frames = frames_with(change)
    with pytest.raises(SourceError, match=f"Frame 0 has pixels of .*{found}"):
        clip_from_frames(frames, geometry)
    window = Window(geometry, 0.6)
    with pytest.raises(SourceError, match=f"Frame 0 has pixels of .*{found}"):
        window.push(frames[0])
    assert window.kept == 0
    assert window.newest_s is None


@pytest.mark.parametrize("name", ["uint16", "None", "two channels"])
def test_one_strange_frame_among_good_ones_is_named(name: str, geometry: Geometry) -> None:
    frames = frames_with(lambda a: a)
    frames[1] = dataclasses.replace(frames[1], pixels=REFUSED[name][0](frames[1].pixels))
    with pytest.raises(SourceError, match="Frame 1 has pixels"):
        clip_from_frames(frames, geometry)


@pytest.mark.parametrize("name", ["float32 0..1", "uint16", "list", "no rows", "planes"])
def test_the_second_picture_is_looked_at_as_the_first(name: str, geometry: Geometry) -> None:
    frames = [dataclasses.replace(frame, small=REFUSED[name][0](frame.pixels)) for frame in frames_with(lambda a: a)]
    with pytest.raises(SourceError, match="second picture of frame 0"):
        clip_from_frames(frames, geometry)
    with pytest.raises(SourceError, match="second picture of frame 0"):
        Window(geometry, 0.6).push(frames[0])


@pytest.mark.parametrize("name", ["grey", "BGRA", "mirrored"])
def test_the_second_picture_is_converted_as_the_first(name: str, geometry: Geometry) -> None:
    change, meant = CONVERTED[name]
    given, expected = (
        [dataclasses.replace(frame, small=make(frame.pixels)) for frame in frames_with(lambda a: a)]
        for make in (change, meant)
    )
    assert_alike(clip_from_frames(given, geometry), clip_from_frames(expected, geometry))
    assert_alike(window_clip(geometry, given), window_clip(geometry, expected))


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        (pictures(), "list that holds an object of the type ndarray"),
        (tuple(pictures()), "tuple that holds"),
        (np.stack(pictures()), "type ndarray"),
        (pictures()[0], "type ndarray"),
        (iter(frames_with(lambda a: a)), "type list_iterator"),
        ([None, None], "type NoneType"),
        ("clip.mp4", "type str"),
        (None, "type NoneType"),
        (7, "type int"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_things_that_are_no_frames_are_refused_by_a_sentence(frames: Any, found: str, geometry: Geometry) -> None:
    with pytest.raises(SourceError, match=f"{found}.*expected a list of frames.*Frame\\("):
        clip_from_frames(frames, geometry)


@pytest.mark.parametrize("frames", [pictures(), np.stack(pictures()), None])
def test_what_the_sentence_of_recognize_advises_works(frames: Any, geometry: Geometry) -> None:
    with pytest.raises(AdafocusError, match=r"clip_from_frames\(\[Frame\(pixels, number, number / 25"):
        recognizer().recognize(frames)
    advised = [Frame(pixels, number, number / 25, "camera") for number, pixels in enumerate(pictures())]
    assert recognizer().recognize_clip(clip_from_frames(advised, geometry)).label


GLANCE_SHAPE, CANDIDATES_SHAPE = (GLANCE_FRAMES, SIZE, SIZE, 3), (CANDIDATES, SIZE, SIZE, 3)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"glance": np.zeros(GLANCE_SHAPE, np.float32)}, "float32"),
        ({"glance": np.zeros(GLANCE_SHAPE, np.uint16)}, "uint16"),
        ({"glance": np.zeros(GLANCE_SHAPE[:3], np.uint8)}, "uint8 of shape"),
        ({"glance": np.zeros((GLANCE_FRAMES, 2 * SIZE, SIZE, 3), np.uint8)}, "uint8 of shape"),
        ({"glance": np.zeros((GLANCE_FRAMES - 1, SIZE, SIZE, 3), np.uint8)}, "uint8 of shape"),
        ({"glance": None}, "NoneType"),
        ({"glance": [[[0]]]}, "list"),
        ({"candidates": Candidates(np.zeros(CANDIDATES_SHAPE, np.float32))}, "float32"),  # type: ignore[arg-type]
        ({"candidates": Candidates(np.zeros(CANDIDATES_SHAPE[:3], np.uint8))}, "uint8 of shape"),
        ({"candidates": Candidates(np.zeros((CANDIDATES, SIZE, SIZE, 4), np.uint8))}, "uint8 of shape"),
        ({"candidates": [None] * CANDIDATES}, "NoneType"),
        ({"candidates": Candidates(np.zeros((CANDIDATES - 1, SIZE, SIZE, 3), np.uint8))}, f"{CANDIDATES - 1} cand"),
        ({"candidates": None}, "0 candidates"),
        ({"candidate_indices": np.arange(2)}, "2 candidate_indices"),
    ],
)
def test_a_clip_made_by_hand_must_have_the_shapes_of_the_bundle(changes: dict[str, Any], found: str) -> None:
    clip = dataclasses.replace(clip_of(100), **changes)
    with pytest.raises(SourceError, match=f"{found}.*expected"):
        recognizer().recognize_clip(clip)


@pytest.mark.parametrize("thing", [None, "clip.mp4", np.zeros(GLANCE_SHAPE, np.uint8), frames_with(lambda a: a)])
def test_things_that_are_no_clip_are_refused_by_a_sentence(thing: Any) -> None:
    with pytest.raises(SourceError, match="expected a clip"):
        recognizer().recognize_clip(thing)


def test_a_clip_made_by_hand_of_arrays_and_views_is_taken() -> None:
    clip = clip_of(100)
    stored = np.zeros((*CANDIDATES_SHAPE[:3], 6), np.uint8)
    stored[..., ::2] = 100
    hand_made: Any = stored[..., ::2]
    changed = dataclasses.replace(clip, candidates=hand_made, glance=clip.glance[:, ::-1, ::-1])
    assert recognizer().recognize_clip(changed).score == recognizer().recognize_clip(clip).score


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((SIZE, SIZE, 3), np.float32),
        np.zeros((SIZE, SIZE), np.uint8),
        np.zeros((SIZE, SIZE, 4), np.uint8),
        np.zeros((SIZE, SIZE + 1, 3), np.uint8),
        np.zeros((1, SIZE, SIZE, 3), np.uint8),
        None,
        [1, 2, 3],
    ],
    ids=lambda value: str(getattr(value, "shape", value)),
)
def test_a_frame_that_is_encoded_must_have_the_size_of_the_glance(frame: Any) -> None:
    with pytest.raises(SourceError, match="A frame of the glance"):
        recognizer(incremental=True).encode_frame(frame)


@pytest.mark.parametrize("shape", [(2, 12, 10, 1), (3, 12, 10), (1, 12, 10, 3)])
def test_arrays_of_grey_and_of_color_give_color_frames(shape: tuple[int, ...]) -> None:
    stored = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    frames = frames_of(ArraySource(stored, order="bgr"))
    expected = np.broadcast_to(stored if stored.ndim == 4 else stored[..., None], (*shape[:3], 3))
    assert np.array_equal(np.stack([frame.pixels for frame in frames]), expected)


@pytest.mark.parametrize("shape", [(48, 64, 3), (480, 640, 4), (30, 40, 1)])
def test_one_picture_is_not_taken_for_frames_of_three_columns(shape: tuple[int, ...]) -> None:
    with pytest.raises(SourceError, match=r"one picture.*frames\[None\]"):
        ArraySource(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("stored", [None, [[[0]]], np.zeros((2, 9, 9, 3), np.uint16), np.zeros((2, 9, 9, 3), bool)])
def test_other_arrays_are_refused_by_a_sentence(stored: Any) -> None:
    with pytest.raises(SourceError, match="expected uint8"):
        ArraySource(stored)


@pytest.mark.parametrize("name", ["deep.png", "deep_grey.png", "deep_alpha.png", "alpha.png", "grey.png", "deep.tiff"])
def test_pictures_of_other_depths_and_channels_are_read_as_what_they_show(name: str, tmp_path: Path) -> None:
    color = pictures(1)[0]
    grey = cv2.cvtColor(grey_of(color), cv2.COLOR_GRAY2BGR)
    alpha = np.full(color.shape[:2], 128, np.uint8)
    stored = grey_of(color) if "grey" in name else np.dstack([color, alpha]) if "alpha" in name else color
    deep = stored.astype(np.uint16) * 257 if "deep" in name else stored
    assert cv2.imwrite(str(tmp_path / name), deep)
    (frame,) = frames_of(open_source(tmp_path))
    assert np.array_equal(frame.pixels, grey if "grey" in name else color)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_pictures_of_floats_are_not_guessed_at(name: str, tmp_path: Path, geometry: Geometry) -> None:
    cv2.imwrite(str(tmp_path / "floats.tiff"), (pictures(1)[0] / 255).astype(name))
    with pytest.raises(AdafocusError, match="can be decoded"):
        read_clip(tmp_path, geometry)


@pytest.mark.parametrize("dtype", ["uint16", "float32", "bool", "int64"])
def test_npy_files_of_other_numbers_are_refused_by_a_sentence(dtype: str, tmp_path: Path, geometry: Geometry) -> None:
    np.save(tmp_path / "frames.npy", np.stack(pictures()).astype(dtype))
    with pytest.raises(SourceError, match=f"{dtype}.*expected uint8"):
        read_clip(tmp_path / "frames.npy", geometry)


@pytest.mark.parametrize("thing", [None, 7, b"clip.mp4", ["clip.mp4"], pictures()[0], pictures()], ids=type)
def test_things_that_are_no_address_are_refused_by_a_sentence(thing: Any, geometry: Geometry) -> None:
    with pytest.raises(SourceError, match=f"type {type(thing).__name__}, expected the address"):
        read_clip(thing, geometry)
    with pytest.raises(SourceError, match=f"type {type(thing).__name__}, expected the address"):
        open_source(thing)
    with pytest.raises(BundleError, match=f"type {type(thing).__name__}, expected the path of a bundle"):
        Bundle.open(thing)
