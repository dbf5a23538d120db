"""The golden clip of a bundle whose policy is motion: its frames, boxes and patches come again number by number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle, file_record, write_bundle
from adafocus.edge.bundle.manifest import Golden, Manifest
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.selftest import (
    BOXES,
    FRAMES,
    LABELS,
    PATCHES,
    check_golden,
    clip_of_golden,
    golden_answers,
    golden_frames,
)
from adafocus.edge.sources import Frame
from adafocus.edge.video.clip import Clip, clip_from_frames
from adafocus.edge.video.kept_frames import Candidates
from adafocus.errors import AdafocusError, BundleError
from tests.helpers.numpy_bundle import (
    CANDIDATES,
    FOCUS_FRAMES,
    MOTION,
    WHOLE,
    NumpyOpener,
    numpy_bundle,
    numpy_manifest,
)

ARRAYS = dict[str, np.ndarray]
Change = Callable[[dict[str, Any]], Any]


def real_clip(manifest: Manifest, height: int = 48, width: int = 80) -> Clip:
    rng = np.random.default_rng(5)
    frames = [
        Frame(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), number, number / 25, "camera")
        for number in range(2 * CANDIDATES)
    ]
    return clip_from_frames(frames, manifest.geometry)


def recognizer_of(bundle: Bundle) -> Recognizer:
    return Recognizer(bundle, "litert", 1, None, NumpyOpener())


def written(
    place: Path, looking: dict[str, Any], frames: Change = lambda _: None, answers: Change = lambda _: None
) -> Bundle:
    """Write a bundle with a golden clip as the converter does, after changes to what it holds."""
    manifest = numpy_manifest(**looking)

    def fill(folder: Path) -> Manifest:
        (folder / "graphs").mkdir()
        (folder / "golden").mkdir()
        for graphs in manifest.stages.values():
            for graph in graphs.values():
                (folder / graph.file).write_bytes(b"numpy")
        found: dict[str, Any] = dict(golden_frames(real_clip(manifest), manifest.geometry))
        clip = clip_of_golden(found)
        prediction = recognizer_of(numpy_bundle(**looking)).recognize_clip(clip)
        given: dict[str, Any] = golden_answers(clip, prediction, manifest)
        frames(found)
        answers(given)
        np.savez_compressed(folder / "golden/clip.npz", **found)
        np.savez_compressed(folder / "golden/answers.npz", **given)
        stages = {
            stage: {
                runtime: graph.model_copy(update=file_record(folder, graph.file).model_dump())
                for runtime, graph in graphs.items()
            }
            for stage, graphs in manifest.stages.items()
        }
        golden = Golden(
            source="noise",
            runtime="litert",
            frames=file_record(folder, "golden/clip.npz"),
            answers=file_record(folder, "golden/answers.npz"),
            label=prediction.label,
        )
        return manifest.model_copy(update={"stages": stages, "golden": golden})

    return write_bundle(place / "bundle", fill)


@pytest.mark.parametrize("looking", [WHOLE, MOTION, {}], ids=["network", "motion", "square"])
def test_a_bundle_gives_its_golden_answers_again(tmp_path: Path, looking: dict[str, Any]) -> None:
    bundle = written(tmp_path, looking)
    check = check_golden(bundle, recognizer_of(bundle))
    assert check.broken == []
    assert check.same_frames
    assert check.labels_checked
    answers = bundle.golden_outputs()
    assert (BOXES in answers) == (PATCHES in answers) == (looking == MOTION)
    assert {FRAMES, LABELS, "glance.glance_logits", "focus.logits"} <= set(answers)
    assert ("policy.boxes" in answers) == (looking != MOTION)
    if looking == MOTION:
        boxes = answers[BOXES].reshape(FOCUS_FRAMES, 4)
        assert (boxes[:, 2:] == 24).all(), "half of the short side of 48 px"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda answers: answers[BOXES].__setitem__(0, answers[BOXES][0] + 1), f"{BOXES} are others"),
        (lambda answers: answers.update({PATCHES: answers[PATCHES][::-1].copy()}), f"{PATCHES} are others"),
        (lambda answers: answers.pop(PATCHES), f"{PATCHES} are others"),
        (lambda answers: answers.update({BOXES: answers[BOXES][:4]}), f"{BOXES} are others"),
        (lambda answers: answers.update({FRAMES: answers[FRAMES][::-1].copy()}), "other frames"),
    ],
)
def test_other_boxes_frames_or_patches_are_caught(tmp_path: Path, change: Change, words: str) -> None:
    bundle = written(tmp_path, MOTION, answers=change)
    assert any(words in sentence for sentence in check_golden(bundle, recognizer_of(bundle)).broken)


def test_one_changed_pixel_of_a_golden_frame_is_caught(tmp_path: Path) -> None:
    def change(frames: ARRAYS) -> None:
        frames["candidates"] = frames["candidates"].copy()
        # in the middle of the largest boxes, so that some patch shows it
        frames["candidates"][:, 20:30, 30:50] ^= 1

    bundle = written(tmp_path, MOTION, frames=change)
    assert check_golden(bundle, recognizer_of(bundle)).broken


@pytest.mark.parametrize(
    "candidates",
    [
        np.zeros((CANDIDATES - 1, 8, 9, 3), np.uint8),
        np.zeros((CANDIDATES, 8, 9, 4), np.uint8),
        np.zeros((CANDIDATES, 8, 9, 3), np.int8),
        np.zeros((CANDIDATES, 0, 9, 3), np.uint8),
        np.zeros((CANDIDATES, 8, 9), np.uint8),
    ],
    ids=["too few", "four channels", "int8", "no rows", "grey"],
)
def test_golden_frames_of_no_such_size_are_refused(tmp_path: Path, candidates: np.ndarray) -> None:
    bundle = written(tmp_path, MOTION, frames=lambda frames: frames.update(candidates=candidates))
    with pytest.raises(BundleError, match=r"expected uint8 frames .*\(12, height, width, 3\)"):
        bundle.golden_frames()


def test_large_golden_frames_are_shrunk_so_that_a_bundle_stays_small() -> None:
    manifest = numpy_manifest(**MOTION)
    clip = real_clip(manifest, 540, 960)
    found = golden_frames(clip, manifest.geometry)["candidates"]
    assert found.shape == (CANDIDATES, 270, 480, 3)
    assert found.nbytes <= 8 * 2**20 < np.asarray(clip.candidates).nbytes


def test_a_golden_clip_of_several_sizes_is_refused_by_a_sentence() -> None:
    manifest = numpy_manifest(**MOTION)
    clip = real_clip(manifest)
    mixed = [*[*clip.candidates][:-1], np.zeros((10, 20, 3), np.uint8)]
    with pytest.raises(AdafocusError, match="sizes 20 x 10 and 80 x 48, expected one size"):
        golden_frames(dataclasses.replace(clip, candidates=Candidates(mixed)), manifest.geometry)
