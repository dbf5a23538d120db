"""Times that logs write: read, and put in order where a logger writes them coarsely or late."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Literal

import numpy as np

from adafocus.edge.meters.meter import GAP_PERIODS, SECOND_NS, Nanoseconds
from adafocus.errors import MeterError

# up to microseconds; what is finer is cut
FRACTION = re.compile(r"\.(\d{1,6})\d*")
UNITS_NS = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# below this share of different times, a clock writes seconds while samples come faster
COARSE = 0.7
# 2200, beyond which 64 bits of nanoseconds soon end
LATEST_S = 7.3e9


def numeric_times(texts: Sequence[str], unit: str, place: str) -> Nanoseconds:
    """Return times that are numbers, in ns.

    Args:
        texts: as written.
        unit: of :data:`UNITS_NS`.
        place: file and column, for messages.

    Raises:
        MeterError: one is no number, or too large.
    """
    try:
        times = np.array([float(text) for text in texts], np.float64) * (UNITS_NS[unit] / SECOND_NS)
    except ValueError as error:
        raise MeterError(f"{place}: {error}, expected a time as a number.") from error
    if not (np.abs(times) < LATEST_S).all():
        raise MeterError(f"{place}: a time lies beyond the year 2200. Is time_unit={unit} right?")
    return np.round(times * SECOND_NS).astype(np.int64)


def dated_times(texts: Sequence[str], zone: Literal["local", "utc"], place: str) -> Nanoseconds:
    """Return dates such as ``2025-03-28 01:56:50.313271`` in ns since 1970.

    Args:
        texts: as written; a zone that a date states counts.
        zone: of dates without one.
        place: file and column, for messages.

    Raises:
        MeterError: one is no date.
    """
    try:
        return np.array([_unix_ns(_date(text), zone) for text in texts])
    except (ValueError, OverflowError, OSError) as error:
        raise MeterError(
            f"{place}: {error}. Expected numbers, or dates such as 2025-03-28 01:56:50.313 on every line."
        ) from error


def _date(text: str) -> datetime:
    """Return a date; Python 3.10 takes fractions of three or six digits only, and no Z."""
    plain = FRACTION.sub(lambda found: f".{found[1]:0<6}", text.strip().replace("Z", "+00:00"))
    return datetime.fromisoformat(plain)


def _unix_ns(moment: datetime, zone: Literal["local", "utc"]) -> int:
    """Return a date in ns since 1970."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc) if zone == "utc" else moment.astimezone()
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def settled(times: Nanoseconds, place: str) -> Nanoseconds:
    """Return times that never fall, as near to those written as can be.

    A logger that gets samples in packets writes times that go back a little from packet to packet: they become the mean
    of the nearest rising times from below and from above. One that writes full seconds while samples come faster has
    them spread evenly over each second.

    Args:
        times: (n,) int64 ns as written, n at least 2.
        place: the file, for messages.

    Raises:
        MeterError: a time goes back by more than a gap, so that the clock was set or two logs were joined.
    """
    steps = np.diff(times)
    forward = steps[steps > 0]
    if not len(forward):
        raise MeterError(f"{place}: all samples have one time, or times only go back. Write finer times.")
    typical = float(np.median(forward))
    highest = np.maximum.accumulate(times)
    fall = highest - times
    if fall.max() > GAP_PERIODS * typical:
        line = int(np.argmax(fall > GAP_PERIODS * typical))
        raise MeterError(
            f"{place}: at sample {line + 1} the time goes back by {fall[line] / SECOND_NS:.3g} s. The clock was set, "
            "or two logs are in one file. Cut the file there."
        )
    lowest = np.minimum.accumulate(times[::-1])[::-1]
    rising = lowest + (highest - lowest) // 2
    return _spread(rising) if len(np.unique(times)) < COARSE * len(times) else rising


def _spread(times: Nanoseconds) -> Nanoseconds:
    """Return coarse times, spread over the steps of the clock that wrote them.

    A sample of many with one time lies in the middle of its share of the step. The first and the last step hold fewer
    samples, as the log begins and ends within them: there samples lie as far apart as elsewhere.
    """
    starts, firsts, counts = np.unique(times, return_index=True, return_counts=True)
    if len(starts) < 2:
        return times
    # times that fell and were put in order are no starts of steps, so the clock's step is the usual one
    step = float(np.median(np.diff(starts)))
    usual = step / float(np.median(counts[1:-1] if len(counts) > 2 else counts))
    place = np.arange(len(times)) - np.repeat(firsts, counts) + 0.5
    widths = np.minimum(np.diff(starts), step)
    apart = np.append(widths, step) / counts
    apart[-1] = min(apart[-1], usual)
    offsets = place * np.repeat(apart, counts)
    head = counts[0]
    if head * usual < widths[0]:
        offsets[:head] = widths[0] - (head - place[:head]) * usual
    return times + np.round(offsets).astype(np.int64)


def period_of(times: Nanoseconds) -> float:
    """Return the usual time from sample to sample in s."""
    steps = np.diff(times)
    forward = steps[steps > 0]
    return float(np.median(forward)) / SECOND_NS if len(forward) else 0.0
