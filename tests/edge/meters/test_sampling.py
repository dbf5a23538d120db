"""The thread that reads a meter: times, failures, what is kept, and how it ends."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping

import pytest

from adafocus.edge.meters.meter import SECOND_NS, Kind, Reading
from adafocus.edge.meters.sampling import LiveMeter, Probe, Stream
from adafocus.errors import MeterError, ShutMeterError
from tests.edge.meters.recorded import undisturbed, undisturbed_window

PERIOD_S = 0.01


class Steady(Probe):
    """A probe that tells 5 W until it dies."""

    scope = "board input"
    totals = ("supply",)
    detail = "a steady supply"

    def __init__(self, takes_s: float = 0.0) -> None:
        self.dead: BaseException | None = None
        self.closed = 0
        self.readings = 0
        self._takes_s = takes_s

    def read(self) -> Mapping[str, float]:
        self.readings += 1
        time.sleep(self._takes_s)
        if self.dead is not None:
            raise self.dead
        return {"supply": 5.0, "part": 2.0}

    def close(self) -> None:
        self.closed += 1


class Counter(Steady):
    """A probe that counts 5 W from a clock."""

    prompt = True

    def read(self) -> Mapping[str, float]:
        super().read()
        return {"supply": 5.0 * time.monotonic()}


def meter(probe: Probe, kind: Kind = "sampler", period_s: float = PERIOD_S) -> LiveMeter:
    return LiveMeter("made-up", kind, "board input", period_s, lambda: probe)


def test_a_window_between_marks_is_the_energy_between_them() -> None:
    probe = Steady()
    with meter(probe).open() as session:
        found = undisturbed_window(session, 0.6)
    assert found.seconds >= 0.6
    assert found.joules == pytest.approx(5.0 * found.seconds, rel=1e-6)
    assert found.rails["part"] == pytest.approx(2.0 * found.seconds)
    assert found.samples >= 10
    assert found.coverage > 0.95
    assert probe.closed == 1


def test_a_counter_is_read_at_every_mark_so_that_edges_are_no_guess() -> None:
    with meter(Counter(), "counter", 60.0).open() as session:
        begin = session.mark()
        time.sleep(0.05)
        end = session.mark()
        found = session.window(begin, end)
    assert found.samples == 2
    assert found.joules == pytest.approx(5.0 * (end - begin) / SECOND_NS, rel=0.02)
    assert found.edge_j == pytest.approx(0.0, abs=1e-9)


def test_windows_can_be_asked_for_after_the_end_and_wait_for_nothing_then() -> None:
    begin = end = 0
    with meter(Steady()).open() as session:
        time.sleep(0.1)

        def measure() -> Reading:
            nonlocal begin, end
            begin = session.mark()
            time.sleep(0.1)
            end = session.mark()
            return session.window(begin, end)

        undisturbed(measure)
    asked_s = time.monotonic()
    assert session.window(begin, end).joules is not None
    assert session.window(begin, end + 100 * SECOND_NS).joules is None
    assert time.monotonic() - asked_s < 0.5
    session.close()


def test_a_window_without_waiting_takes_the_samples_that_are_there() -> None:
    with meter(Steady(), period_s=10.0).open() as session:
        time.sleep(0.05)
        now = session.mark()
        asked_s = time.monotonic()
        found = session.window(now - SECOND_NS, now, wait=False)
        assert time.monotonic() - asked_s < 5.0
    # the next sample would come in 10 s
    assert found.samples == 1
    assert found.joules is None


@pytest.mark.parametrize(
    ("error", "words"), [(OSError(5, "Input/output error"), "Input/output error"), (MeterError("Gone."), "Gone.")]
)
def test_a_meter_that_dies_in_the_window_leaves_no_joules_and_says_why(error: Exception, words: str) -> None:
    probe = Steady()
    with meter(probe).open() as session:
        begin = session.mark()
        time.sleep(0.1)
        probe.dead = error
        time.sleep(0.2)
        found = session.window(begin, session.mark())
        assert found.joules is None
        assert "It failed" in str(found.reason)
        assert words in str(found.reason)
        probe.dead = None
        time.sleep(0.05)

        def measure() -> Reading:
            begin = session.mark()
            time.sleep(0.1)
            return session.window(begin, session.mark())

        assert undisturbed(measure).joules is not None


def test_a_value_that_is_no_number_is_a_failed_sample() -> None:
    class Odd(Steady):
        def read(self) -> Mapping[str, float]:
            super().read()
            return {"supply": 5.0 if self.readings < 4 else float("nan")}

    with meter(Odd()).open() as session:
        begin = session.mark()
        time.sleep(0.2)
        found = session.window(begin, session.mark())
    assert found.joules is None
    assert "no number came for supply" in str(found.reason)


def test_a_sample_lies_in_the_middle_of_the_time_that_its_reading_takes() -> None:
    with meter(Steady(takes_s=0.05)).open() as session:
        before = time.monotonic_ns()
        time.sleep(0.12)
        moments = [int(moment) for moment in session.trace().times_ns if moment > before]
    # a reading that takes 50 ms cannot be repeated within that
    assert all(later - earlier > 45e6 for earlier, later in itertools.pairwise(moments))
    assert moments[0] - before < 1e9


def test_what_is_old_is_dropped_where_a_budget_needs_the_last_seconds_only() -> None:
    with meter(Steady(), period_s=0.001).open(keep_s=0.05) as session:
        time.sleep(0.3)
        times = session.trace().times_ns
    assert (times[-1] - times[0]) / SECOND_NS <= 0.05


def test_a_meter_that_cannot_be_read_at_first_is_not_opened_and_closed_again() -> None:
    probe = Steady()
    probe.dead = ShutMeterError("It is shut.")
    refused = meter(probe).available()
    assert refused is not None
    assert (str(refused), refused.present) == ("It is shut.", True)
    with pytest.raises(MeterError, match="It is shut"):
        meter(probe).open()
    assert probe.closed == 2
    assert not [thread for thread in threading.enumerate() if thread.name == "meter made-up"]


def test_a_stream_is_read_when_it_gives_something_and_its_silence_is_told() -> None:
    class Given(Stream):
        scope = "board input"
        totals = ("supply",)
        detail = "A stream"

    probe = Given(0.2)
    for _ in range(2):
        probe.put({"supply": 3.0})
    with meter(probe, period_s=0.05).open() as session:
        begin = session.mark()
        for _ in range(6):
            time.sleep(0.03)
            probe.put({"supply": 3.0})
        time.sleep(0.1)
        last = int(session.trace().times_ns[-1])
        found = session.window(begin, last, wait=False)
        assert found.joules == pytest.approx(3.0 * found.seconds, rel=1e-6)
        time.sleep(0.3)
        probe.put(MeterError("It was unplugged."))
        time.sleep(0.05)
        failures = [sentence for _, sentence in session.trace().failures]
    assert "A stream gave nothing for 0.2 s" in failures[0]
    assert failures[-1] == "It was unplugged."
