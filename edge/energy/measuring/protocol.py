"""The protocol of a measurement: idle, warm-up, rounds in turning order, idle; then what the meter itself costs.

Section by section it is that of ``docs/energy.md``. Clock, sleep, meter and what is read of the machine are parameters,
so that the same code also runs on a simulated device.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal, Protocol

import numpy as np

from adafocus.edge.device.host import State, read_state
from adafocus.edge.energy.measuring.run import Pulse, Span
from adafocus.edge.energy.measuring.workloads import Job
from adafocus.edge.energy.report import Workload
from adafocus.edge.meters.meter import SECOND_NS, Nanoseconds, Reading, Session, Values
from adafocus.errors import OF_ONE_INPUT, AdafocusError, sentence_of

MINUTE_S = 60.0
# the heat has settled where it changes by less in a minute
SETTLED_K = 1.0
READ_EVERY_S = 10.0
# after a rest before a repeat the device is as warm as before the first one, to within this
COOLED_K = 2.0
MAX_COOL_DOWN_S = 600.0
# where nothing tells the heat
BLIND_COOL_DOWN_S = 300.0
# pairs of windows of `full`, with the meter and without it
OBSERVER_PAIRS = 4
# about as long as three pulses and the rests around them take
PULSES_S = 20.0
What = Literal["idle", "unmetered", "decode", "glance", "full", "exits", "plain"]


@dataclass(frozen=True)
class Settings:
    """How long and how often.

    Attributes:
        rounds: windows of each workload; even, so that the order turns around as often as not.
        window_s: a window has at least so many seconds.
        window_clips: and at least so many clips.
        idle_s: length of each window of idling.
        warm_up_s: work before the first window, at most, where the heat does not settle earlier.
        repeats: whole measurements, each after a rest.
    """

    rounds: int = 6
    window_s: float = 10.0
    window_clips: int = 30
    idle_s: float = 60.0
    warm_up_s: float = 180.0
    repeats: int = 1

    def __post_init__(self) -> None:
        if self.rounds % 2:
            raise AdafocusError(
                f"Found {self.rounds} windows, expected an even number: every other round runs backward, and a drift "
                f"cancels only where there are as many of both. Type: --windows {self.rounds + 1}"
            )


class Powered(Protocol):
    """What opens a session: a meter."""

    def open(self) -> Session:
        """Begin to record."""
        ...


class Marker(Protocol):
    """What tells the moments at which windows begin and end: a meter's session, or a clock."""

    def mark(self) -> int:
        """Return the present moment in ns."""
        ...


@dataclass(frozen=True)
class Clock:
    """Marks windows where no meter is read."""

    now_ns: Callable[[], int]

    def mark(self) -> int:
        """Return the present moment in ns."""
        return self.now_ns()


@dataclass
class Taken:
    """A window and what the meter says of it."""

    span: Span
    reading: Reading | None


@dataclass
class Record:
    """What was taken.

    Attributes:
        taken: windows in the order of time.
        started: of each repeat.
        settled: of each repeat.
        warm_up_s: work before the first window.
        with_meter_ms: milliseconds of a full clip in each window of a pair that was metered.
        without_meter_ms: in the other one.
        pulses: before and after.
        watts: moments in ns and power over everything, for a plot.
    """

    taken: list[Taken] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    settled: list[bool | None] = field(default_factory=list)
    warm_up_s: float = 0.0
    with_meter_ms: list[float] = field(default_factory=list)
    without_meter_ms: list[float] = field(default_factory=list)
    pulses: list[Pulse] = field(default_factory=list)
    watts: tuple[Nanoseconds, Values] = (np.empty(0, np.int64), np.empty(0))


