"""Logs on another clock: pulses place them to one sample, and what does not stand out is refused."""

from __future__ import annotations

import time

import numpy as np
import pytest

from adafocus.edge.energy.measuring.alignment import align as found_in
from adafocus.edge.energy.measuring.alignment import keep_busy
from adafocus.edge.meters.meter import SECOND_NS
from adafocus.errors import MeterError
from benchmarks.energy.placing import DRIFT_PPM, SHIFT_S, logged


@pytest.mark.parametrize(("period_s", "noise_w"), [(0.005, 0.2), (0.02, 0.0), (0.1, 0.05), (0.1, 0.5), (0.5, 0.05)])
def test_a_log_shifted_by_seconds_and_parts_in_a_million_is_placed_to_one_sample(
    period_s: float, noise_w: float
) -> None:
    log = logged(period_s, noise_w)
    found = found_in(log.trace, log.pulses)
    placed = log.trace.placed(found.offset_s, found.drift_ppm)
    assert np.abs(placed.times_ns - log.true_ns).max() < period_s * SECOND_NS
    assert min(found.peaks) > 2
    assert found.step_s == pytest.approx(period_s, rel=0.01)
    if period_s < 0.05:
        assert found.offset_s == pytest.approx(SHIFT_S, abs=0.005)
        assert found.drift_ppm == pytest.approx(DRIFT_PPM, abs=10)


def test_pulses_that_do_not_stand_out_are_refused() -> None:
    log = logged(0.1, pulse_w=0.3)
    with pytest.raises(MeterError, match=r"do not stand out.*expected 2 times"):
        found_in(log.trace, log.pulses)


def test_the_log_of_another_time_is_refused() -> None:
    log, other = logged(0.1), logged(0.1, after=False)
    with pytest.raises(MeterError, match=r"do not stand out|does not reach"):
        found_in(other.trace, log.pulses)
    cut = log.trace.taken(slice(0, 3000))
    with pytest.raises(MeterError, match=r"do not stand out|does not reach"):
        found_in(cut, log.pulses)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (slice(0, 10), "10 samples with a power"),
        (slice(0, 60), "shorter than the pulses"),
        (slice(None, None, 15), "expected at most 1 s to see pulses"),
    ],
)
def test_too_short_and_too_slow_logs_are_refused(chosen: slice, said: str) -> None:
    log = logged(0.1)
    with pytest.raises(MeterError, match=said):
        found_in(log.trace.taken(chosen), log.pulses)


def test_a_record_without_pulses_is_refused() -> None:
    log = logged(0.1)
    with pytest.raises(MeterError, match="has no pulses"):
        found_in(log.trace, [])


def test_keeping_busy_lasts_as_long_as_it_is_asked_to() -> None:
    began, worked = time.monotonic(), time.process_time()
    keep_busy(0.6)
    assert 0.6 <= time.monotonic() - began < 3
    assert time.process_time() - worked > 0.01
