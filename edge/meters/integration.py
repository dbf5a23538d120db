"""The energy of a window: the trapezoid rule over the times at which samples were taken, or why there is none."""

from __future__ import annotations

import numpy as np

from adafocus.edge.meters.meter import SECOND_NS, Nanoseconds, Reading, Trace, Values

MIN_COVERAGE = 0.95
MIN_SAMPLES = 2
# the longest gap that a window may have, where five periods of the meter are shorter
GAP_S = 1.0


def integrate(trace: Trace, begin_ns: int, end_ns: int) -> Reading:
    """Return the energy of a window.

    Power is integrated by the trapezoid rule over real times, and the difference of a counter is taken. At the edges
    values are interpolated between the samples on both sides; where there is none on one side, the nearest power is
    held.

    Args:
        trace: what was recorded.
        begin_ns: first moment, on the clock of the trace.
        end_ns: last moment.

    Returns:
        joules None with a reason where the coverage is below 95 %, a gap exceeds the longer of 1 s and 5 periods,
        fewer than 2 samples lie in the window, a counter went back and no wrap explains it, or the sum is not above 0.
    """
    near = _near(trace, begin_ns, end_ns)
    times = near.times_ns - begin_ns
    end = end_ns - begin_ns
    inside = (times >= 0) & (times <= end)
    coverage, longest_s = _cover(times, end, trace.gap_s)
    facts = Reading(None, end / SECOND_NS, int(inside.sum()), coverage, longest_s, None, {}, trace.scope)
    whole, fault = near.whole()
    reason = _doubt(facts, trace, begin_ns, end_ns) or fault
    if reason is not None:
        return _without(facts, reason)
    joules = _energy(times, whole, 0, end, trace.counts)
    if not joules > 0:
        return _without(facts, _impossible(joules, facts.seconds, trace.counts))
    first, last = times[inside][[0, -1]]
    middle = _energy(times, whole, first, last, trace.counts) if last > first else 0.0
    found = {name: near.unwrapped(name) for name in near.rails}
    rails = {
        name: _energy(times, values, 0, end, trace.counts)
        for name, (values, wrong) in found.items()
        if wrong is None and np.isfinite(values).all()
    }
    return Reading(joules, facts.seconds, facts.samples, coverage, longest_s, joules - middle, rails, trace.scope, None)


def _without(facts: Reading, reason: str) -> Reading:
    """Return a reading without joules."""
    return Reading(
        None, facts.seconds, facts.samples, facts.coverage, facts.longest_gap_s, None, {}, facts.scope, reason
    )


def _near(trace: Trace, begin_ns: int, end_ns: int) -> Trace:
    """Return the samples of a window that have a value, and the one on either side that is no gap away."""
    known = trace.known()
    gap_ns = int(_gap_limit_s(trace) * SECOND_NS)
    first = int(np.searchsorted(known.times_ns, begin_ns, "left"))
    behind = int(np.searchsorted(known.times_ns, end_ns, "right"))
    if first > 0 and begin_ns - known.times_ns[first - 1] <= gap_ns:
        first -= 1
    if behind < len(known.times_ns) and known.times_ns[behind] - end_ns <= gap_ns:
        behind += 1
    return known.taken(slice(first, behind))


def _gap_limit_s(trace: Trace) -> float:
    """Return the longest gap that a window may have."""
    return max(GAP_S, trace.gap_s)


def _cover(times: Nanoseconds, end: int, gap_s: float) -> tuple[float, float]:
    """Return the share of a window that lies between samples no gap apart, and its longest time without a sample.

    Args:
        times: of samples, in ns since the window began.
        end: of the window, likewise.
        gap_s: longest time between samples that is none.
    """
    if end <= 0:
        return 0.0, 0.0
    parts = np.diff(np.concatenate([[0], np.clip(times, 0, end), [end]]))
    # one part in a million more is rounding
    close = np.diff(times) <= gap_s * SECOND_NS * (1 + 1e-6)
    return float(parts[1:-1][close].sum() / end), float(parts.max() / SECOND_NS)


def _doubt(facts: Reading, trace: Trace, begin_ns: int, end_ns: int) -> str | None:
    """Return why the samples of a window do not tell its energy; None where they do."""
    limit_s = _gap_limit_s(trace)
    if facts.seconds <= 0:
        return f"The window ends {-facts.seconds:g} s before it begins or is empty. Mark its begin first."
    if facts.samples < MIN_SAMPLES:
        found = (
            f"{facts.samples} samples of the meter lie in the window of {facts.seconds:.3g} s, expected at least "
            f"{MIN_SAMPLES}"
        )
        advice = f"Measure for longer: this meter gives one each {trace.period_s:.3g} s."
    elif facts.longest_gap_s > limit_s:
        found = f"The meter gave nothing for {facts.longest_gap_s:.3g} s, expected at most {limit_s:.3g} s"
        advice = "Measure again."
    elif facts.coverage < MIN_COVERAGE:
        found = (
            f"The meter's samples cover {100 * facts.coverage:.1f} % of the window, expected at least "
            f"{100 * MIN_COVERAGE:.0f} %"
        )
        advice = "Measure again with fewer programs at work."
    else:
        return None
    failures = [sentence for moment, sentence in trace.failures if begin_ns <= moment <= end_ns]
    if failures:
        return f"{found}. It failed {len(failures)} times, the last time because: {failures[-1]}"
    return f"{found}. {advice}"


def _impossible(joules: float, seconds: float, counts: bool) -> str:
    """Return what a sum says that no working device can have."""
    if joules < 0:
        return (
            f"The energy is {joules:.4g} J, below 0: current flows against the meter's direction. Turn its leads "
            "around or choose the other column, then measure again."
        )
    if counts:
        return (
            f"The counter stood still for {seconds:.3g} s. It counts nothing here, as in many virtual machines, or the "
            "window is too short for it."
        )
    return (
        f"The meter read 0 W for {seconds:.3g} s, and no device at work draws nothing. Is the device supplied through "
        "the meter, and is it the right column or rail?"
    )


def _energy(times: Nanoseconds, values: Values, begin: int, end: int, counts: bool) -> float:
    """Return the energy between two moments in J, of watts or of a counter of joules; all times in ns."""
    if counts:
        first, last = max(begin, times[0]), min(end, times[-1])
        counted = np.diff(np.interp([first, last], times, values))[0]
        # no sample lies outside on one side: the rest is as the part that is known
        return float(counted * ((end - begin) / (last - first)))
    between = times[(times > begin) & (times < end)]
    moments = np.concatenate([[begin], between, [end]])
    watts = np.interp(moments, times, values)
    return float(((watts[1:] + watts[:-1]) / 2 * np.diff(moments)).sum() / SECOND_NS)
