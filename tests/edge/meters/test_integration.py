"""The energy of a window of a trace, and the reasons for which there is none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from adafocus.edge.meters.integration import integrate
from adafocus.edge.meters.meter import SECOND_NS, Trace


def seconds(*values: float) -> Any:
    return np.round(np.array(values) * SECOND_NS).astype(np.int64)


def power(times: Any, watts: Any, **changes: Any) -> Trace:
    values = np.asarray(watts, np.float64)
    facts: dict[str, Any] = {"totals": ("whole",), "counts": False, "period_s": 0.1, "scope": "board input"}
    return Trace(times, {"whole": values}, **(facts | changes))


def counter(times: Any, joules: Any, **changes: Any) -> Trace:
    return power(times, joules, **({"counts": True} | changes))


def window(trace: Trace, begin_s: float, end_s: float) -> Any:
    return integrate(trace, round(begin_s * SECOND_NS), round(end_s * SECOND_NS))


STEADY = power(seconds(*np.arange(0, 10.05, 0.1)), np.full(101, 4.0))


def test_a_ramp_is_integrated_over_uneven_times_without_an_error() -> None:
    moments = np.sort(np.concatenate([[0, 10], np.random.default_rng(1).uniform(0, 10, 150)]))
    found = window(power(seconds(*moments), 1 + moments), 0, 10)
    assert found.joules == pytest.approx(60.0, rel=1e-9)
    assert found.coverage == 1.0
    assert found.edge_j == pytest.approx(0.0, abs=1e-9)
    assert found.watts == pytest.approx(6.0)


def test_edges_between_samples_are_interpolated_and_told() -> None:
    moments = np.arange(0, 10.05, 0.1)
    found = window(power(seconds(*moments), 1 + moments), 2.05, 7.05)
    assert found.joules == pytest.approx(5 * (1 + (2.05 + 7.05) / 2), rel=1e-9)
    assert found.edge_j == pytest.approx(0.05 * (3.075 + 8.025), rel=1e-6)
    assert found.samples == 50


def test_where_no_sample_lies_outside_the_nearest_power_is_held() -> None:
    found = window(STEADY, -0.2, 10.2)
    assert found.joules == pytest.approx(4 * 10.4, rel=1e-9)
    assert found.coverage == pytest.approx(10 / 10.4)


@pytest.mark.parametrize(
    ("trace", "begin_s", "end_s", "words"),
    [
        (STEADY, 5, 5, "is empty"),
        (STEADY, 6, 5, "ends 1 s before it begins"),
        (STEADY, 5.01, 5.09, "0 samples of the meter lie in the window of 0.08 s"),
        (STEADY, 20, 30, "0 samples"),
        (STEADY, 5, 11.5, "gave nothing for 1.5 s, expected at most 1 s"),
        (STEADY, 5, 10.9, "cover 84.7 % of the window, expected at least 95 %"),
        (power(STEADY.times_ns, np.full(101, np.nan)), 0, 10, "0 samples"),
        (power(STEADY.times_ns, np.full(101, np.inf)), 0, 10, "0 samples"),
        (power(STEADY.times_ns, np.zeros(101)), 0, 10, "0 W for 10 s"),
        (power(STEADY.times_ns, np.full(101, -3.0)), 0, 10, "below 0"),
        (power(seconds(), []), 0, 10, "0 samples"),
        (counter(STEADY.times_ns, np.full(101, 7.0)), 0, 10, "stood still for 10 s"),
        (counter(STEADY.times_ns, np.linspace(50, 0, 101)), 0, 10, "went back from 50 J to 49.5 J"),
    ],
    ids=lambda value: None if isinstance(value, Trace) else str(value),
)
def test_what_cannot_be_known_is_none_with_a_sentence(trace: Trace, begin_s: float, end_s: float, words: str) -> None:
    found = window(trace, begin_s, end_s)
    assert found.joules is None
    assert found.watts is None
    assert found.edge_j is None
    assert words in found.reason
    assert found.reason.endswith((".", "?"))


def test_a_gap_that_is_short_is_bridged_and_a_long_one_is_not() -> None:
    def without(begin_s: float, end_s: float) -> Trace:
        moments = np.arange(0, 20.05, 0.1)
        kept = moments[(moments <= begin_s) | (moments >= end_s)]
        return power(seconds(*kept), np.full(len(kept), 4.0))

    bridged = window(without(5, 5.9), 0, 20)
    assert bridged.joules == pytest.approx(80.0)
    assert bridged.coverage == pytest.approx(1 - 0.9 / 20)
    assert bridged.longest_gap_s == pytest.approx(0.9)
    assert "gave nothing for 1.2 s" in window(without(5, 6.2), 0, 20).reason


def test_a_slow_meter_may_be_as_slow_as_it_means_to_be() -> None:
    plug = power(seconds(*np.arange(0, 61, 1.0)), np.full(61, 5.0), period_s=1.0)
    assert window(plug, 0, 60).joules == pytest.approx(300.0)
    assert "at least 2" in window(plug, 10.2, 11.2).reason


def test_samples_without_a_value_are_left_out_of_the_whole_and_their_rail() -> None:
    watts = np.full(101, 4.0)
    watts[[10, 50]] = math.nan
    found = window(power(STEADY.times_ns, watts), 0, 10)
    assert found.joules == pytest.approx(40.0)
    assert found.samples == 99


def test_a_part_is_told_beside_the_whole_and_never_added() -> None:
    trace = Trace(
        STEADY.times_ns,
        {"in": np.full(101, 4.0), "cpu": np.full(101, 1.5), "odd": np.full(101, np.nan)},
        ("in",),
        False,
        0.1,
        "module input",
    )
    found = window(trace, 0, 10)
    assert found.joules == pytest.approx(40.0)
    assert found.rails == {"in": pytest.approx(40.0), "cpu": pytest.approx(15.0)}


def test_a_whole_of_several_rails_needs_all_of_them() -> None:
    lost = np.full(101, 1.0)
    lost[40:80] = np.nan
    trace = Trace(STEADY.times_ns, {"a": np.full(101, 4.0), "b": lost}, ("a", "b"), False, 0.1, "module rails")
    assert window(trace, 0, 3.9).joules == pytest.approx(5 * 3.9)
    assert window(trace, 0, 10).joules is None


def test_a_counter_that_wraps_goes_on() -> None:
    counted = (995 + 2.0 * np.arange(101) / 10) % 1000
    found = window(counter(STEADY.times_ns, counted, wraps_j={"whole": 1000.0}), 0, 10)
    assert found.joules == pytest.approx(20.0)


def test_a_counter_that_was_set_to_0_is_no_wrap() -> None:
    counted = np.concatenate([100_000 + np.arange(50), np.arange(51)])
    trace = counter(STEADY.times_ns, counted, wraps_j={"whole": 262_144.0})
    assert "no wrap explains it" in window(trace, 0, 10).reason
    # before and after it, the counter is what it was
    assert window(trace, 0, 4.5).joules == pytest.approx(45.0)
    assert window(trace, 5.5, 10).joules == pytest.approx(45.0)


def test_failures_in_the_window_are_told_with_the_last_reason() -> None:
    trace = power(
        seconds(*np.arange(0, 5, 0.1)),
        np.full(50, 4.0),
        failures=tuple((round(moment * SECOND_NS), "no answer.") for moment in np.arange(5, 10, 0.1)),
    )
    assert window(trace, 0, 10).reason.endswith("It failed 50 times, the last time because: no answer.")


def test_a_trace_is_placed_on_the_clock_of_the_host() -> None:
    own = power(seconds(100, 101, 102), [1.0, 2.0, 3.0], clock="own")
    placed = own.placed(-97.0, 1e5)
    assert placed.clock == "host"
    assert placed.times_ns.tolist() == seconds(3, 4.1, 5.2).tolist()


def test_the_power_of_a_counter_is_that_between_its_samples() -> None:
    moments, watts = counter(seconds(0, 1, 2, 2), [5.0, 7.0, 1.0, 1.0], wraps_j={"whole": 8.0}).power()
    assert moments.tolist() == seconds(0.5, 1.5).tolist()
    assert watts.tolist() == [2.0, 2.0]
