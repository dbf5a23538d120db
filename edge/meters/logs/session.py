"""A log as a meter: its file is read when a window is asked for, and again when it has grown."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from adafocus.edge.meters.integration import GAP_S, integrate
from adafocus.edge.meters.logs.recording import Clock, Recording
from adafocus.edge.meters.meter import SECOND_NS, Kind, Reading, Scope, Trace, Unavailable
from adafocus.errors import MeterError

LOOK_S = 0.1
# a step of this machine's clock that moves a window by about a sample of a quick log
MAX_STEP_S = 0.1


class LogMeter:
    """A log of the table."""

    kind: Kind = "log"

    def __init__(self, name: str, path: Path, read: Callable[[], Recording]) -> None:
        """Remember where the log is.

        Args:
            name: of the row.
            path: of the file.
            read: reads it; raises MeterError.
        """
        self.name = name
        self.scope: Scope = "board input"
        self.period_s = 0.0
        self.detail = str(path)
        self._path, self._read = path, read

    def available(self) -> Unavailable | None:
        """Read the file; return None where it holds samples, else why it does not."""
        try:
            self._take()
        except MeterError as error:
            return Unavailable(str(error), self._path.exists())
        return None

    def open(self, keep_s: float | None = None) -> LogSession:
        """Begin to measure by the log.

        Raises:
            MeterError: it cannot be read.
        """
        return LogSession(self._path, self._take, self._take())

    def _take(self) -> Recording:
        """Read the file, and what kind of meter wrote it."""
        found = self._read()
        self.scope, self.period_s = found.trace.scope, found.trace.period_s
        self.detail = f"{found.detail} in {self._path}"
        return found


class LogSession:
    """Windows of a log."""

    def __init__(self, path: Path, read: Callable[[], Recording], found: Recording) -> None:
        """Begin.

        Args:
            path: of the file.
            read: reads it once more.
            found: what it held at first.
        """
        self._path, self._read, self._found = path, read, found
        self._state = self._file_state()
        self._since_1970_ns = _since_1970_ns()
        self._place: tuple[float, float] | None = None
        self._failure: str | None = None

    def __enter__(self) -> LogSession:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def clock(self) -> Clock:
        """Whose times the log holds."""
        return self._found.clock

    def place(self, offset_s: float, drift_ppm: float = 0.0) -> None:
        """Say where the log's times lie on this machine's clock.

        It is on top of what the log says itself: of a clock that counts from 1970, only the error is meant.

        Args:
            offset_s: what is added to the log's first moment.
            drift_ppm: microseconds that are added for each of its seconds.
        """
        self._place = offset_s, drift_ppm

    def mark(self) -> int:
        """Return the present moment, of ``time.monotonic_ns``."""
        return time.monotonic_ns()

    def window(self, begin_ns: int, end_ns: int, wait: bool = True) -> Reading:
        """Return the energy between two moments; see :class:`adafocus.edge.meters.meter.Session`.

        A log that is still being written is given time to get there.
        """
        trace = self.trace()
        deadline_s = time.monotonic() + max(GAP_S, trace.gap_s)
        while wait and trace.clock == "host" and trace.times_ns[-1] < end_ns and time.monotonic() < deadline_s:
            time.sleep(LOOK_S)
            trace = self.trace()
        found = integrate(trace, begin_ns, end_ns)
        reason = self._doubt(trace)
        if reason is None and found.joules is None and self._failure is not None:
            reason = self._failure
        return found if reason is None else replace(found, joules=None, edge_j=None, rails={}, reason=reason)

    def trace(self) -> Trace:
        """Return what the log holds now, on this machine's clock where that is known.

        A file that is being replaced at this moment is what it was.
        """
        self._look()
        trace = self._found.trace
        if self._found.clock == "unix":
            trace = trace.placed(-self._since_1970_ns / SECOND_NS)
        elif self._found.clock == "host":
            trace = trace.placed(0.0)
        if self._place is not None:
            trace = trace.placed(*self._place)
        return trace

    def close(self) -> None:
        """Read the log no more; what it held can still be asked for."""

    def _look(self) -> None:
        """Read the file again if it has changed, and keep why it could not be read."""
        state = self._file_state()
        if state == self._state:
            return
        try:
            self._found, self._state, self._failure = self._read(), state, None
        except MeterError as error:
            self._failure = str(error)

    def _file_state(self) -> tuple[int, int] | None:
        """Return size and time of the file, by which a change shows."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns

    def _doubt(self, trace: Trace) -> str | None:
        """Return why the log's times are not to be trusted; None where they are."""
        if trace.clock == "own":
            return (
                f"The times in {self._path} are of a clock of its own, so no window of this machine can be found. "
                "Place it by pulses, or say clock=unix, utc, local or host where it is one of these."
            )
        step_s = (_since_1970_ns() - self._since_1970_ns) / SECOND_NS
        if self._found.clock == "unix" and self._place is None and abs(step_s) > MAX_STEP_S:
            return f"This machine's clock was set by {step_s:.3g} s while the log was written. Measure again."
        return None


def _since_1970_ns() -> int:
    """Return how far this machine's clock is ahead of its monotonic one."""
    return time.time_ns() - time.monotonic_ns()
