"""When windows are due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adafocus.edge.streaming.loop import Schedule


def test_answers_come_every_hop_without_drifting() -> None:
    schedule, started = Schedule(1.0), []
    now = 10.0
    for _ in range(5):
        now = max(now, schedule.due_s) + 0.03
        started.append(now)
        assert schedule.finish(now, now + 0.2) == 0.0
        now += 0.2
    assert schedule.due_s == pytest.approx(10.03 + 5.0)
    assert started == pytest.approx([10.03, 11.06, 12.06, 13.06, 14.06])


def test_a_window_that_takes_longer_than_a_hop_is_followed_at_once_and_its_lateness_told() -> None:
    schedule = Schedule(1.0)
    assert schedule.finish(0.0, 2.5) == pytest.approx(1.5)
    assert schedule.due_s == 2.5
    assert schedule.finish(2.5, 3.0) == 0.0
    assert schedule.due_s == 3.5


def test_missed_windows_are_not_made_up_for() -> None:
    schedule = Schedule(1.0)
    schedule.finish(0.0, 7.3)
    schedule.finish(7.3, 7.4)
    assert schedule.due_s == pytest.approx(8.3)


def test_a_time_without_frames_is_no_lateness() -> None:
    schedule = Schedule(1.0)
    schedule.finish(0.0, 0.1)
    assert schedule.finish(60.0, 60.1) == 0.0
    assert schedule.due_s == pytest.approx(61.0)


def test_a_window_that_begins_more_than_a_hop_late_though_its_frames_were_there_is_late() -> None:
    schedule = Schedule(1.0)
    schedule.finish(0.0, 0.1)
    assert schedule.finish(3.0, 3.1, ready_s=1.05) == pytest.approx(1.1)
    # its frames came late, and it did not
    assert schedule.finish(60.0, 60.1, ready_s=59.95) == 0.0


def test_a_duty_cycle_rests_and_that_is_no_lateness() -> None:
    schedule = Schedule(1.0, duty=0.25)
    assert schedule.finish(0.0, 0.8) == 0.0
    assert schedule.due_s == pytest.approx(0.8 + 2.4)
    assert schedule.rest_s(0.8) == pytest.approx(2.4)
    assert schedule.finish(3.2, 3.3) == 0.0
    assert schedule.due_s == pytest.approx(4.2)


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0.001, 3)), min_size=1, max_size=30),
    st.floats(0.05, 2),
    st.floats(0.1, 1),
)
def test_never_more_than_the_share_and_never_two_windows_at_once(
    windows: list[tuple[float, float]], hop: float, duty: float
) -> None:
    schedule, now, computed = Schedule(hop, duty), 0.0, 0.0
    for waited, took in windows:
        start = max(now + waited, schedule.due_s)
        assert schedule.finish(start, start + took) >= 0.0
        now = start + took
        computed += took
        assert schedule.due_s >= now
        assert computed <= duty * schedule.due_s + 1e-6
