"""The protocol and its figures, on a made-up device whose power is known; the clock is made up, so that it is quick."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from adafocus.edge.device.host import State
from adafocus.edge.energy.facts import Workload
from adafocus.edge.energy.measuring.figures import make_report
from adafocus.edge.energy.measuring.protocol import Settings, throttling
from adafocus.edge.energy.report import Report
from adafocus.errors import AdafocusError, VideoError
from benchmarks.energy.coverage import IDLE_W, METER, Simulation, Times, holds, intervals

# (clips, passes, phases): seconds of decoding, glance and focus; clips differ, passes do not
CLIP = np.linspace(0.6, 1.4, 40)[:, None, None]
PHASES: dict[Workload, tuple[float, float, float]] = {
    "decode": (0.03, 0.0, 0.0),
    "glance": (0.03, 0.06, 0.0),
    "full": (0.03, 0.06, 0.11),
    "exits": (0.03, 0.06, 0.05),
}
TIMES = Times({name: CLIP * np.array([[phases]]) for name, phases in PHASES.items()})
SETTINGS = Settings()


def spoiled(report: Report) -> str:
    return "\n".join(line for line in report.warnings if line.startswith("Not for publication"))


def test_joules_of_clips_and_stages_are_those_that_are_known() -> None:
    report = Simulation(TIMES).report()
    assert (report.publishable, report.warnings) == (True, ())
    truth = TIMES.truth()
    for name, pair in intervals(report).items():
        for found, true in zip(pair, truth[name], strict=True):
            assert found.median == pytest.approx(true, rel=0.01), name
            assert holds(found, found.median)
    assert report.idle_w == pytest.approx((IDLE_W, IDLE_W), rel=0.01)
    check = report.per_stage.sum_check
    assert check is not None
    assert check.within
    assert abs(check.difference_percent) < 0.5


def test_windows_turn_around_and_have_every_clip_equally_often() -> None:
    report = Simulation(TIMES).report()
    rounds = [[w.workload for w in report.windows if w.round == number] for number in range(SETTINGS.rounds)]
    assert rounds[0] == ["decode", "glance", "full", "exits"]
    assert all(one == other[::-1] for one, other in pairwise(rounds))
    metered = [window for window in report.windows if window.round is not None]
    assert all(w.clips % TIMES.clips == 0 and w.clips >= 30 and w.seconds >= 10 for w in metered)
    assert [w.workload for w in report.windows if w.round is None] == ["idle", "idle", *OBSERVER]
    assert report.windows[0].seconds == pytest.approx(60)


OBSERVER = ["full", "unmetered", "unmetered", "full"] * 2


def test_a_meter_that_drifts_by_a_tenth_moves_a_stage_by_less_than_a_hundredth() -> None:
    steady, simulation = Simulation(TIMES).report(), Simulation(TIMES)
    metered = [window for window in steady.windows if window.round is not None]
    begin_s, end_s = metered[0].start_ns / 1e9, metered[-1].start_ns / 1e9 + metered[-1].seconds
    simulation.device.gain = lambda moments: 0.95 + 0.1 * (moments - begin_s) / (end_s - begin_s)
    drifting = simulation.report()
    assert drifting.drift_percent == pytest.approx(10, abs=0.5)
    assert any("changed by +" in warning for warning in drifting.warnings)
    first, last = ([w.joules / w.seconds for w in drifting.windows if w.round == n and w.joules] for n in (0, 5))
    assert max(last) / max(first) > 1.07
    for stage in ("glance", "focus"):
        one, other = (getattr(report.per_stage, stage).gross_j.median for report in (steady, drifting))
        assert other == pytest.approx(one, rel=0.01), stage


def test_a_meter_that_dies_in_a_window_leaves_windows_without_joules_and_a_reason() -> None:
    simulation = Simulation(TIMES)
    work, count = simulation.jobs[2].run, 0

    def dying(clip: int) -> None:
        nonlocal count
        count += 1
        if count == 600:
            simulation.device.kill_meter()
        work(clip)

    simulation.jobs[2] = replace(simulation.jobs[2], run=dying)
    report = simulation.report()
    lost = [window for window in report.windows if window.round is not None and window.joules is None]
    assert lost
    assert all("meter" in (window.reason or "") for window in lost)
    assert not report.publishable
    assert "windows have no joules" in spoiled(report)
    assert "too few windows" in spoiled(report)


def test_a_throttled_window_spoils_the_report() -> None:
    reads = iter(range(10_000))
    simulation = Simulation(TIMES, state=lambda: State(throttled=("under-voltage",) if next(reads) == 40 else ()))
    report = simulation.report()
    assert not report.publishable
    assert "slowed down in 1 windows (under-voltage)" in spoiled(report)
    assert "Nothing tells the temperature" in report.warnings[-1]


def test_what_happened_between_two_readings_counts_as_throttling() -> None:
    calm = State(throttled=(), throttled_before=("throttled",), throttle_events=3)
    assert throttling(calm, calm) == ()
    assert throttling(calm, replace(calm, throttled_before=("throttled", "under-voltage"))) == ("under-voltage",)
    assert throttling(calm, replace(calm, throttle_events=5)) == ("the processor throttled itself 2 times",)
    assert throttling(replace(calm, throttled=("capped",)), calm) == ("capped",)
    assert throttling(State(), State()) is None


def test_a_clip_that_breaks_in_one_window_is_told_and_the_others_go_on() -> None:
    simulation = Simulation(TIMES)
    work, calls = simulation.jobs[0].run, iter(range(10**6))

    def breaking(clip: int) -> object:
        if next(calls) == 50:
            raise VideoError("clip.mp4 cannot be decoded. Give another one.")
        return work(clip)

    simulation.jobs[0] = replace(simulation.jobs[0], run=breaking)
    report = simulation.report()
    broken = [window for window in report.windows if window.reason]
    assert len(broken) == 1
    assert broken[0].joules is None
    assert "could not be worked on. clip.mp4 cannot be decoded" in spoiled(report)
    assert report.per_clip["decode"].windows == SETTINGS.rounds - 1


def test_clips_that_all_break_end_the_measurement_with_a_sentence() -> None:
    simulation = Simulation(TIMES)

    def broken(clip: int) -> object:
        raise VideoError("The disk is gone.")

    simulation.jobs = [replace(job, run=broken) for job in simulation.jobs]
    simulation.settings = replace(SETTINGS, warm_up_s=0.0)
    with pytest.raises(AdafocusError, match=r"No window of a whole round could be measured\. .*The disk is gone"):
        simulation.report()


def test_less_than_the_protocol_asks_is_not_for_publication() -> None:
    short = Settings(rounds=2, window_s=1.0, window_clips=5, idle_s=5.0, warm_up_s=5.0)
    report = Simulation(TIMES, settings=short).report()
    assert not report.publishable
    for words in ("windows of 1 s and 5 clips", "5 s of idling", "a warm-up of 5 s", "too few windows"):
        assert words in spoiled(report)
    with pytest.raises(AdafocusError, match=r"an even number.*--windows 6"):
        Settings(rounds=5)


def test_the_warm_up_ends_when_the_heat_has_settled_and_says_when_it_has_not() -> None:
    heat = iter(np.concatenate([np.linspace(40, 60, 8), np.full(10_000, 60.0)]).tolist())
    settled = Simulation(TIMES, state=lambda: State(temperature_c={"soc": next(heat)}, throttled=())).report()
    assert settled.protocol.settled
    assert 60 < settled.protocol.warm_up_s < 180
    rising = iter(np.linspace(30, 90, 200).tolist())
    warmer = Simulation(TIMES, state=lambda: State(temperature_c={"soc": next(rising)}, throttled=())).report()
    assert warmer.protocol.settled is False
    assert warmer.protocol.warm_up_s == pytest.approx(180, abs=1)
    assert "The temperature had not settled when the first window began." in warmer.warnings


def test_repeats_rest_until_it_is_cool_again_and_their_medians_stand_side_by_side() -> None:
    simulation = Simulation(TIMES, settings=replace(SETTINGS, repeats=3, rounds=2))
    record = simulation.record()
    report = make_report(simulation.run(record), [one.reading for one in record.taken], METER, record.watts)
    assert len(report.repeats) == 3
    assert {window.repeat for window in report.windows} == {0, 1, 2}
    assert set(report.spread_percent) == {"decode", "glance", "full", "exits"}
    assert all(0 < spread < 2 for spread in report.spread_percent.values())
    medians = [repeat.per_clip["full"] for repeat in report.repeats]
    assert report.per_clip["full"].gross_j.median == medians[0]
    assert len(set(medians)) == 3


def test_what_the_meter_costs_is_the_difference_of_pairs() -> None:
    simulation = Simulation(TIMES)
    record = simulation.record()
    assert len(record.with_meter_ms) == len(record.without_meter_ms) == 4
    assert np.mean(record.with_meter_ms) == pytest.approx(200, rel=0.01)


def test_the_time_left_falls_to_nothing() -> None:
    simulation, told = Simulation(TIMES), []
    measurement = simulation.measurement()
    measurement.tell = lambda what, left_s: told.append((what, left_s))
    measurement.run()
    left = [seconds for _, seconds in told]
    assert all(before >= after for before, after in pairwise(left))
    took_s = simulation.device.now_s
    assert left[0] == pytest.approx(took_s, rel=0.5)
    assert left[-1] < 20


def test_the_trace_covers_everything_and_is_thinned() -> None:
    report = Simulation(TIMES).report()
    trace = report.trace
    assert 1000 < len(trace.seconds) <= 4000
    idle = report.windows[0]
    asleep = [w for s, w in zip(trace.seconds, trace.watts, strict=True) if s < idle.seconds - 1]
    assert np.mean(asleep) == pytest.approx(IDLE_W, rel=0.01)
