"""The official exit routine: the numbers of its own code, and the NaN that it no longer answers."""

from __future__ import annotations

import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray

from adafocus.calibration.exits.official import official_thresholds, target_shares
from adafocus.calibration.report_file import put_result
from adafocus.edge.exits import ALWAYS, NEVER, confidences
from adafocus.errors import AdafocusError
from tests.calibration.exits.official_exits import LONG_SWEEP, SHORT_SWEEP, confidences32, simulate

# one unit in the last place of an entropy between -4 and -2
LAST_PLACE = 2.0**-22
CLASSES = 20


def made_up(
    rules: ModuleType, reference: dict[str, Any], name: str, seed: int, clips: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits ``(n, exits, K)`` and targets ``(n,)`` by the reference's rule, checked against its checksums."""
    logits, targets = rules.make_exit_logits(seed, clips, len(reference["stage_gflops"]), CLASSES)
    assert zlib.crc32(logits.tobytes()) == reference[f"{name}_logits_crc32"]
    assert zlib.crc32(targets.tobytes()) == reference[f"{name}_targets_crc32"]
    return logits, targets


@pytest.mark.parametrize(("criterion", "theirs"), [("logit", "confidence"), ("entropy", "entropy")])
@pytest.mark.parametrize("configuration", ["long", "tsm", "x3d"])
def test_thresholds_counts_accuracy_cost_and_sweep_are_those_of_the_official_code(
    shared: Path, rules: ModuleType, configuration: str, criterion: str, theirs: str
) -> None:
    with np.load(shared / "reference" / "seed1" / f"exit_{configuration}.npz") as content:
        reference = dict(content)
    gmac = reference["stage_gflops"].tolist()
    known, _ = made_up(rules, reference, "calib", 11, 500)
    unseen, targets = made_up(rules, reference, "eval", 12, 400)
    correct = unseen.argmax(-1) == targets[:, None]
    confidence, confidence_unseen = confidences32(known, criterion), confidences32(unseen, criterion)

    thresholds = [official_thresholds(confidence, target_shares(q, len(gmac))) for q in reference["q"].tolist()]
    outcomes = [simulate(confidence_unseen, correct, row, gmac) for row in thresholds]
    on_calibration = [simulate(confidence, np.zeros_like(confidence, bool), row, gmac).counts for row in thresholds]
    sweep = LONG_SWEEP if len(gmac) > 2 else SHORT_SWEEP
    swept = [
        simulate(confidence_unseen, correct, official_thresholds(confidence, target_shares(q, len(gmac))), gmac)
        for q in sweep
    ]

    rounding = np.abs(np.asarray(thresholds, np.float64) - reference[f"{theirs}_thresholds"]).max()
    assert rounding <= (LAST_PLACE if criterion == "entropy" else 0.0)
    assert np.array_equal([outcome.counts for outcome in outcomes], reference[f"{theirs}_exit_counts"])
    assert np.array_equal(on_calibration, reference[f"{theirs}_exit_counts_on_calibration"])
    assert [outcome.top1_percent for outcome in outcomes] == reference[f"{theirs}_top1"].tolist()
    assert [outcome.mean_gmac for outcome in outcomes] == reference[f"{theirs}_mean_gflops"].tolist()
    assert [outcome.top1_percent for outcome in swept] == reference[f"{theirs}_sweep_top1"].tolist()
    assert [outcome.mean_gmac for outcome in swept] == reference[f"{theirs}_sweep_gflops"].tolist()


def test_target_shares_are_those_of_the_official_code(shared: Path) -> None:
    with np.load(shared / "reference" / "seed1" / "exit_long.npz") as wanted:
        for q, shares in zip(wanted["q"], wanted["confidence_target_fractions"], strict=True):
            assert np.abs(target_shares(float(q), 17) - shares).max() <= 2.0**-24


def test_a_saturated_softmax_is_the_surest_of_all_and_not_nan() -> None:
    logits = np.array([[[300.0, 0.0, -300.0]], [[1.0, 0.0, 0.0]]], np.float32)
    shares = torch.softmax(torch.from_numpy(logits), -1)
    assert torch.isnan((shares * torch.log(shares)).sum(-1))[0, 0], "what the official code answers"
    mended = confidences32(logits, "entropy")
    assert mended[0, 0] == 0.0
    assert mended[:, 0] == pytest.approx(confidences(logits, "entropy")[:, 0], abs=1e-6)


def test_saturated_clips_leave_where_the_official_code_would_let_nobody_leave() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (10, 2, 4)).astype(np.float32)
    logits[:3, 0, 0] += 500
    thresholds = official_thresholds(confidences32(logits, "entropy"), np.array([0.3, 0.7], np.float32))
    assert thresholds[0] == 0.0
    outcome = simulate(confidences32(logits, "entropy"), np.ones((10, 2), bool), thresholds, (1.0, 2.0))
    assert (outcome.counts, outcome.top1_percent) == ((3, 7), 100.0)
    assert outcome.mean_gmac == pytest.approx(1.7)


def test_an_exit_whose_share_is_less_than_a_clip_is_never_taken() -> None:
    confidence = np.arange(12.0).reshape(4, 3)
    thresholds = official_thresholds(confidence, np.array([0.2, 0.5, 0.3], np.float32))
    assert thresholds.tolist() == [NEVER, 7.0, ALWAYS]


def test_a_share_is_rounded_down_in_float32() -> None:
    # 0.7 is a little less than 7/10 in float32, and 500 times it is 350 again
    confidence = np.arange(500.0).reshape(500, 1).repeat(2, 1)
    thresholds = official_thresholds(confidence, np.array([0.7, 0.3], np.float32))
    assert (confidence[:, 0] >= thresholds[0]).sum() == 350


def test_one_measurement_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "results.yaml"
    put_result(path, "one", {"value": 1})
    put_result(path, "two", {"value": 2})
    put_result(path, "one", {"value": 3})
    assert yaml.safe_load(path.read_text()) == {"one": {"value": 3}, "two": {"value": 2}}
    path.write_text("- a list\n")
    with pytest.raises(AdafocusError, match="no measurements by key"):
        put_result(path, "one", {})
