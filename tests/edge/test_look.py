"""Where the focus looks: boxes of whole pixels in whole frames, motion, ablations, and looks that are given by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from adafocus.edge.policy.boxes import boxes_in_room, whole_pixels
from adafocus.edge.recognizer import Prediction, Recognizer
from adafocus.edge.sources import Frame
from adafocus.edge.video.clip import Clip, clip_from_frames
from adafocus.edge.video.kept_frames import Candidates
from adafocus.edge.video.patches import cut_patch
from adafocus.errors import AdafocusError, SourceError
from tests.helpers.numpy_bundle import (
    CANDIDATES,
    FOCUS_FRAMES,
    GLANCE_FRAMES,
    MACS,
    MOTION,
    PATCH,
    SIZE,
    WHOLE,
    NumpyOpener,
    clip_of,
    numpy_bundle,
)

HEIGHT, WIDTH = 96, 160
FULL = [0.0, 0.0, 1.0, 1.0]


def recognizer_of(variant: str = "tsm", **looking: Any) -> Recognizer:
    return Recognizer(numpy_bundle(variant, **looking), "litert", 1, None, NumpyOpener())


def clip_from(candidates: Any) -> Clip:
    glance = np.full((GLANCE_FRAMES, SIZE, SIZE, 3), 100, np.uint8)
    return Clip(glance, candidates, np.arange(GLANCE_FRAMES) * 3, np.arange(CANDIDATES), CANDIDATES, 25.0)


def noise(*size: int, count: int = CANDIDATES, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)


def moving(height: int = HEIGHT, width: int = WIDTH, top: int = 60, left: int = 120, moves: range = range(100)) -> Clip:
    """Return a clip of still noise with a bright square, which moves about its place in some of the frames."""
    frames = np.repeat(noise(height, width, count=1) // 4, CANDIDATES, axis=0)
    for number, frame in enumerate(frames):
        down = top + 2 * (number % 3) * (number in moves)
        frame[down : down + 12, left : left + 12] = 255
    return clip_from(Candidates(frames))


def boxes_px(prediction: Prediction, height: int = HEIGHT, width: int = WIDTH) -> list[list[int]]:
    found = prediction.boxes * np.array([height, width, height, width], np.float32)
    assert np.abs(found - np.rint(found)).max() < 1e-3, "boxes lie on whole pixels"
    return np.rint(found).astype(int).tolist()


@pytest.mark.parametrize("size", [(16, 16), (224, 224), (97, 61), (1080, 1920), (1, 5000)])
def test_boxes_in_room_lie_on_whole_pixels_inside_the_frame(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    given = rng.uniform(0, 1, (200, 4)).astype(np.float32)
    given[:4] = np.array([[0, 0, 1, 1], [1, 1, 0.01, 0.01], [0, 1, 1, 0.5], [1, 0, 0.5, 1]])
    boxes = boxes_in_room(given, size) * np.array([*size, *size])
    assert np.abs(boxes - np.rint(boxes)).max() < 1e-3
    top, left, tall, wide = np.rint(boxes).astype(int).T
    assert min(top.min(), left.min()) >= 0
    assert min(tall.min(), wide.min()) >= 1
    assert (top + tall).max() <= size[0]
    assert (left + wide).max() <= size[1]
    short = min(size)
    assert (np.abs(tall - np.maximum(1, given[:, 2] * short)) <= 0.5 + 1e-3).all()


def test_a_box_in_room_is_a_fraction_of_the_short_side_wherever_it_lies() -> None:
    given = np.array([[0.25, 0.25, 0.5, 0.5], [1.0, 1.0, 0.5, 1.0]], np.float32)
    found = boxes_in_room(given, (40, 100)) * np.array([40, 100, 40, 100])
    assert np.rint(found).tolist() == [[5, 20, 20, 20], [20, 60, 20, 40]]


def test_whole_pixels_keep_a_pixel_where_one_is_asked_for() -> None:
    tiny = np.array([[0.999, 0.999, 0.001, 0.001]])
    assert (whole_pixels(tiny, (10, 20)) * np.array([10, 20, 10, 20])).tolist()[0][2:] == [0, 0]
    found = np.rint(whole_pixels(tiny, (10, 20), least=1) * np.array([10, 20, 10, 20]))
    assert found.tolist() == [[9, 19, 1, 1]]


def test_a_network_whose_boxes_lie_in_the_whole_frame_cuts_from_its_own_pixels() -> None:
    """Half of a short side of 16 is the patch's own size, so its pixels are those of the frame."""
    frames = noise(16, 28)
    prediction = recognizer_of(**WHOLE).recognize_clip(clip_from(Candidates(frames)))
    # the policy says a quarter of the room, and half of the short side
    assert boxes_px(prediction, 16, 28) == [[2, 5, 8, 8]] * FOCUS_FRAMES
    wanted = frames[list(prediction.candidate_indices), 2:10, 5:13]
    assert np.array_equal(prediction.patches, wanted)
    assert [call.stage for call in prediction.calls] == ["glance", "policy", "focus"]


