"""Calls that are timed take turns, and stop taking them when their time is over."""

from __future__ import annotations

import time

import pytest

from benchmarks.harness import medians


def test_calls_take_turns_and_warm_up_turns_do_not_count() -> None:
    order: list[str] = []
    found = medians({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2, 3)
    assert order == ["a", "b"] * 5
    assert sorted(found) == ["a", "b"]


@pytest.mark.parametrize(("seconds", "turns"), [(0.0, 4), (60.0, 9)])
def test_no_further_turn_begins_when_the_time_is_over_but_the_fewest_are_made(seconds: float, turns: int) -> None:
    calls: list[float] = []

    def slow() -> None:
        time.sleep(0.01)
        calls.append(1.0)

    medians({"slow": slow}, 1, 8, min_turns=3, max_seconds=seconds)
    assert len(calls) == turns
