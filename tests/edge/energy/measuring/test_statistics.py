"""Intervals: wide enough for few rounds, the same for the same seed, and drift told from differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from adafocus.edge.energy.measuring.statistics import Bootstrap, common_drift, student_quantile

BOOTSTRAP = Bootstrap(draws=2000)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 30, 1000])
def test_student_quantiles_are_those_of_scipy(freedom: int) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(student.ppf(0.975, freedom), rel=2e-3)


def test_the_interval_of_six_rounds_is_their_span_and_that_of_many_is_narrower() -> None:
    six = BOOTSTRAP.interval(np.array([3.0, 1.0, 2.0, 6.0, 5.0, 4.0]))
    assert (six.median, six.low, six.high) == (3.5, 1.0, 6.0)
    many = BOOTSTRAP.interval(np.arange(100.0))
    assert many.low is not None
    assert many.high is not None
    assert 30 < many.low < 49.5 < many.high < 70
    assert BOOTSTRAP.interval(np.array([2.0])).low is None


@pytest.mark.parametrize("rounds", [6, 12])
def test_intervals_hold_the_truth_in_95_of_100_cases(rounds: int) -> None:
    random = np.random.default_rng(rounds)
    held = 0
    for _ in range(300):
        found = Bootstrap(draws=300).interval(random.normal(0.0, 1.0, rounds))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    assert held >= 0.93 * 300


def test_joules_of_a_right_label_are_uncertain_by_both() -> None:
    joules, right = np.array([0.4, 0.41, 0.4, 0.39, 0.4, 0.4]), np.array([1.0] * 80 + [0.0] * 20)
    found = BOOTSTRAP.ratio(joules, right)
    assert found.median == pytest.approx(0.5)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.4 / 0.87
    assert found.high > 0.4 / 0.73
    share = BOOTSTRAP.share(right)
    assert share.low is not None
    assert 0.68 < share.low < 0.76
    assert found == BOOTSTRAP.ratio(joules, right)
    many = np.linspace(0.39, 0.41, 40)
    assert BOOTSTRAP.interval(many) == BOOTSTRAP.interval(many) != Bootstrap(1, 2000).interval(many)


def test_a_drift_that_all_workloads_share_is_told_from_what_sets_them_apart() -> None:
    moments = [np.array([0.0, 50.0, 60.0]), np.array([10.0, 40.0, 70.0])]
    watts = [level * (1 + 0.001 * (when - 38.333)) for level, when in zip((3.0, 6.0), moments, strict=True)]
    slope, middle = common_drift(watts, moments)
    assert slope == pytest.approx(0.001, rel=0.02)
    assert middle == pytest.approx(38.33, abs=0.01)
    assert common_drift([], []) == (0.0, 0.0)
    assert common_drift([np.array([5.0])], [np.array([1.0])]) == (0.0, 0.0)
