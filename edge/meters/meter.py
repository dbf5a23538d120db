"""What every meter is: a protocol, the trace that it records, and the reading of one window of it.

A meter is opened once. Its session records in a thread; whoever measures marks moments and asks for the energy between
two of them (:func:`adafocus.edge.meters.integration.integrate`). That serves a benchmark with many windows as well as a
budget that looks back at the last ten seconds::

    with meter.open() as session:
        begin = session.mark()
        work()
        reading = session.window(begin, session.mark())

Energy is integrated over the times at which samples were really taken. Where that cannot be trusted, ``joules`` is
None and ``reason`` says why; it is never 0 for a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Scope = Literal["wall", "battery", "board input", "module input", "module rails", "platform", "package", "gpu"]
Kind = Literal["counter", "sampler", "log"]
Nanoseconds = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

# from the widest to the narrowest: `auto` takes the first that answers
SCOPES: tuple[Scope, ...] = (
    "wall",
    "board input",
    "battery",
    "module input",
    "module rails",
    "platform",
    "package",
    "gpu",
)
# after so many periods without a sample nothing is known of the time between
GAP_PERIODS = 5
# what no counter of a device that this program runs on exceeds, to tell a wrap from a reset
MAX_WATTS = 2000.0
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Places:
    """Where meters are looked for; tests hand trees and programs of their own.

    Attributes:
        sys: root of sysfs.
        vcio: device file of a Raspberry Pi's mailbox.
        vcgencmd: program that asks a Raspberry Pi's firmware.
        powermetrics: program of macOS.
    """

    sys: Path = Path("/sys")
    vcio: Path = Path("/dev/vcio")
    vcgencmd: str = "vcgencmd"
    powermetrics: str = "powermetrics"


@dataclass(frozen=True)
class Address:
    """Which meter is meant: ``KIND:PLACE?name=value&name=value``.

    Attributes:
        kind: name of a row of the table.
        place: a chip, a host or a file; empty where none was given.
        settings: by name.
    """

    kind: str
    place: str = ""
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Unavailable:
    """Why a meter cannot be used.

    Attributes:
        reason: a sentence, with the command that allows it where there is one.
        present: whether the meter is there, and only shut to this user.
    """

    reason: str
    present: bool = False

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class Reading:
    """Energy of one window.

    Attributes:
        joules: of the scope; None where they are not known.
        seconds: length of the window.
        samples: taken in the window, those without a value left out.
        coverage: share of the window that lies between samples that are no gap apart, 0 to 1.
        longest_gap_s: longest time in the window without a sample.
        edge_j: part of ``joules`` that lies between an edge of the window and the sample next to it inside, so that
            it is interpolated; None where ``joules`` is.
        rails: joules of every rail that is known. They are no parts to add up: one may be the total of others.
        scope: what the energy is of.
        reason: a sentence where ``joules`` is None.
    """

    joules: float | None
    seconds: float
    samples: int
    coverage: float
    longest_gap_s: float
    edge_j: float | None
    rails: Mapping[str, float]
    scope: Scope
    reason: str | None = None

    @property
    def watts(self) -> float | None:
        """Mean power of the window."""
        return None if self.joules is None else self.joules / self.seconds


@dataclass(frozen=True)
class Trace:
    """What a meter has recorded.

    Attributes:
        times_ns: (n,) int64, never falling; moments of ``time.monotonic_ns`` where ``clock`` is ``host``.
        rails: watts of every rail, or joules of its counter, (n,) float64; NaN where a sample lacks it.
        totals: names of the rails whose sum is the whole; no rail in it is a part of another.
        counts: whether rails are counters of joules.
        period_s: time from sample to sample that the meter means to keep.
        scope: what the sum of ``totals`` is of.
        clock: ``host``, or ``own`` where the times are of another clock and must be placed first.
        wraps_j: value at which a counter begins at 0 again, by rail.
        failures: moment and sentence of every sample that failed.
    """

    times_ns: Nanoseconds
    rails: Mapping[str, Values]
    totals: tuple[str, ...]
    counts: bool
    period_s: float
    scope: Scope
    clock: Literal["host", "own"] = "host"
    wraps_j: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    failures: tuple[tuple[int, str], ...] = ()

    @property
    def gap_s(self) -> float:
        """Time between two samples above which nothing is known of what lies between."""
        return GAP_PERIODS * self.period_s

    def placed(self, offset_s: float, drift_ppm: float = 0.0) -> Trace:
        """Return the trace on the host's clock.

        Args:
            offset_s: what must be added to the trace's first moment.
            drift_ppm: how much the trace's clock runs slow: so many microseconds are added for each of its seconds.
        """
        first = self.times_ns[0] if len(self.times_ns) else np.int64(0)
        elapsed = self.times_ns - first
        moved = first + np.round(elapsed * (1 + drift_ppm * 1e-6) + offset_s * SECOND_NS).astype(np.int64)
        return replace(self, times_ns=moved, clock="host")

    def power(self) -> tuple[Nanoseconds, Values]:
        """Return moments and watts of the whole, for plots and for finding pulses; samples without a value left out.

        The watts of a counter are those since the sample before, at the moment between the two.
        """
        known = self.known()
        whole, _ = known.whole()
        if not self.counts:
            return known.times_ns, whole
        apart_ns = np.diff(known.times_ns)
        moving = apart_ns > 0
        middles = known.times_ns[:-1] + apart_ns // 2
        return middles[moving], np.diff(whole)[moving] / (apart_ns[moving] / SECOND_NS)

    def known(self) -> Trace:
        """Return the trace without the samples in which a rail of the whole has no value."""
        return self.taken(np.isfinite(sum(self.rails[name] for name in self.totals)))

    def taken(self, chosen: npt.NDArray[np.bool_] | slice) -> Trace:
        """Return the trace with some of its samples."""
        rails = {name: values[chosen] for name, values in self.rails.items()}
        return replace(self, times_ns=self.times_ns[chosen], rails=rails)

    def whole(self) -> tuple[Values, str | None]:
        """Return the sum of the rails in ``totals``, and a sentence where a counter of them went back."""
        parts = [self.unwrapped(name) for name in self.totals]
        return np.sum([values for values, _ in parts], axis=0), next((fault for _, fault in parts if fault), None)

    def unwrapped(self, name: str) -> tuple[Values, str | None]:
        """Return a rail; a counter goes on where it began at 0 again. The sentence says where it went back otherwise.

        A step back is a wrap where the power that follows from it is one that such a device can have.
        """
        values = self.rails[name]
        steps = np.diff(values)
        back = np.flatnonzero(steps < 0)
        if not self.counts or not len(back):
            return values, None
        wraps_j = self.wraps_j.get(name)
        seconds = np.maximum(np.diff(self.times_ns)[back] / SECOND_NS, 1.0)
        if wraps_j is None or (steps[back] + wraps_j > MAX_WATTS * seconds).any():
            first = back[0]
            return values, (
                f"The counter {name} went back from {values[first]:.6g} J to {values[first + 1]:.6g} J, and no wrap "
                "explains it. Was the machine suspended, or the driver loaded anew? Measure again."
            )
        added = np.zeros_like(values)
        added[back + 1] = wraps_j
        return values + np.cumsum(added), None


class Session(Protocol):
    """A meter at work."""

    def mark(self) -> int:
        """Return the present moment, of ``time.monotonic_ns``; a counter is read at it."""
        ...

    def window(self, begin_ns: int, end_ns: int, wait: bool = True) -> Reading:
        """Return the energy between two moments.

        Args:
            begin_ns: first moment, of ``mark``.
            end_ns: last moment, likewise.
            wait: for the first sample after the end, at most as long as a gap may be; without it the last power is
                held up to the end, and nothing waits.
        """
        ...

    def trace(self) -> Trace:
        """Return what has been recorded so far."""
        ...

    def close(self) -> None:
        """End the recording; windows can still be asked for."""
        ...

    def __enter__(self) -> Session: ...

    def __exit__(self, *error: object) -> None: ...


class Meter(Protocol):
    """One meter that this machine may have.

    Attributes:
        name: of its row in the table.
        kind: ``counter`` of joules, ``sampler`` of watts, or a ``log`` that something else writes.
        scope: what it measures; known for certain once ``available`` has returned None.
        period_s: from sample to sample.
        detail: which chip and which rails, once ``available`` has returned None.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def kind(self) -> Kind: ...  # noqa: D102

    @property
    def scope(self) -> Scope: ...  # noqa: D102

    @property
    def period_s(self) -> float: ...  # noqa: D102

    @property
    def detail(self) -> str: ...  # noqa: D102

    def available(self) -> Unavailable | None:
        """Take one real reading; return None where it came, else why it did not."""
        ...

    def open(self, keep_s: float | None = None) -> Session:
        """Begin to record.

        Args:
            keep_s: how far back windows may begin; None keeps everything.

        Raises:
            MeterError: the meter cannot be read.
        """
        ...
