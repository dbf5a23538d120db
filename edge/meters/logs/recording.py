"""What a log holds: a trace, and whose clock wrote its times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from adafocus.edge.meters.logs.moments import period_of, settled
from adafocus.edge.meters.meter import Nanoseconds, Scope, Trace, Values
from adafocus.errors import MeterError

# seconds since 1970 of any machine's clock; `time.monotonic` of this one; any other, which must be placed first
Clock = Literal["unix", "host", "own"]
MIN_SAMPLES = 2


@dataclass(frozen=True)
class Recording:
    """One log.

    Attributes:
        trace: its times are those of ``clock``.
        clock: whose times they are.
        detail: format and rails, for people.
    """

    trace: Trace
    clock: Clock
    detail: str


def recording(
    path: Path,
    times_ns: Nanoseconds,
    rails: Mapping[str, Values],
    totals: tuple[str, ...],
    clock: Clock,
    scope: Scope,
    detail: str,
    *,
    counts: bool = False,
) -> Recording:
    """Return a recording whose times never fall.

    Args:
        path: of the log, for messages.
        times_ns: (n,) int64 as they were written, which may repeat and go back a little.
        rails: watts or joules by rail, (n,) each.
        totals: rails that make up the whole.
        clock: whose times they are.
        scope: what the whole is of.
        detail: format and rails, for people.
        counts: whether rails are counters of joules.

    Raises:
        MeterError: fewer than two samples, times that go far back, or a whole without a number.
    """
    if len(times_ns) < MIN_SAMPLES:
        raise MeterError(f"{path} holds {len(times_ns)} samples, expected at least {MIN_SAMPLES}. Record for longer.")
    times = settled(times_ns, str(path))
    if not np.isfinite(np.sum([rails[name] for name in totals], axis=0)).any():
        raise MeterError(f"{path} holds no number in {', '.join(totals)}. Was the meter connected?")
    trace = Trace(times, dict(rails), totals, counts, period_of(times), scope, "own")
    return Recording(trace, clock, detail)