@dataclass
class Measurement:
    """Runs the protocol.

    Attributes:
        jobs: workloads in the order of a round; one of them is ``full``.
        clips: how many there are.
        clip_s: seconds of a full clip, for the time left.
        settings: how long and how often.
        meter: opens sessions; None: windows are only timed.
        read: reads clocks, heat and what slows the device.
        now_ns: clock of windows without a meter.
        sleep: waits for some seconds.
        tell: is told what begins and how many seconds are left.
        pulse: makes all processors busy for some seconds; None: the meter needs no pulses.
        today: date and time.
    """

    jobs: Sequence[Job]
    clips: int
    clip_s: float
    settings: Settings
    meter: Powered | None
    read: Callable[[], State] = read_state
    now_ns: Callable[[], int] = time.monotonic_ns
    sleep: Callable[[float], None] = time.sleep
    tell: Callable[[str, float], None] = lambda what, left_s: None
    pulse: Callable[[], list[Pulse]] | None = None
    today: Callable[[], datetime] = lambda: datetime.now(timezone.utc)

    def run(self) -> Record:
        """Measure.

        Raises:
            MeterError: the meter cannot be opened.
            AdafocusError: no clip can be worked on any more.
        """
        record = Record()
        self._left_s = self.expected_s()
        cold_c = self.read().hottest_c
        with self.meter.open() if self.meter else nullcontext() as session:
            self._pulses(record)
            for repeat in range(self.settings.repeats):
                if repeat:
                    self._cool_down(cold_c)
                self._repeat(record, session, repeat)
            self._pulses(record)
            if session is not None:
                record.watts = session.trace().power()
        if self.meter is not None:
            self._observe(record, self.meter)
        return record

    def expected_s(self) -> float:
        """Return how long everything takes, as far as is known."""
        settings = self.settings
        once = 2 * settings.idle_s + settings.warm_up_s + settings.rounds * len(self.jobs) * self._window_s()
        pairs = 2 * OBSERVER_PAIRS * self._window_s() if self.meter else 0.0
        rests = (settings.repeats - 1) * BLIND_COOL_DOWN_S
        return settings.repeats * once + rests + pairs + 2 * self._pulses_s()

    def _window_s(self) -> float:
        """Return how long a window of full clips takes."""
        pass_s = max(self.clips * self.clip_s, 1e-3)
        passes = max(np.ceil(self.settings.window_s / pass_s), np.ceil(self.settings.window_clips / self.clips))
        return float(passes * pass_s)

    def _pulses_s(self) -> float:
        """Return how long pulses take."""
        return PULSES_S if self.pulse else 0.0

    def _pulses(self, record: Record) -> None:
        """Give the pulses by which a log is placed on this machine's clock."""
        if self.pulse is not None:
            with self._step("pulses for the meter's clock", PULSES_S):
                record.pulses += self.pulse()

    @contextmanager
    def _step(self, what: str, expected_s: float) -> Iterator[None]:
        """Say what begins, and count it as done afterwards."""
        if expected_s > 0:
            self.tell(what, max(0.0, self._left_s))
        yield
        self._left_s -= expected_s

    def _repeat(self, record: Record, session: Session | None, repeat: int) -> None:
        """Idle, warm up, run the rounds and idle."""
        record.started.append(self.today().isoformat(timespec="seconds"))
        record.taken.append(self._idle(session, repeat))
        with self._step("warm-up", self.settings.warm_up_s):
            warm_up_s, settled = self._warm_up()
        record.settled.append(settled)
        record.warm_up_s = record.warm_up_s or warm_up_s
        for number in range(self.settings.rounds):
            # A B C, then C B A
            order = self.jobs if number % 2 == 0 else self.jobs[::-1]
            taken = [self._turn(session, job, number, repeat) for job in order]
            record.taken += taken
            if all(one.span.fault is not None for one in taken):
                raise AdafocusError(f"No window of a whole round could be measured. {taken[-1].span.fault}")
        record.taken.append(self._idle(session, repeat))

    def _idle(self, session: Session | None, repeat: int) -> Taken:
        """Take a window of the loaded process asleep."""
        marker = session or Clock(self.now_ns)
        with self._step("idle", self.settings.idle_s):
            begin = marker.mark()
            self.sleep(self.settings.idle_s)
            end = marker.mark()
            reading = session.window(begin, end) if session else None
        machine = self.read()
        span = Span(
            workload="idle",
            start_ns=begin,
            end_ns=end,
            repeat=repeat,
            temperature_c=machine.hottest_c,
            mhz=machine.mean_mhz,
        )
        return Taken(span, reading)

    def _turn(self, session: Session | None, job: Job, number: int, repeat: int) -> Taken:
        """Take one window of a round."""
        title = f"window {number + 1} of {self.settings.rounds}, {job.workload}"
        with self._step(title, self._window_s()):
            span = self._window(session or Clock(self.now_ns), job, job.workload, number, repeat)
            return Taken(span, session.window(span.start_ns, span.end_ns) if session else None)

    def _warm_up(self) -> tuple[float, bool | None]:
        """Work until the heat has settled or the time is over; return how long, and whether it has."""
        full = self._job("full")
        began, heat = self.now_ns(), []
        next_s, number, settled = 0.0, 0, None
        while (spent_s := (self.now_ns() - began) / SECOND_NS) < self.settings.warm_up_s:
            if spent_s >= next_s:
                next_s += READ_EVERY_S
                hottest = self.read().hottest_c
                if hottest is not None:
                    heat.append((spent_s, hottest))
                    settled = _has_settled(heat)
                if settled:
                    break
            self._try(full, number % self.clips)
            number += 1
        return (self.now_ns() - began) / SECOND_NS, settled

    def _window(self, marker: Marker, job: Job, what: What, number: int | None, repeat: int = 0) -> Span:
        """Work on all clips as often as it takes, so that every clip comes equally often."""
        before = self.read()
        begin = end = marker.mark()
        done, fault = 0, None
        while fault is None and not self._enough(done, end - begin):
            for clip in range(self.clips):
                fault = self._try(job, clip)
                if fault is not None:
                    break
                done += 1
            end = self.now_ns()
        end = marker.mark()
        after = self.read()
        return Span(
            workload=what,
            start_ns=begin,
            end_ns=end,
            clips=done,
            round=number,
            repeat=repeat,
            budget=job.budget,
            temperature_c=after.hottest_c,
            mhz=after.mean_mhz,
            throttled=throttling(before, after),
            fault=fault,
        )

    def _enough(self, clips: int, spent_ns: int) -> bool:
        """Return whether a window may end."""
        return clips >= self.settings.window_clips and spent_ns >= self.settings.window_s * SECOND_NS

    def _try(self, job: Job, clip: int) -> str | None:
        """Work on one clip; return a sentence where that is not possible."""
        try:
            job.run(clip)
        except OF_ONE_INPUT as error:
            return f"Clip {clip + 1} of {self.clips} could not be worked on. {sentence_of(error)}"
        return None

    def _cool_down(self, cold_c: float | None) -> None:
        """Rest until the device is as cool as at first."""
        with self._step("rest before the next repeat", BLIND_COOL_DOWN_S):
            rested_s, limit_s = 0.0, BLIND_COOL_DOWN_S if cold_c is None else MAX_COOL_DOWN_S
            while rested_s < limit_s:
                self.sleep(READ_EVERY_S)
                rested_s += READ_EVERY_S
                hottest = self.read().hottest_c
                if cold_c is not None and hottest is not None and hottest <= cold_c + COOLED_K:
                    return

    def _observe(self, record: Record, meter: Powered) -> None:
        """Time full clips with the meter at work and without it, in pairs whose order turns around."""
        full = self._job("full")
        for pair in range(OBSERVER_PAIRS):
            for metered in (True, False) if pair % 2 == 0 else (False, True):
                with self._step("time without the meter", self._window_s()), ExitStack() as stack:
                    if metered:
                        span = self._window(stack.enter_context(meter.open()), full, "full", None)
                    else:
                        span = self._window(Clock(self.now_ns), full, "unmetered", None)
                times = record.with_meter_ms if metered else record.without_meter_ms
                times.append(1e3 * span.seconds / max(span.clips, 1))
                record.taken.append(Taken(span, None))

    def _job(self, workload: Workload) -> Job:
        """Return the workload of a name."""
        return next(job for job in self.jobs if job.workload == workload and job.budget is None)


def _has_settled(heat: Sequence[tuple[float, float]]) -> bool:
    """Return whether the heat has changed by less than :data:`SETTLED_K` in the last minute.

    Args:
        heat: seconds and degrees Celsius, in the order of time.
    """
    now_s = heat[-1][0]
    last = [celsius for moment_s, celsius in heat if moment_s >= now_s - MINUTE_S - READ_EVERY_S / 2]
    return now_s >= MINUTE_S and max(last) - min(last) < SETTLED_K


def throttling(before: State, after: State) -> tuple[str, ...] | None:
    """Return what slowed the device in a window; None where nothing tells.

    Args:
        before: the machine at the window's begin.
        after: at its end.
    """
    if after.throttled is None and after.throttle_events is None:
        return None
    newly = [words for words in after.throttled_before or () if words not in (before.throttled_before or ())]
    events = (after.throttle_events or 0) - (before.throttle_events or 0)
    counted = [f"the processor throttled itself {events} times"] if events > 0 else []
    return tuple(dict.fromkeys((*(before.throttled or ()), *(after.throttled or ()), *newly, *counted)))
