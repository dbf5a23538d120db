"""Percentiles without growing memory."""

from __future__ import annotations

import mmap
import sys

import numpy as np
import pytest

from adafocus.edge.streaming import statistics
from adafocus.edge.streaming.statistics import MemoryGrowth, Percentiles, resident_bytes


def test_percentiles_are_right_within_one_percent() -> None:
    durations = np.random.default_rng(0).lognormal(3.0, 1.0, 5000)
    found = Percentiles()
    for duration in durations:
        found.add(float(duration))
    told = found.as_dict()
    assert told is not None
    for percent in (50, 90, 99):
        exact = float(np.percentile(durations, percent, method="inverted_cdf"))
        assert told[f"p{percent}"] == pytest.approx(exact, rel=0.01)
    assert told["max"] == durations.max()
    assert told["mean"] == pytest.approx(durations.mean())


def test_one_duration_and_extreme_ones_are_told() -> None:
    assert Percentiles().as_dict() is None
    for duration in (0.0, 1e-9, 7.0, 1e30):
        one = Percentiles()
        one.add(duration)
        told = one.as_dict()
        assert told is not None
        assert told["max"] == duration
        assert told["p50"] <= duration or duration == 0.0


def test_memory_stays_the_same() -> None:
    found = Percentiles()
    found.add(1.0)
    before = sum(sys.getsizeof(part) for part in vars(found).values())
    for duration in range(20000):
        found.add(float(duration))
    assert sum(sys.getsizeof(part) for part in vars(found).values()) <= before + 64


def test_resident_memory_is_that_of_this_process() -> None:
    # pages of its own: the C library would give memory that an earlier test left
    before, held = resident_bytes(), mmap.mmap(-1, 2**26)
    np.frombuffer(held, np.uint8)[:] = 1
    assert resident_bytes() - before > 0.8 * len(held)


def test_memory_growth_counts_from_the_first_minute_on(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([100, 130, 110])
    growth = MemoryGrowth()
    growth.sample(59.0)
    assert growth.as_dict()["growth_bytes"] is growth.as_dict()["after_first_minute_bytes"] is None
    monkeypatch.setattr(statistics, "resident_bytes", lambda: next(readings, 90))
    for moment_s in (60.0, 61.0, 62.0):
        growth.sample(moment_s)
    assert growth.as_dict() == {
        "resident_bytes": 90,
        "after_first_minute_bytes": 100,
        "most_after_it_bytes": 130,
        "growth_bytes": 30,
    }
