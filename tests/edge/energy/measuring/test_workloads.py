"""What thresholds do to clips that were tried once, and which rows of a table are measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import ExitBudget
from adafocus.edge.energy.measuring.clips import LabeledVideo
from adafocus.edge.energy.measuring.workloads import Trial, rows_between, table_of, try_clips
from adafocus.edge.exits import ALWAYS
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

CLIPS = tuple(LabeledVideo(Path(f"{number}.mp4")) for number in range(3))
TRIAL = Trial(
    CLIPS,
    {},
    np.array([[0.9, 0.1, 0.2], [0.3, 0.8, 0.1], [0.2, 0.3, 0.9]]),
    np.array([[1.0, 0.0, 0.0], [np.nan, np.nan, np.nan], [0.0, 0.0, 1.0]]),
    np.array([1.0, 2.0, 3.0]),
    0.1,
)


def test_a_clip_takes_the_first_exit_that_is_confident_enough_and_else_the_last() -> None:
    assert TRIAL.exits((0.5, 0.5)).tolist() == [0, 1, 2]
    assert TRIAL.exits((0.9, 0.9)).tolist() == [0, 2, 2]
    assert TRIAL.exits((ALWAYS, 0.5)).tolist() == [0, 0, 0]
    assert TRIAL.right_at(TRIAL.exits((0.5, 0.5))).tolist() == [1.0, 1.0]


def test_rows_that_hold_on_any_device_are_measured_spread_over_the_table() -> None:
    rows = [
        ExitBudget(unit="ms", budget=9, thresholds=(0.5,)),
        ExitBudget(unit="GMAC", budget=2, thresholds=(0.5,)),
        ExitBudget(unit="GMAC", budget=1, thresholds=(0.5,)),
    ]
    assert [row.budget for row in table_of(rows)] == [1, 2]
    assert table_of(rows[:1]) == rows[:1]
    assert rows_between(9, 4) == [0, 8]
    assert rows_between(9, 4, 3) == [0, 5, 8]
    assert rows_between(1, 0) == []
    assert rows_between(9, 4, 0) == []


def test_a_clip_that_cannot_be_read_is_left_out_with_a_sentence(
    tmp_path: Path, ready_bundle: Bundle, real_videos: list[Path]
) -> None:
    recognizer = Recognizer.open(ready_bundle, "litert", 1)
    broken = LabeledVideo(tmp_path / "broken.mp4")
    broken.path.write_text("no video")
    full = recognizer.recognize(real_videos[0])
    right = frozenset({full.labels.index(full.label)})
    found = try_clips(recognizer, [broken, LabeledVideo(real_videos[0], right)], lambda done: None)
    assert list(found.broken) == [broken.path]
    assert "broken.mp4" in found.broken[broken.path]
    assert found.confidences[0].tolist() == pytest.approx(full.confidences)
    assert found.right[0, -1] == 1.0
    with pytest.raises(AdafocusError, match=r"broken\.mp4"):
        try_clips(recognizer, [broken], lambda done: None)
