"""A day in simulated time: the clock, what is called lost, and a short one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.robustness.simulated_clock import START_S, SimulatedClock
from benchmarks.robustness.stream_day import FAULTS, lost_answers, measure, plan

BUNDLE = Path(__file__).parents[3] / "bundles" / "x3d-xs-frame-k400-litert.zip"
MOMENTS = np.arange(0.0, 100.0, 0.1)
ENDS = np.arange(4.0, 100.0, 4.0)


def test_threads_wait_in_the_order_of_their_moments_and_a_day_takes_no_time() -> None:
    clock, seen = SimulatedClock(), list[tuple[str, float]]()
    event = clock._threading().Event()

    def slow() -> None:
        clock.sleep(86400.0)
        seen.append(("slow", clock.now_s))
        event.set()

    def waits() -> None:
        assert not event.wait(10.0)
        seen.append(("in vain", clock.now_s))
        assert event.wait(1e6)
        seen.append(("woken", clock.now_s))

    threads = [clock._threading().Thread(target=each, name="test", daemon=True) for each in (slow, waits)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    day = START_S + 86400.0
    assert seen == [("in vain", START_S + 10.0), ("slow", day), ("woken", day)]


@pytest.mark.parametrize(
    ("ends", "lost"),
    [
        (ENDS, 0),
        (ENDS[1:], 0),
        (np.delete(ENDS, [7, 8, 9]), 2),
        (ENDS[:-4], 2),
        (ENDS[:0], 23),
    ],
    ids=["all", "a first one late", "three missing", "the last ones missing", "none"],
)
def test_answers_that_were_due_and_did_not_come_are_lost(ends: np.ndarray, lost: int) -> None:
    assert len(lost_answers(MOMENTS, ends)) == pytest.approx(lost, abs=1)


def test_no_answer_is_due_in_a_pause() -> None:
    away = (MOMENTS < 20) | (MOMENTS > 60)
    ends = ENDS[(ENDS < 20) | (ENDS > 64)]
    assert lost_answers(MOMENTS[away], ends) == []


def test_a_plan_has_every_fault_so_many_times_in_order() -> None:
    faults = plan(3, 3600.0, 5)
    assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)
    assert sorted(fault.kind for fault in faults) == sorted([*FAULTS] * 5)


@pytest.mark.slow
def test_a_short_day_loses_nothing_and_counts_what_happened(real_videos: list[Path], tmp_path: Path) -> None:
    found = measure(BUNDLE, real_videos[1], 900.0, 2, 1, tmp_path)
    assert sum(found["faults"].values()) == 2 * len(FAULTS)
    assert found["answers"]["given"] > 50
    assert found["answers"]["due_and_lost"] == 0
    interruptions = found["interruptions"]
    assert interruptions["counted"] == interruptions["connections_that_ended"] > 0
    assert found["events"]["lost"] == 0
