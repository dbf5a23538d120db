"""Placing the log of a meter on another clock: pulses that it must see, and where in the log they are.

Three times all processors are busy, before everything and after it. The rests between the pulses differ, so that no
shift but the right one lays two pulses upon two others; that is what makes the best place stand out.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from adafocus.edge.device.host import usable_processors
from adafocus.edge.energy.measuring.run import Pulse
from adafocus.edge.energy.report import Alignment
from adafocus.edge.meters.meter import SECOND_NS, Trace, Values
from adafocus.errors import MeterError

PULSE_S = 2.0
# after each pulse; two seconds more come before the first one
RESTS_S = (2.0, 4.0, 4.0)
LEAD_S = 4.0
# the best place must be so many times as good as any other
MIN_PEAK = 2.0
# places nearer than this are the same one
SAME_S = PULSE_S
# clocks of computers and meters differ by less
MAX_DRIFT = 500e-6
# steps on which places are sought, for each step of the log
FINER = 4
MIN_STEP_S, MAX_STEP_S = 0.005, 0.25
# places that are looked at for the pulses before, best first
CANDIDATES = 100
# of the log, so that its step is known
MIN_SAMPLES = 50
BLOCK = bytes(1 << 20)
WHOLE = "Start the meter's log before adafocus and end it afterwards."


def give_pulses(
    busy: Callable[[float], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    now_ns: Callable[[], int] = time.monotonic_ns,
) -> list[Pulse]:
    """Rest and be busy in turn.

    Args:
        busy: keeps all processors busy for some seconds; :func:`keep_busy` where None.
        sleep: rests for some seconds.
        now_ns: clock.

    Returns:
        when it was busy.
    """
    found = []
    sleep(LEAD_S)
    for rest_s in RESTS_S:
        begin = now_ns()
        (busy or keep_busy)(PULSE_S)
        found.append(Pulse(start_ns=begin, end_ns=now_ns()))
        sleep(rest_s)
    return found


def keep_busy(seconds: float) -> None:
    """Keep every processor that this process may use busy, with digests, which leave the interpreter free."""
    end_s = time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < end_s:
            hashlib.sha256(BLOCK)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(usable_processors())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@dataclass(frozen=True)
class Power:
    """The power of a log on even steps.

    Attributes:
        watts: ``(n,)``.
        step_s: between two of them.
        first_ns: moment of the first one, on the log's clock.
    """

    watts: Values
    step_s: float
    first_ns: int


def align(trace: Trace, pulses: Sequence[Pulse]) -> Alignment:
    """Find where a log lies on this machine's clock.

    Args:
        trace: of the log, whose times may be of any clock.
        pulses: as many before the measurement as after it.

    Raises:
        MeterError: the log is too short or too slow, or the pulses do not stand out.
    """
    power, own_s = _even(trace)
    groups = pulses[: len(pulses) // 2], pulses[len(pulses) // 2 :]
    if not all(groups):
        raise MeterError("The record has no pulses before and after. Record it again: adafocus energy --record")
    between_s = (groups[1][0].start_ns - groups[0][0].start_ns) / SECOND_NS
    fits, lead_s = zip(*(_correlation(power, group) for group in groups), strict=True)
    places = _pair(fits, between_s / power.step_s, (SAME_S + MAX_DRIFT * between_s) / power.step_s, power)
    peaks = tuple(_peak(one, place, places, power) for one, place in zip(fits, places, strict=True))
    if min(peaks) < MIN_PEAK:
        raise MeterError(
            f"The pulses do not stand out in the log: the best place is {min(peaks):.2g} times as good as the next "
            f"one, expected {MIN_PEAK:g} times. Is it the log of this device, over the whole measurement, and was "
            "nothing else at work?"
        )
    before_s, after_s = (
        (place + _between_steps(one, place)) * power.step_s + lead
        for one, place, lead in zip(fits, places, lead_s, strict=True)
    )
    drift = between_s / (after_s - before_s) - 1
    # the log's first moment, moved so that the first pulse lies where it was given
    begin_ns = groups[0][0].start_ns - before_s * (1 + drift) * SECOND_NS
    offset_s = (begin_ns - power.first_ns) / SECOND_NS + (power.first_ns - int(trace.times_ns[0])) / SECOND_NS * drift
    return Alignment(offset_s=offset_s, drift_ppm=1e6 * drift, peaks=peaks, step_s=own_s)


def _even(trace: Trace) -> tuple[Power, float]:
    """Return the power of a log on even steps, and its own step.

    Raises:
        MeterError: it has too few samples, or its samples are too far apart to see a pulse.
    """
    moments, watts = trace.power()
    if len(moments) < MIN_SAMPLES:
        raise MeterError(f"The log has {len(moments)} samples with a power, expected at least {MIN_SAMPLES}.")
    seconds = (moments - moments[0]) / SECOND_NS
    own_s = float(np.median(np.diff(seconds)))
    if own_s > PULSE_S / 2:
        raise MeterError(
            f"The log has a sample each {own_s:.3g} s, expected at most {PULSE_S / 2:g} s to see pulses of "
            f"{PULSE_S:g} s. Set the meter to a higher rate."
        )
    step_s = float(np.clip(own_s / FINER, MIN_STEP_S, MAX_STEP_S))
    even = np.arange(0, seconds[-1], step_s)
    return Power(np.interp(even, seconds, watts), step_s, int(moments[0])), own_s


def _correlation(power: Power, pulses: Sequence[Pulse]) -> tuple[Values, float]:
    """Return how well pulses fit at every place of a log, ``(m,)`` in J, and seconds from there to the first.

    It is the energy in the pulses above that in the rests between them. It is not divided by how much the power varies
    there: the small change of a gap between two windows would count as much as pulses of all processors.

    Raises:
        MeterError: the log is shorter than the pulses.
    """
    origin = pulses[0].start_ns
    lead_s, tail_s = LEAD_S - RESTS_S[0] / 2, RESTS_S[-1] / 2
    moments = np.arange(-lead_s, (pulses[-1].end_ns - origin) / SECOND_NS + tail_s, power.step_s)
    shape = np.zeros(len(moments))
    for pulse in pulses:
        begin_s, stop_s = (pulse.start_ns - origin) / SECOND_NS, (pulse.end_ns - origin) / SECOND_NS
        shape[(moments >= begin_s) & (moments < stop_s)] = 1.0
    count, size = len(power.watts) - len(shape) + 1, len(shape)
    if count < 1:
        raise MeterError(f"The log is {len(power.watts) * power.step_s:.3g} s long, shorter than the pulses. {WHOLE}")
    # the rests between pulses weigh as much as the pulses: a window of work, which is one long pulse, does not fit
    rests = (shape == 0) & (moments >= 0) & (moments < (pulses[-1].end_ns - origin) / SECOND_NS)
    shape[rests] = -shape.sum() / max(int(rests.sum()), 1)
    watts = power.watts - power.watts.mean()
    length = 1 << int(np.ceil(np.log2(len(watts) + size)))
    products = np.fft.irfft(np.fft.rfft(watts, length) * np.fft.rfft(shape, length).conj(), length)[:count]
    return products * power.step_s, lead_s


def _pair(fits: Sequence[Values], apart: float, margin: float, power: Power) -> tuple[int, int]:
    """Return the places of both groups that fit best together.

    Args:
        fits: of the group before and of that after, at every place.
        apart: steps between the two on this machine's clock.
        margin: by which the log's clock may differ.
        power: of the log.

    Raises:
        MeterError: the log does not reach over both.
    """
    before, after = fits
    left, found = before.copy(), []
    for _ in range(CANDIDATES):
        place = int(np.argmax(left))
        begin, end = (round(place + apart + side * margin) for side in (-1, 1))
        near = after[max(begin, 0) : max(end + 1, 0)]
        if len(near):
            partner = int(np.argmax(near))
            found.append((float(before[place] + near[partner]), place, max(begin, 0) + partner))
        _blank(left, place, power)
    if not found:
        raise MeterError(f"The log does not reach over the pulses before and after. {WHOLE}")
    return max(found)[1:]


def _peak(fits: Values, place: int, places: Sequence[int], power: Power) -> float:
    """Return how many times better a place is than all that is neither group of pulses."""
    others = fits.copy()
    for taken in places:
        _blank(others, taken, power)
    return max(0.0, float(fits[place])) / max(float(others.max()), np.finfo(float).tiny)


def _blank(fits: Values, place: int, power: Power) -> None:
    """Take a place and its surroundings out of what is sought."""
    reach = int(np.ceil(SAME_S / power.step_s))
    fits[max(0, place - reach) : place + reach + 1] = -np.inf


def _between_steps(fits: Values, best: int) -> float:
    """Return where the top of a parabola through three places lies, in steps from the middle one."""
    if not 0 < best < len(fits) - 1:
        return 0.0
    left, middle, right = fits[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
