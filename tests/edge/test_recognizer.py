"""The way of a clip through the stages, and every exit on it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import Exits
from adafocus.edge.exits import ALWAYS, NEVER, confidence
from adafocus.edge.policy import Boxes, place_boxes
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError
from tests.helpers.numpy_bundle import BRIGHTEST, FOCUS_FRAMES, LABELS, MACS, STEP, NumpyOpener, clip_of, numpy_bundle

PARTS = ("decode", "resize", "pixels", "glance", "policy", "select", "crop", "focus", "other")


def recognizer_of(variant: str, exits: Exits | None = None) -> tuple[Recognizer, dict[str, int]]:
    opener = NumpyOpener()
    return Recognizer(numpy_bundle(variant, exits), "litert", 1, None, opener), opener.calls


def softmax_confidence(logit: float) -> float:
    return confidence([logit, *[0.0] * (len(LABELS) - 1)], "softmax")


def test_without_thresholds_every_stage_runs() -> None:
    recognizer, calls = recognizer_of("long")
    prediction = recognizer.recognize_clip(clip_of(255))
    assert calls == {"glance": 1, "policy": 1, "focus": 3}
    assert (prediction.exit_stage, prediction.exit_index) == ("focus", FOCUS_FRAMES)
    assert len(prediction.candidate_indices) == len(prediction.boxes) == len(prediction.patches) == FOCUS_FRAMES


def test_a_clip_that_stops_after_the_glance_costs_the_glance() -> None:
    recognizer, calls = recognizer_of("long")
    recognizer.thresholds = (0.9, *[NEVER] * (FOCUS_FRAMES - 1))
    prediction = recognizer.recognize_clip(clip_of(255))
    assert calls == {"glance": 1}
    assert (prediction.exit_stage, prediction.exit_index, prediction.macs) == ("glance", 0, MACS["glance"])
    assert prediction.confidences == pytest.approx([softmax_confidence(BRIGHTEST)])
    assert prediction.frame_indices == prediction.candidate_indices == ()
    assert prediction.boxes.shape == (0, 4)
    assert prediction.patches.shape[0] == 0
    assert np.array_equal(prediction.logits, prediction.glance_logits)


@pytest.mark.parametrize("patches", range(1, FOCUS_FRAMES + 1))
def test_the_long_focus_stops_after_the_patch_that_makes_it_confident(patches: int) -> None:
    recognizer, calls = recognizer_of("long")
    recognizer.thresholds = (NEVER, *[softmax_confidence(STEP * patches) - 1e-6] * (FOCUS_FRAMES - 1))
    prediction = recognizer.recognize_clip(clip_of(0))
    whole_calls = math.ceil(patches / 2)
    assert calls["focus"] == whole_calls
    assert prediction.exit_index == patches
    assert prediction.macs == MACS["glance"] + MACS["policy"] + whole_calls * MACS["focus"]
    assert prediction.logits[1] == pytest.approx(STEP * patches)
    assert prediction.confidences == pytest.approx([softmax_confidence(STEP * n) for n in range(patches + 1)])
    assert len(prediction.patches) == len(prediction.frame_indices) == len(prediction.boxes) == 2 * whole_calls


@pytest.mark.parametrize("exit_index", range(FOCUS_FRAMES))
def test_each_exit_has_its_own_threshold(exit_index: int) -> None:
    recognizer, _ = recognizer_of("long")
    recognizer.thresholds = tuple(ALWAYS if k == exit_index else NEVER for k in range(FOCUS_FRAMES))
    prediction = recognizer.recognize_clip(clip_of(100))
    assert prediction.exit_index == exit_index
    assert prediction.macs == recognizer.exit_macs[exit_index]


def test_a_prediction_tells_what_every_exit_on_the_way_said_and_when() -> None:
    recognizer, _ = recognizer_of("long")
    whole = recognizer.recognize_clip(clip_of(100))
    assert np.stack(whole.exit_logits).shape == (FOCUS_FRAMES + 1, len(LABELS))
    assert np.diff([logits[1] for logits in whole.exit_logits]) == pytest.approx([STEP] * FOCUS_FRAMES)
    assert whole.confidences == tuple(confidence(logits, "softmax") for logits in whole.exit_logits)
    assert 0 < whole.exit_ms[0] < whole.exit_ms[-1] <= whole.timing_ms["total"] - whole.timing_ms["decode"]
    assert list(whole.exit_ms) == sorted(whole.exit_ms)
    recognizer.thresholds = (ALWAYS,) * FOCUS_FRAMES
    early = recognizer.recognize_clip(clip_of(100))
    assert len(early.exit_logits) == len(early.exit_ms) == 1
    assert np.array_equal(early.exit_logits[0], whole.exit_logits[0])


def test_an_exit_at_the_last_patch_needs_no_threshold() -> None:
    recognizer, _ = recognizer_of("tsm")
    recognizer.thresholds = (NEVER,)
    prediction = recognizer.recognize_clip(clip_of(100))
    assert (prediction.exit_index, len(prediction.confidences)) == (1, 2)
    assert recognizer.exit_macs == (MACS["glance"], sum(MACS.values()))


def test_the_bundle_says_how_confidence_is_measured() -> None:
    for criterion, temperature in (("softmax", 2.0), ("logit", 1.0), ("entropy", 1.0)):
        recognizer, _ = recognizer_of("tsm", Exits(criterion=criterion, temperature=temperature))  # type: ignore[arg-type]
        prediction = recognizer.recognize_clip(clip_of(255))
        wanted = confidence(prediction.glance_logits, criterion, temperature)  # type: ignore[arg-type]
        assert prediction.confidences[0] == wanted
        recognizer.thresholds = (wanted,)
        assert recognizer.recognize_clip(clip_of(255)).exit_index == 0
        recognizer.thresholds = (math.nextafter(wanted, math.inf),)
        assert recognizer.recognize_clip(clip_of(255)).exit_index == 1


BOX = (0.25, 0.25, 0.5, 0.5)


@pytest.mark.parametrize(
    ("boxes", "wanted"), [("policy", BOX), ("centre", BOX), ("full", (0.0, 0.0, 1.0, 1.0)), ("random", None)]
)
def test_boxes_may_stand_in_for_those_of_the_policy(boxes: Boxes, wanted: tuple[float, ...] | None) -> None:
    recognizer, _ = recognizer_of("tsm")
    first, again, other = (
        recognizer.recognize_clip(clip_of(100), boxes=boxes, seed=seed).boxes for seed in ((1, 0), (1, 0), (2, 0))
    )
    assert np.array_equal(first, again)
    assert np.all(first == first[0]), "one box for the clip"
    if wanted is not None:
        assert first[0].tolist() == list(wanted)
    else:
        assert first[0, 2:].tolist() == list(BOX[2:])
        assert not np.array_equal(first, other)
        assert (first[:, :2] >= 0).all()
        assert (first[:, :2] + first[:, 2:] <= 1).all()


def test_frames_may_be_spread_or_drawn() -> None:
    recognizer, _ = recognizer_of("tsm")
    spread = recognizer.recognize_clip(clip_of(100), frames="uniform").candidate_indices
    assert spread == (1, 3, 5, 7, 9, 11)
    drawn = [
        recognizer.recognize_clip(clip_of(100), frames="random", seed=seed).candidate_indices for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(sorted(set(indices)) == list(indices) and len(indices) == FOCUS_FRAMES for indices in drawn)


def test_a_fixed_box_is_a_square_of_the_patch_s_size_around_the_policy_s_centre() -> None:
    given = np.array([[0.25, 0.125, 0.5, 0.75], [0.0, 0.75, 0.25, 0.25]], np.float32)
    placed = place_boxes(given, "policy", "fixed", 0.5, 0)
    assert placed.tolist() == [[0.25, 0.25, 0.5, 0.5], [0.0, 0.5, 0.5, 0.5]]
    recognizer, _ = recognizer_of("tsm")
    assert recognizer.recognize_clip(clip_of(100), shape="fixed").boxes[0].tolist() == list(BOX)


@pytest.mark.parametrize("wrong", [{"boxes": "left"}, {"frames": "first"}, {"shape": "round"}])
def test_an_ablation_that_does_not_exist_is_named(wrong: dict[str, Any]) -> None:
    recognizer, _ = recognizer_of("tsm")
    name, value = next(iter(wrong.items()))
    with pytest.raises(AdafocusError, match=f"{name} is '{value}', expected one of .*,"):
        recognizer.recognize_clip(clip_of(100), **wrong)


@pytest.mark.parametrize("values", [(), (0.5,), (0.5,) * 7, (math.nan,) * 6])
def test_thresholds_of_another_bundle_are_refused(values: tuple[float, ...]) -> None:
    recognizer, _ = recognizer_of("long")
    with pytest.raises(AdafocusError, match=f"Found {len(values)} thresholds"):
        recognizer.thresholds = values
    assert recognizer.thresholds is None


def test_one_threshold_may_serve_all_exits() -> None:
    recognizer = Recognizer(numpy_bundle("long"), "litert", 1, 0.75, NumpyOpener())
    assert recognizer.thresholds == (0.75,) * FOCUS_FRAMES


def test_a_prediction_is_a_value_and_its_arrays_outlive_the_next_clip() -> None:
    recognizer, _ = recognizer_of("long")
    first = recognizer.recognize_clip(clip_of(40))
    kept = first.patches.copy(), [call.inputs["patches"].copy() for call in first.calls[2:]]
    recognizer.recognize_clip(clip_of(200))
    assert np.array_equal(first.patches, kept[0])
    assert all(np.array_equal(a.inputs["patches"], b) for a, b in zip(first.calls[2:], kept[1], strict=True))
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.label = "swim"  # type: ignore[misc]


def test_a_clip_where_a_path_is_expected_is_sent_to_the_right_place() -> None:
    recognizer, _ = recognizer_of("tsm")
    with pytest.raises(AdafocusError, match=r"Found a Clip, expected the path of a video.*recognize_clip"):
        recognizer.recognize(clip_of(100))  # type: ignore[arg-type]


def test_the_parts_of_the_time_are_the_whole_time(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    recognizer = Recognizer.open(shipped_bundle)
    clip = read_clip(real_videos[0], shipped_bundle.manifest.geometry)
    for prediction in (recognizer.recognize(real_videos[0]), recognizer.recognize_clip(clip)):
        assert set(prediction.timing_ms) == {*PARTS, "total"}
        assert sum(prediction.timing_ms[part] for part in PARTS) == pytest.approx(prediction.timing_ms["total"])
        assert min(prediction.timing_ms.values()) >= 0
    assert prediction.timing_ms["decode"] == clip.decode_ms
    assert prediction.timing_ms["resize"] > clip.resize_ms, "frames of the focus wait until they are chosen"
    early = recognizer.recognize_clip(clip, stop_after="glance")
    assert early.timing_ms["resize"] == clip.resize_ms


def test_the_shipped_bundle_stops_where_its_threshold_says(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    recognizer = Recognizer.open(shipped_bundle)
    clip = read_clip(real_videos[0], shipped_bundle.manifest.geometry)
    whole = recognizer.recognize_clip(clip)
    assert whole.confidences[0] == confidence(whole.glance_logits, "softmax")
    recognizer.thresholds = (whole.confidences[0],)
    early = recognizer.recognize_clip(clip)
    assert (early.exit_stage, early.exit_index) == ("glance", 0)
    assert np.array_equal(early.logits, whole.glance_logits)
    recognizer.thresholds = (math.nextafter(whole.confidences[0], 2.0),)
    late = recognizer.recognize_clip(clip)
    assert np.array_equal(late.logits, whole.logits)
    assert late.candidate_indices == whole.candidate_indices
    assert np.array_equal(late.patches, whole.patches)