def test_frames_of_one_clip_may_differ_in_size() -> None:
    frames = [*noise(16, 28, count=7), *noise(40, 24, count=CANDIDATES - 7, seed=1)]
    prediction = recognizer_of(**WHOLE).recognize_clip(clip_from(Candidates(frames)))
    sizes = {frames[number].shape[:2] for number in prediction.candidate_indices}
    assert len(sizes) == 2
    for number, box, patch in zip(prediction.candidate_indices, prediction.boxes, prediction.patches, strict=True):
        height, width = frames[number].shape[:2]
        top, left, tall, wide = np.rint(box * np.array([height, width, height, width])).astype(int).tolist()
        short = min(height, width)
        assert tall == wide == short // 2
        assert (top, left) == (round(0.25 * (height - tall)), round(0.25 * (width - wide)))
        assert np.array_equal(patch, cut_patch(frames[number], box, PATCH, (0, 0, 0)))


def test_motion_finds_what_moves_and_needs_no_policy_network() -> None:
    recognizer = recognizer_of(**MOTION)
    prediction = recognizer.recognize_clip(moving())
    assert [call.stage for call in prediction.calls] == ["glance", "focus"]
    assert not any(name.startswith("policy") for name in prediction.outputs)
    assert prediction.macs == recognizer.exit_macs[-1] == MACS["glance"] + MACS["focus"]
    assert prediction.frame_weights.size == 0
    assert prediction.candidate_indices == (1, 3, 5, 7, 9, 11), "spread evenly"
    top, left, tall, wide = boxes_px(prediction)[0]
    assert tall == wide == HEIGHT // 2
    assert top <= 60 <= top + tall - 16, "all of what moves is in the box"
    assert left <= 120 <= left + wide - 12
    assert np.all(prediction.boxes == prediction.boxes[0]), "one box for the clip"
    assert {"policy", "select", "resize", "crop"} <= set(prediction.timing_ms)
    again = recognizer.recognize_clip(moving())
    assert np.array_equal(again.patches, prediction.patches)


def test_the_densest_run_is_where_most_changes() -> None:
    recognizer = recognizer_of(**{**MOTION, "focus_span": "densest"})
    chosen = recognizer.recognize_clip(moving(moves=range(4, 4 + FOCUS_FRAMES))).candidate_indices
    assert len(chosen) == FOCUS_FRAMES
    assert np.diff(chosen).tolist() == [1] * (FOCUS_FRAMES - 1)
    assert chosen[0] == 4, "it jumps back after every third frame"


def test_motion_is_paid_for_only_where_the_clip_goes_on() -> None:
    looked: list[int] = []
    frames = np.asarray(moving().candidates, np.uint8)
    clip = clip_from(Candidates(frames, range(CANDIDATES), looked.append))
    recognizer = recognizer_of(**MOTION)
    recognizer.thresholds = (0.0,)
    assert recognizer.recognize_clip(clip).exit_stage == "glance"
    assert looked == []
    recognizer.thresholds = None
    recognizer.recognize_clip(clip)
    assert set(looked) == set(range(CANDIDATES))
    looked.clear()
    recognizer.recognize_clip(clip, boxes="centre", frames="uniform")
    assert set(looked) == {1, 3, 5, 7, 9, 11}, "where nothing is asked of motion, it is not looked for"


