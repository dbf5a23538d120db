"""A meter that is read while it is at work: a probe, and the session whose thread reads it."""

from __future__ import annotations

import math
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from adafocus.edge.meters.integration import integrate
from adafocus.edge.meters.meter import GAP_PERIODS, SECOND_NS, Kind, Reading, Scope, Trace, Unavailable
from adafocus.errors import MeterError, ShutMeterError

PATIENCE_S = 1.0
# of failed samples, the newest
FAILURES_KEPT = 1000


class Probe(ABC):
    """What a session reads: an opened meter.

    Attributes:
        scope: what the sum of ``totals`` is of.
        totals: names of the rails that make up the whole.
        detail: chip and rails, for people.
        wraps_j: value at which a counter begins at 0 again, by rail.
        prompt: whether a reading takes no time, so that one is taken at every mark.
        paced: whether a session says when to read; a stream gives values when they come.
    """

    scope: Scope
    totals: tuple[str, ...]
    detail: str
    wraps_j: Mapping[str, float] = {}
    prompt = False
    paced = True

    @abstractmethod
    def read(self) -> Mapping[str, float]:
        """Return watts, or joules of a counter, by rail.

        Raises:
            MeterError: it does not answer, or not with numbers.
        """

    def close(self) -> None:  # noqa: B027 (most have nothing to close)
        """Release what was opened."""


class Stream(Probe):
    """A probe whose values come by themselves; others put them in."""

    paced = False

    def __init__(self, patience_s: float) -> None:
        """Wait for values, for so long at most."""
        self._values: queue.SimpleQueue[Mapping[str, float] | MeterError] = queue.SimpleQueue()
        self._patience_s = patience_s

    def put(self, values: Mapping[str, float] | MeterError) -> None:
        """Hand over the next values, or why there are none."""
        self._values.put(values)

    def read(self) -> Mapping[str, float]:
        """Wait for the next values."""
        try:
            values = self._values.get(timeout=self._patience_s)
        except queue.Empty:
            raise ShutMeterError(
                f"{self.detail} gave nothing for {self._patience_s:g} s. Check its cable, or end what else uses it."
            ) from None
        if isinstance(values, MeterError):
            raise values
        return values

    def close(self) -> None:
        """Let the one who waits go."""
        self.put(MeterError(f"{self.detail} was closed."))


@dataclass
class LiveMeter:
    """A meter of the table that is read by a thread.

    Attributes:
        name: of its row.
        kind: ``counter`` of joules, or ``sampler`` of watts.
        scope: what it measures, as its probe says once there was one.
        period_s: from sample to sample.
        connect: opens the probe; raises MeterError.
        detail: chip and rails, once there was a probe.
    """

    name: str
    kind: Kind
    scope: Scope
    period_s: float
    connect: Callable[[], Probe]
    detail: str = ""

    def available(self) -> Unavailable | None:
        """Take one real reading; return None where it came, else why it did not."""
        try:
            probe = self._probe()
        except MeterError as error:
            return Unavailable(str(error), isinstance(error, ShutMeterError))
        probe.close()
        return None

    def open(self, keep_s: float | None = None) -> LiveSession:
        """Begin to record.

        Args:
            keep_s: how far back windows may begin; None keeps everything.

        Raises:
            MeterError: the meter cannot be read.
        """
        return LiveSession(self, self._probe(), keep_s)

    def _probe(self) -> Probe:
        """Open the probe and read it once."""
        probe = self.connect()
        self.scope, self.detail = probe.scope, probe.detail
        try:
            found = checked(probe)
            if self.kind == "counter" and not sum(found[name] for name in probe.totals):
                raise ShutMeterError(
                    f"{probe.detail}: the counter reads 0, as in many virtual machines. It counts nothing."
                )
        except MeterError:
            probe.close()
            raise
        return probe


def checked(probe: Probe) -> Mapping[str, float]:
    """Return what a probe reads.

    Raises:
        MeterError: it cannot be read, or a rail of the whole has no number.
    """
    try:
        values = probe.read()
    except OSError as error:
        raise ShutMeterError(f"{probe.detail} does not answer: {error.strerror or error}.") from error
    lost = [name for name in probe.totals if not math.isfinite(values.get(name, math.nan))]
    if lost:
        raise ShutMeterError(f"{probe.detail}: no number came for {', '.join(lost)}. Read it once more.")
    return values


