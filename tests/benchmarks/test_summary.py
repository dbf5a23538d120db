"""Results keep the figures of evaluations, and of several seeds their mean with two kinds of interval."""

from __future__ import annotations

from typing import Any

import pytest

from adafocus.calibration.predictions.ablations import LEARNED
from adafocus.errors import AdafocusError
from benchmarks.summary import mean_of, summary

OTHER = "centred boxes"


def evaluation(learned: list[float], other: list[float], first: str = "a0.mp4") -> dict[str, Any]:
    """Four clips of two groups."""
    names = [first, "a1.mp4", "b0.mp4", "b1.mp4"]
    return {
        "kind": "evaluation",
        "clips": len(names),
        "ways": {LEARNED: {"top1_percent": 25 * sum(learned)}, OTHER: {"top1_percent": 25 * sum(other)}},
        "curve": {"sweep": [1, 2], "budgets": []},
        "each_clip": [
            {"path": name, "group": name[0], "right_by_way": {LEARNED: mine, OTHER: theirs}}
            for name, mine, theirs in zip(names, learned, other, strict=True)
        ],
    }


def test_one_evaluation_is_kept_without_its_clips_and_sweep() -> None:
    kept = summary([evaluation([1, 1, 0, 0], [1, 0, 0, 0])])
    assert set(kept) == {"clips", "ways", "curve"}
    assert kept["curve"] == {"budgets": []}


def test_the_mean_of_runs_has_intervals_over_runs_and_over_groups() -> None:
    kept = summary([evaluation([1, 1, 0, 0], [1, 1, 0, 0]), evaluation([1, 1, 1, 0], [0, 1, 0, 0])])
    mean = kept["top1_percent_over_runs"][LEARNED]
    assert (mean["mean"], mean["each"]) == (62.5, [50, 75])
    # Student's factor for two runs is 12.706, their standard error 12.5
    assert mean["interval_over_runs"] == pytest.approx([62.5 - 158.83, 62.5 + 158.83], abs=0.02)
    # of two groups either is drawn twice or both once
    assert mean["interval_over_groups"] == [25.0, 100.0]
    (ahead,) = kept["differences_over_runs"]
    assert (ahead["against"], ahead["points"]) == (OTHER, 25.0)
    assert len(kept["runs"]) == 2


def test_runs_on_other_clips_have_no_mean() -> None:
    with pytest.raises(AdafocusError, match="different clips"):
        summary([evaluation([1, 1, 0, 0], [1, 1, 0, 0]), evaluation([1, 1, 0, 0], [1, 1, 0, 0], "a7.mp4")])


def test_equal_runs_are_sure_of_their_mean() -> None:
    assert mean_of([70.0, 70.0, 70.0])["interval_over_runs"] == [70.0, 70.0]


def test_folds_count_every_clip_once() -> None:
    parts = [evaluation([1, 1, 1, 0], [1, 0, 0, 0]), evaluation([1, 0, 0, 0], [1, 1, 0, 0])]
    for number, part in enumerate(parts):
        part["policy"] = LEARNED
        part["measured_on"] = {"preset": "small", "precision": "int8", "runtime": "litert", "threads": 1}
        for name, figures in part["ways"].items():
            part["ways"][name] = figures | {"gmac": 0.5 + number}
        for row, label in zip(part["each_clip"], "fffn", strict=True):
            row |= {"path": f"{number}{row['path']}", "group": f"{number}{row['group']}", "labels": [label]}
    kept = summary(parts)
    assert (kept["folds"], kept["clips"], kept["groups"], kept["clips_of_folds"]) == (2, 8, 4, [4, 4])
    mine = kept["ways"][LEARNED]
    assert (mine["top1_percent"], mine["each"], mine["gmac"]) == (50.0, [75, 25], 1.0)
    # four of six of one label, none of two of the other
    assert mine["balanced_percent"] == 33.33
    assert mine["top1_interval"][0] < 50.0 < mine["top1_interval"][1]
    (ahead,) = kept["differences"]
    assert (ahead["against"], ahead["points"]) == (OTHER, 12.5)