@pytest.mark.parametrize("looking", [WHOLE, MOTION], ids=["network", "motion"])
def test_whole_frames_are_never_converted_to_cut_patches_out_of_them(looking: dict[str, Any]) -> None:
    """Decoded frames are BGR: patches are converted once they are cut, and show what those of RGB frames show."""
    geometry = numpy_bundle(**looking, mean=(0.9, 0.5, 0.1)).manifest.geometry
    recognizer = recognizer_of(**looking, mean=(0.9, 0.5, 0.1))
    frames = [Frame(pixels, number, number / 25, "camera") for number, pixels in enumerate(noise(HEIGHT, WIDTH))]
    waiting = clip_from_frames(frames, geometry)
    found = recognizer.recognize_clip(waiting)
    assert all(waiting.candidates.as_kept(number)[1] for number in range(CANDIDATES))
    converted = dataclasses.replace(waiting, candidates=Candidates([*clip_from_frames(frames, geometry).candidates]))
    other = recognizer.recognize_clip(converted)
    assert np.array_equal(found.boxes, other.boxes)
    assert np.array_equal(found.patches, other.patches)
    assert np.array_equal(waiting.candidates[3], frames[3].pixels[:, :, ::-1])
    assert not waiting.candidates.as_kept(3)[1]
    assert np.array_equal(recognizer.recognize_clip(waiting).patches, found.patches), "some of them are converted now"


def test_motion_copes_with_a_stream_that_changes_its_size() -> None:
    frames = [*np.asarray(moving(48, 80, 30, 60).candidates)[:6], *np.asarray(moving().candidates)[6:]]
    prediction = recognizer_of(**MOTION).recognize_clip(clip_from(Candidates(frames)))
    for number, box in zip(prediction.candidate_indices, prediction.boxes, strict=True):
        height, width = frames[number].shape[:2]
        tall, wide = round(float(box[2]) * height), round(float(box[3]) * width)
        assert tall == wide == height // 2
        assert min(box[:2]) >= 0
        assert max(box[:2] + box[2:]) <= 1