class LiveSession:
    """Reads a probe in a thread, and integrates what was read."""

    def __init__(self, meter: LiveMeter, probe: Probe, keep_s: float | None) -> None:
        """Begin to read.

        Args:
            meter: whose facts are those of the trace.
            probe: opened; it is closed with the session.
            keep_s: how long samples are kept.
        """
        self._meter, self._probe, self._keep_s = meter, probe, keep_s
        self._times: deque[int] = deque()
        self._values: deque[tuple[float, ...]] = deque()
        self._failures: deque[tuple[int, str]] = deque(maxlen=FAILURES_KEPT)
        self._names: tuple[str, ...] = ()
        self._reading = threading.Lock()
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._sample()
        self._thread = threading.Thread(target=self._record, name=f"meter {meter.name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> LiveSession:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def mark(self) -> int:
        """Return the present moment, of ``time.monotonic_ns``; a counter is read at it."""
        if self._probe.prompt and not self._ended.is_set():
            return self._sample()
        return time.monotonic_ns()

    def window(self, begin_ns: int, end_ns: int, wait: bool = True) -> Reading:
        """Return the energy between two moments; see :class:`adafocus.edge.meters.meter.Session`."""
        if wait:
            with self._changed:
                self._changed.wait_for(lambda: self._ended.is_set() or self._is_past(end_ns), self._patience_s())
        return integrate(self.trace(), begin_ns, end_ns)

    def trace(self) -> Trace:
        """Return what has been recorded so far."""
        with self._changed:
            times = np.array(self._times, np.int64)
            values = np.array(self._values, np.float64).reshape(len(times), len(self._names))
            failures = tuple(self._failures)
        probe = self._probe
        return Trace(
            times,
            dict(zip(self._names, values.T, strict=True)),
            probe.totals,
            self._meter.kind == "counter",
            self._meter.period_s,
            probe.scope,
            wraps_j=probe.wraps_j,
            failures=failures,
        )

    def close(self) -> None:
        """End the recording; windows can still be asked for."""
        if self._ended.is_set():
            return
        self._ended.set()
        with self._changed:
            self._changed.notify_all()
        if not self._probe.paced:
            # it waits for values, and gets none any more
            self._probe.close()
        self._thread.join(self._patience_s() + PATIENCE_S)
        if self._probe.paced:
            self._probe.close()

    def _patience_s(self) -> float:
        """Return how long a window waits for the sample after its end."""
        return max(PATIENCE_S, GAP_PERIODS * self._meter.period_s)

    def _is_past(self, moment_ns: int) -> bool:
        """Tell whether a sample was taken, or has failed, after a moment."""
        failed_ns = self._failures[-1][0] if self._failures else moment_ns - 1
        sampled_ns = self._times[-1] if self._times else moment_ns - 1
        return max(failed_ns, sampled_ns) >= moment_ns

    def _record(self) -> None:
        """Read until the session ends: at even times, or whenever a stream gives something."""
        due_s = time.monotonic()
        while not self._ended.is_set():
            if self._probe.paced:
                due_s = max(due_s + self._meter.period_s, time.monotonic())
                if self._ended.wait(due_s - time.monotonic()):
                    return
            self._sample()

    def _sample(self) -> int:
        """Take one sample and return its moment; a failure is kept with its sentence."""
        with self._reading:
            began = time.monotonic_ns()
            try:
                values: Mapping[str, float] | None = checked(self._probe)
                sentence = ""
            except MeterError as error:
                values, sentence = None, str(error)
            ended = time.monotonic_ns()
            # a stream's value is of the moment at which it came, another one's of the middle of the reading
            moment = (began + ended) // 2 if self._probe.paced else ended
            with self._changed:
                self._keep(moment, values, sentence)
                self._changed.notify_all()
        return moment

    def _keep(self, moment: int, values: Mapping[str, float] | None, sentence: str) -> None:
        """Add a sample, and drop those that are too old."""
        if values is None:
            if not self._ended.is_set():
                self._failures.append((moment, sentence))
            return
        self._names = self._names or tuple(values)
        self._times.append(moment)
        self._values.append(tuple(values.get(name, math.nan) for name in self._names))
        while self._keep_s is not None and moment - self._times[0] > self._keep_s * SECOND_NS:
            self._times.popleft()
            self._values.popleft()
