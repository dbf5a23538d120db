"""Answers over time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adafocus.edge.streaming.smoothing import Persistence, Smoother

AT_ONCE = Persistence(enter=0.5, leave=0.3, windows=1)


def prediction(best: int, score: float = 1.0, classes: int = 3) -> np.ndarray:
    rest = (1.0 - score) / (classes - 1)
    return np.where(np.arange(classes) == best, score, rest)


def test_the_mean_depends_on_time_and_not_on_the_number_of_answers() -> None:
    often, seldom = Smoother(2.0, AT_ONCE), Smoother(2.0, AT_ONCE)
    often.update(prediction(0), 0.0)
    seldom.update(prediction(0), 0.0)
    for step in range(1, 31):
        last_often = often.update(prediction(1), step / 10)
    last_seldom = seldom.update(prediction(1), 3.0)
    assert last_often.probabilities == pytest.approx(last_seldom.probabilities)
    assert last_often.probabilities[0] == pytest.approx(math.exp(-3.0 / 2.0))


def test_without_a_time_constant_every_answer_counts_alone() -> None:
    smoother = Smoother(0.0, AT_ONCE)
    smoother.update(prediction(0), 0.0)
    assert smoother.update(prediction(2), 0.1).probabilities == pytest.approx(prediction(2))


def test_a_label_must_persist_for_a_number_of_windows() -> None:
    smoother = Smoother(0.0, Persistence(0.5, 0.3, windows=3))
    states = [smoother.update(prediction(1, 0.8), second) for second in range(4)]
    assert [state.label for state in states] == [None, None, 1, 1]
    assert [state.switched for state in states] == [False, False, True, False]
    assert states[2].switched_from is None


def test_a_label_must_persist_for_a_time() -> None:
    smoother = Smoother(0.0, Persistence(0.5, 0.3, windows=1, seconds=1.5))
    labels = [smoother.update(prediction(1, 0.8), 0.5 * step).label for step in range(5)]
    assert labels == [None, None, None, 1, 1]


def test_an_interruption_starts_the_count_again() -> None:
    smoother = Smoother(0.0, Persistence(0.5, 0.3, windows=2))
    told = [smoother.update(prediction(best, 0.9), at).label for at, best in enumerate([0, 1, 0, 1, 1])]
    assert told == [None, None, None, None, 1]


def test_one_odd_answer_does_not_switch_and_a_lasting_one_does() -> None:
    smoother = Smoother(0.0, Persistence(0.5, 0.05, windows=2))
    bests = [0, 0, 1, 0, 1, 1]
    assert [smoother.update(prediction(best, 0.8), at).label for at, best in enumerate(bests)] == [None, 0, 0, 0, 0, 1]


def test_between_the_thresholds_a_label_stays_but_does_not_come() -> None:
    smoother = Smoother(0.0, AT_ONCE)
    assert smoother.update(prediction(0, 0.4), 0).label is None
    assert smoother.update(prediction(0, 0.6), 1).label == 0
    assert smoother.update(prediction(0, 0.4), 2).label == 0
    gone = smoother.update(prediction(0, 0.2), 3)
    assert gone.label is None
    assert gone.switched
    assert gone.switched_from == 0
    assert smoother.update(prediction(0, 0.4), 4).label is None


def test_a_clock_that_goes_back_changes_nothing() -> None:
    smoother = Smoother(2.0, AT_ONCE)
    smoother.update(prediction(0), 100.0)
    state = smoother.update(prediction(1), 50.0)
    assert state.probabilities == pytest.approx(prediction(0))
    assert state.label == 0
    later = smoother.update(prediction(1), 102.0)
    assert later.probabilities[0] == pytest.approx(math.exp(-1.0))


def test_forgetting_leaves_no_label_and_no_memory() -> None:
    smoother = Smoother(10.0, AT_ONCE)
    smoother.update(prediction(0), 0.0)
    assert smoother.reset() == 0
    assert smoother.label is None
    assert smoother.update(prediction(1), 0.1).probabilities == pytest.approx(prediction(1))


def test_the_score_is_that_of_the_label_that_is_shown() -> None:
    smoother = Smoother(0.0, Persistence(0.9, 0.1, windows=1))
    smoother.update(prediction(0, 0.95), 0.0)
    state = smoother.update(prediction(1, 0.7), 1.0)
    assert (state.label, state.best) == (0, 1)
    assert state.score == pytest.approx(0.15)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.floats(0.2, 1.0), st.floats(-1.0, 5.0)), min_size=1, max_size=40),
    st.floats(0.0, 5.0),
)
def test_the_mean_stays_a_distribution_and_switches_are_told(
    answers: list[tuple[int, float, float]], constant_s: float
) -> None:
    smoother, shown, at = Smoother(constant_s, AT_ONCE), None, 0.0
    for best, score, passed in answers:
        at += passed
        state = smoother.update(prediction(best, score, 5), at)
        assert state.probabilities.sum() == pytest.approx(1.0)
        assert state.probabilities.min() >= -1e-12
        assert state.switched == (state.label != shown)
        assert state.switched_from == (shown if state.switched else None)
        if state.label is not None:
            assert state.probabilities[state.label] >= AT_ONCE.leave
        shown = state.label