ABLATIONS = [
    ("centre", [HEIGHT // 4, WIDTH // 2 - HEIGHT // 4, HEIGHT // 2, HEIGHT // 2]),
    ("full", [0, 0, HEIGHT, WIDTH]),
    ("random", None),
    ("motion", None),
    ("policy", None),
]


@pytest.mark.parametrize(("boxes", "wanted"), ABLATIONS)
@pytest.mark.parametrize("looking", [WHOLE, MOTION], ids=["network", "motion"])
def test_ablations_work_in_whole_frames(looking: dict[str, Any], boxes: Any, wanted: list[int] | None) -> None:
    recognizer = recognizer_of(**looking)
    first, again, other = (recognizer.recognize_clip(moving(), boxes=boxes, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.boxes, again.boxes)
    assert np.all(first.boxes == first.boxes[0])
    assert np.array_equal(first.boxes, other.boxes) == (boxes != "random")
    found = boxes_px(first)[0]
    if wanted is not None:
        assert found == wanted
    if boxes != "full":
        assert found[2:] == [HEIGHT // 2] * 2, "of the same size, wherever it is"


def test_motion_boxes_and_frames_may_stand_in_for_those_of_any_bundle() -> None:
    """A square bundle has square candidates, and boxes of the patch's own size; half of the square here."""
    clip = moving(SIZE, SIZE, 0, 2)
    learned = recognizer_of().recognize_clip(clip)
    by_motion = recognizer_of().recognize_clip(clip, boxes="motion", frames="motion")
    assert [call.stage for call in by_motion.calls] == ["glance", "policy", "focus"], "at the same cost"
    assert by_motion.macs == learned.macs
    assert boxes_px(by_motion, SIZE, SIZE)[0][2:] == [PATCH, PATCH]
    assert boxes_px(by_motion, SIZE, SIZE) != boxes_px(learned, SIZE, SIZE)
    assert np.diff(by_motion.candidate_indices).tolist() == [1] * (FOCUS_FRAMES - 1)
    in_whole = recognizer_of(**WHOLE, box_min=0.25).recognize_clip(moving(), boxes="motion")
    assert boxes_px(in_whole)[0][2:] == [HEIGHT // 4] * 2


def test_a_fixed_square_keeps_the_patch_s_share_of_the_short_side() -> None:
    found = recognizer_of(**MOTION).recognize_clip(moving(), shape="fixed")
    assert boxes_px(found)[0][2:] == [HEIGHT * PATCH // SIZE] * 2


@pytest.mark.parametrize("looking", [{}, WHOLE, MOTION], ids=["square", "network", "motion"])
def test_boxes_and_frames_may_be_given_by_hand(looking: dict[str, Any]) -> None:
    height, width = (HEIGHT, WIDTH) if looking else (SIZE, SIZE)
    frames = noise(height, width)
    clip, recognizer = clip_from(Candidates(frames)), recognizer_of(**looking)
    numbers = np.array([0, 0, 3, 4, 10, 11])
    one = np.array([[0.25, 0.5, 0.5, 0.25]])
    found = recognizer.recognize_clip(clip, boxes=one, frames=numbers)
    assert found.candidate_indices == tuple(numbers.tolist())
    assert boxes_px(found, height, width) == [[height // 4, width // 2, height // 2, width // 4]] * FOCUS_FRAMES
    every = np.repeat(one, FOCUS_FRAMES, axis=0)
    every[-1] = FULL
    other = recognizer.recognize_clip(clip, boxes=every, frames=numbers)
    assert np.array_equal(other.patches[:-1], found.patches[:-1])
    assert boxes_px(other, height, width)[-1] == [0, 0, height, width]
    assert len(recognizer.recognize_clip(clip, boxes=np.array([FULL], np.float32)).boxes) == FOCUS_FRAMES


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"boxes": np.zeros((2, 4))}, r"boxes are float64 of shape \(2, 4\), expected numbers of shape \(1, 4\) or"),
        ({"boxes": np.zeros(4)}, r"shape \(4,\)"),
        ({"boxes": np.array([["a"] * 4])}, "boxes are <U1"),
        ({"boxes": np.array([[0.0, 0.0, np.nan, 1.0]])}, "height nan"),
        ({"boxes": np.array([[0.6, 0.0, 0.5, 1.0]])}, "y 0.6.*do not leave it"),
        ({"boxes": np.array([[-0.1, 0.0, 0.5, 1.0]])}, "y -0.1"),
        ({"boxes": np.array([[0.0, 0.0, 0.0, 1.0]])}, "height 0.*above 0"),
        ({"boxes": np.array([[10.0, 20.0, 50.0, 50.0]])}, "expected fractions"),
        ({"boxes": None}, "boxes are object"),
        ({"frames": np.arange(5)}, r"int64 of shape \(5,\), expected 6 whole numbers"),
        ({"frames": np.arange(6) / 2}, "float64"),
        ({"frames": np.arange(6)[::-1]}, "5, 4, 3, 2, 1, 0, expected numbers of candidates from 0 to 11, in order"),
        ({"frames": np.arange(7, 13)}, "12, expected"),
        ({"frames": np.arange(-1, 5)}, "-1, 0"),
        ({"frames": np.zeros(6, bool)}, "bool"),
        ({"frames": "first"}, "frames is 'first', expected one of .*motion"),
        ({"boxes": "left"}, "boxes is 'left', expected one of .*motion"),
    ],
)  # fmt: skip
def test_looks_by_hand_that_are_none_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(AdafocusError, match=words):
        recognizer_of(**WHOLE).recognize_clip(clip_from(Candidates(noise(HEIGHT, WIDTH))), **wrong)


@pytest.mark.parametrize("looking", [WHOLE, MOTION], ids=["network", "motion"])
def test_candidates_of_other_pixels_are_refused(looking: dict[str, Any]) -> None:
    recognizer = recognizer_of(**looking)
    for wrong, words in (
        ([np.zeros((8, 9, 3), np.float32)] * CANDIDATES, "float32 of shape"),
        ([np.zeros((8, 9, 4), np.uint8)] * CANDIDATES, r"uint8 RGB of shape \(height, width, 3\)"),
        ([np.zeros((0, 9, 3), np.uint8)] * CANDIDATES, r"shape \(0, 9, 3\)"),
        ([None] * CANDIDATES, "NoneType"),
    ):
        with pytest.raises(SourceError, match=words):
            recognizer.recognize_clip(clip_from(wrong))


def test_the_published_configuration_looks_at_no_candidate_but_the_chosen() -> None:
    looked: list[int] = []
    frames = np.asarray(clip_of(100).candidates, np.uint8)
    found = recognizer_of("long").recognize_clip(clip_from(Candidates(frames, range(CANDIDATES), looked.append)))
    assert looked == list(found.candidate_indices)
