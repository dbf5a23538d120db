"""Metrics against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from adafocus.calibration.evaluation.metrics import (
    GroupBootstrap,
    average_precision,
    mean_average_precision,
    reliability,
    top_k_correct,
)
from adafocus.calibration.predictions.ground_truth import GroundTruth


def truth(*rows: list[int], classes: int = 3) -> GroundTruth:
    every = np.zeros((len(rows), classes), bool)
    for row, members in zip(every, rows, strict=True):
        row[members] = True
    return GroundTruth(np.array([row[0] for row in rows]), every)


def test_a_clip_is_right_if_one_of_its_classes_is_among_the_best() -> None:
    logits = np.array([[3, 2, 1], [3, 2, 1], [1, 2, 3]], np.float32)
    shown = truth([0], [1], [0, 2])
    assert top_k_correct(logits, shown, 1).tolist() == [1, 0, 1]
    assert top_k_correct(logits, shown, 2).tolist() == [1, 1, 1]
    assert top_k_correct(logits, shown, 5).tolist() == [1, 1, 1]


def test_of_equal_logits_the_first_class_is_the_answer() -> None:
    logits = np.array([[2, 2, 0]], np.float32)
    assert logits.argmax(1) == [0]
    assert top_k_correct(logits, truth([0]), 1) == [1]
    assert top_k_correct(logits, truth([1]), 1) == [0]


def test_mean_average_precision_of_clips_with_several_labels() -> None:
    scores = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.7, 0.3, 0.0]])
    shown = truth([0], [1], [0, 1])
    weights = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 2.0]])
    # class 0 at ranks 1 and 3, class 1 at ranks 1 and 2, class 2 never shown
    assert mean_average_precision(scores, shown, weights) == pytest.approx(
        [
            ((1 + 2 / 3) / 2 + 1) / 2,
            # without the first clip, class 0 stands at rank 2 alone
            (1 / 2 + 1) / 2,
            1.0,
        ]
    )


def test_a_class_that_no_counted_clip_shows_is_left_out() -> None:
    scores = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]])
    found = mean_average_precision(scores, truth([0], [1]), np.array([[0.0, 3.0]]))
    assert found.tolist() == [1.0]


@pytest.mark.parametrize("digits", [1, 3])
def test_average_precision_is_scikit_learn_s_also_of_equal_scores(digits: int) -> None:
    rng = np.random.default_rng(digits)
    scores, shown = rng.uniform(size=40).round(digits), rng.uniform(size=40) < 0.3
    weights = rng.integers(0, 4, (5, 40)).astype(float)
    wanted = [average_precision_score(shown, scores, sample_weight=row) for row in weights]
    assert average_precision(scores, shown, weights) == pytest.approx(wanted)


def test_the_calibration_error_is_the_weighted_distance_from_confidence() -> None:
    scores = np.array([[0.95, 0.05], [0.94, 0.06], [0.6, 0.4], [0.4, 0.6]])
    found = reliability(scores, np.array([1.0, 0.0, 1.0, 1.0]))
    assert found.clips == (2, 2)
    assert found.confidence == pytest.approx((0.6, 0.945))
    assert found.accuracy == (1.0, 0.5)
    assert found.error == pytest.approx((2 * 0.4 + 2 * 0.445) / 4)


def test_a_group_is_drawn_as_a_whole() -> None:
    resamples = GroupBootstrap(["a", "a", "b", "c"])
    assert resamples.groups == 3
    assert np.array_equal(resamples.weights[:, 0], resamples.weights[:, 1])
    assert set(resamples.weights[:, [0, 2, 3]].sum(1)) == {3.0}


def test_intervals_of_groups_are_wider_than_those_of_clips() -> None:
    values = np.repeat([0.0, 1.0], 10)
    by_group = GroupBootstrap(["a"] * 10 + ["b"] * 10).interval(values)
    by_clip = GroupBootstrap([str(number) for number in range(20)]).interval(values)
    assert by_group == (0.0, 1.0)
    assert by_clip is not None
    # a binomial of 20 draws: 5.5 to 14.5 of them
    assert by_clip == pytest.approx((0.3, 0.7), abs=0.051)


def test_a_difference_that_is_the_same_in_every_clip_has_no_width() -> None:
    one = np.array([1.0, 0.0, 1.0, 1.0])
    assert GroupBootstrap(list("abcd")).interval(one - one) == (0.0, 0.0)


def test_of_a_single_group_no_interval_is_told() -> None:
    assert GroupBootstrap(["a", "a"]).interval(np.array([0.0, 1.0])) is None


def test_an_interval_of_any_figure_is_that_of_the_mean_where_the_figure_is_the_mean() -> None:
    values, resamples = np.array([0.0, 1.0, 1.0, 0.0, 1.0]), GroupBootstrap(list("abcde"), resamples=200)
    found = resamples.interval_of(lambda weights: weights @ values / weights.sum(1))
    assert found == pytest.approx(resamples.interval(values))
