"""What every exit says of labelled clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.predictions.ablations import ABLATIONS, GLANCE_ALONE, LEARNED, PLAIN, Ablation
from adafocus.calibration.predictions.collect import Predictions, collect
from adafocus.edge.exits import ALWAYS
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError
from tests.helpers.numpy_bundle import (
    BRIGHTEST,
    FOCUS_FRAMES,
    LABELS,
    MOTION,
    STEP,
    WHOLE,
    NumpyOpener,
    numpy_bundle,
)


def grey_clips(folder: Path, levels: list[int]) -> list[LabeledClip]:
    clips = []
    for number, level in enumerate(levels):
        path = folder / f"{number}.npy"
        np.save(path, np.full((12, 16, 16, 3), level, np.uint8))
        clips.append(LabeledClip(path, ("run",), f"g{number}", "val"))
    return clips


def collect_learned(recognizer: Recognizer, clips: list[LabeledClip]) -> Predictions:
    return collect(recognizer, clips, {LEARNED: Ablation()})[LEARNED]


@pytest.fixture
def recognizer() -> Recognizer:
    return Recognizer(numpy_bundle("long"), "litert", 1, None, NumpyOpener())


def test_every_exit_predicts_every_clip_although_thresholds_are_set(recognizer: Recognizer, tmp_path: Path) -> None:
    recognizer.thresholds = stops = (ALWAYS,) * FOCUS_FRAMES
    predictions = collect_learned(recognizer, grey_clips(tmp_path, [0, 255]))
    assert recognizer.thresholds == stops
    assert (predictions.logits.shape, predictions.logits.dtype.name) == ((2, FOCUS_FRAMES + 1, len(LABELS)), "float32")
    wanted = np.array([[0.0], [BRIGHTEST]]) + STEP * np.arange(FOCUS_FRAMES + 1)
    assert predictions.logits[:, :, 1] == pytest.approx(wanted)
    assert predictions.exit_macs.tolist() == list(recognizer.exit_macs)
    assert predictions.exit_ms.shape == (2, FOCUS_FRAMES + 1)
    assert (np.diff(predictions.exit_ms, axis=1) >= 0).all()
    assert predictions.groups() == ("g0", "g1")
    assert predictions.groups(within_labels=True) == ("run/g0", "run/g1")


def test_ablations_take_turns_and_what_is_drawn_comes_again(recognizer: Recognizer, tmp_path: Path) -> None:
    clips = grey_clips(tmp_path, [0, 100])
    ablations = {"uniform": Ablation(frames="uniform"), "drawn": Ablation(frames="random", seed=1)}
    first, again = (collect(recognizer, clips, ablations) for _ in range(2))
    assert first["uniform"].candidate_indices.tolist() == [[1, 3, 5, 7, 9, 11]] * 2
    drawn = first["drawn"].candidate_indices
    assert np.array_equal(drawn, again["drawn"].candidate_indices)
    assert not np.array_equal(drawn[0], drawn[1]), "every clip has its own draw"
    assert [ablation.random for ablation in ablations.values()] == [False, True]
    assert np.array_equal(first["uniform"].logits, first["drawn"].logits), "on grey clips it is all the same"


def test_a_clip_that_cannot_be_read_is_named_and_many_of_them_stop(recognizer: Recognizer, tmp_path: Path) -> None:
    clips = grey_clips(tmp_path, [50])
    lost = LabeledClip(tmp_path / "lost.mp4", ("run",), "g", "val")
    predictions = collect_learned(recognizer, [*clips * 100, lost])
    assert len(predictions.clips) == len(predictions.logits) == 100
    assert list(predictions.broken) == [str(lost.path)]
    with pytest.raises(AdafocusError, match="1 of 2 clips cannot be read, more than 1 %"):
        collect_learned(recognizer, [*clips, lost])


def test_no_clips_are_refused(recognizer: Recognizer) -> None:
    with pytest.raises(AdafocusError, match="no clips"):
        collect_learned(recognizer, [])


def wide_clip(folder: Path) -> LabeledClip:
    """Return a video of wide frames that are bright in their centre square alone."""
    frames = np.zeros((12, 24, 40, 3), np.uint8)
    frames[:, :, 8:32] = 200
    np.save(folder / "wide.npy", frames)
    return LabeledClip(folder / "wide.npy", ("run",), "g", "val")


@pytest.mark.parametrize(
    ("looking", "box"),
    [
        ({"boxes_in": "frame"}, [0.0, 8 / 40, 1.0, 24 / 40]),
        (WHOLE, [0.0, 0.0, 1.0, 1.0]),
        (MOTION, [0.0, 0.0, 1.0, 1.0]),
        ({}, [0.0, 0.0, 1.0, 1.0]),
    ],
    ids=["centre square", "squeezed", "motion", "square"],
)
def test_the_plain_network_sees_of_a_frame_what_the_glance_sees(
    looking: dict[str, Any], box: list[float], tmp_path: Path
) -> None:
    recognizer = Recognizer(numpy_bundle("tsm", **looking), "litert", 1, None, NumpyOpener())
    found = collect(recognizer, [wide_clip(tmp_path)], {PLAIN: ABLATIONS[PLAIN]})[PLAIN]
    assert found.boxes[0] == pytest.approx(np.tile(box, (FOCUS_FRAMES, 1)))
    assert found.candidate_indices.tolist() == [[1, 3, 5, 7, 9, 11]]


def test_the_share_of_the_glance_and_the_length_of_a_clip_are_kept(tmp_path: Path) -> None:
    clips = grey_clips(tmp_path, [0, 255])
    found = collect_learned(Recognizer(numpy_bundle("tsm"), "litert", 1, None, NumpyOpener()), clips)
    assert found.context[:, 1] == pytest.approx([0.0, BRIGHTEST])
    assert found.logits[:, -1, 1] - found.context[:, 1] == pytest.approx([STEP * FOCUS_FRAMES] * 2)
    assert found.seconds.tolist() == [12 / 25] * 2
    per_frame = collect_learned(Recognizer(numpy_bundle("long"), "litert", 1, None, NumpyOpener()), clips)
    assert per_frame.context.shape == (2, 0)


def test_the_glance_alone_has_one_exit_and_looks_at_nothing(recognizer: Recognizer, tmp_path: Path) -> None:
    found = collect(recognizer, grey_clips(tmp_path, [0, 255]), {"alone": GLANCE_ALONE})["alone"]
    assert (found.logits.shape, found.exit_ms.shape) == ((2, 1, len(LABELS)), (2, 1))
    assert found.exit_macs.tolist() == [recognizer.exit_macs[0]]
    assert found.candidate_indices.size == found.boxes.size == 0
