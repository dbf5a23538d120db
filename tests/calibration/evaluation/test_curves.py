"""What thresholds would have given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.evaluation.cost_curve import operating_point, threshold_sweep
from adafocus.calibration.predictions.collect import Predictions

SURE = np.array([[0.9, 0.2, 0.5], [0.3, 0.8, 0.1], [0.1, 0.1, 0.1]])


@pytest.fixture
def predictions() -> Predictions:
    clips = tuple(LabeledClip(Path(f"{number}.mp4"), ("walk",), "g", "val") for number in range(3))
    ms = np.array([[1.0, 2.0, 4.0]] * 3)
    return Predictions(clips, np.zeros((3, 3, 2), np.float32), np.array([10**9, 2 * 10**9, 4 * 10**9]), ms)


def test_a_clip_leaves_at_the_first_exit_that_is_sure(predictions: Predictions) -> None:
    point = operating_point(predictions, SURE, (0.9, 0.7))
    assert point.taken.tolist() == [0, 1, 2]
    assert (point.gmac, point.ms) == (pytest.approx(7 / 3), pytest.approx(7 / 3))
    assert point.at_glance == pytest.approx(1 / 3)


def test_the_sweep_goes_from_the_glance_to_the_full_path_and_repeats_no_cost(predictions: Predictions) -> None:
    points = threshold_sweep(predictions, SURE)
    costs = [point.gmac for point in points]
    assert (costs[0], costs[-1]) == (1.0, 4.0)
    assert costs == sorted(set(costs))
    assert pytest.approx((1 + 2 + 4) / 3) in costs
