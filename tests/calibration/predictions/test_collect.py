"""What every exit says of labelled clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.predictions.ablations import LEARNED, Ablation
from adafocus.calibration.predictions.collect import Predictions, collect
from adafocus.edge.exits import ALWAYS
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError
from tests.helpers.numpy_bundle import BRIGHTEST, FOCUS_FRAMES, LABELS, STEP, NumpyOpener, numpy_bundle


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
