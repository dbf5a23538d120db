"""From windows and their joules to the figures of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adafocus.edge.energy.facts import WORKLOADS, MeterFacts, Workload
from adafocus.edge.energy.measuring.judgment import judge
from adafocus.edge.energy.measuring.run import Run, Span
from adafocus.edge.energy.measuring.statistics import MIN_RIGHT, Bootstrap, common_drift
from adafocus.edge.energy.report import (
    MAX_TRACE_POINTS,
    Alignment,
    BudgetRow,
    Interval,
    PerClip,
    PerCorrect,
    PerStage,
    PowerTrace,
    Repeat,
    Report,
    StageEnergy,
    SumCheck,
    Window,
)
from adafocus.edge.meters.meter import SECOND_NS, Nanoseconds, Reading, Values
from adafocus.errors import MeterError

# a workload, and the number of the row of the table where it is of one
Key = tuple[Workload, int | None]


@dataclass(frozen=True)
class Series:
    """A clip of one workload in every round; NaN where a window has no joules.

    Attributes:
        gross: joules of everything, ``(rounds,)``, without what the power of all workloads drifted by.
        net: joules above idling, likewise.
        ms: milliseconds.
        watts: mean power as it was.
    """

    gross: Values
    net: Values
    ms: Values
    watts: Values

    @property
    def windows(self) -> int:
        """How many have joules."""
        return int((~np.isnan(self.gross)).sum())

    def __sub__(self, other: Series) -> Series:
        """Return the difference within each round; that of the power says nothing."""
        return Series(self.gross - other.gross, self.net - other.net, self.ms - other.ms, self.watts)


def make_report(
    run: Run,
    readings: Sequence[Reading | None],
    meter: MeterFacts,
    watts: tuple[Nanoseconds, Values],
    alignment: Alignment | None = None,
) -> Report:
    """Return the report of a measurement.

    Args:
        run: what happened when.
        readings: of the meter, one for each span; None where it was not asked.
        meter: that was asked.
        watts: moments in ns and power over everything.
        alignment: of a log.

    Raises:
        MeterError: no window of any workload has joules.
    """
    windows = tuple(_window(span, reading) for span, reading in zip(run.spans, readings, strict=True))
    bootstrap = Bootstrap(run.protocol.seed, run.protocol.draws)
    idle = [_idle_watts(windows, repeat) for repeat in range(len(run.started))]
    repeats, drifts = zip(
        *(_all_series(windows, repeat, idle[repeat]) for repeat in range(len(run.started))), strict=True
    )
    first = {workload: series for (workload, budget), series in repeats[0].items() if budget is None}
    if not first:
        reasons = [window.reason for window in windows if window.reason and window.round is not None]
        raise MeterError(f"No window has joules. {reasons[-1] if reasons else 'Nothing was metered.'}")
    per_clip = {name: _per_clip(run, name, first[name], bootstrap) for name in WORKLOADS if name in first}
    medians = [
        {name: float(np.nanmedian(series.gross)) for (name, budget), series in found.items() if budget is None}
        for found in repeats
    ]
    warnings, publishable = judge(run, windows, idle[0], per_clip, drifts[0])
    return Report(
        source="measured",
        bundle=run.bundle,
        device=run.device,
        meter=meter,
        protocol=run.protocol,
        idle_w=tuple(power for _, power in idle[0]),
        drift_percent=100 * drifts[0],
        busy_w=float(np.nanmedian(first["full"].watts)) if "full" in first else None,
        windows=windows,
        per_clip=per_clip,
        per_stage=_per_stage(first, per_clip, bootstrap),
        per_correct=_per_correct(run, first, bootstrap),
        by_budget=_by_budget(run, repeats[0], bootstrap),
        observer_ms=run.observer_ms,
        alignment=alignment,
        trace=_thinned(*watts),
        repeats=tuple(
            Repeat(started=started, per_clip=found) for started, found in zip(run.started, medians, strict=True)
        )
        if len(medians) > 1
        else (),
        spread_percent=_spread(medians),
        warnings=tuple(warnings),
        publishable=publishable,
    )


def _window(span: Span, reading: Reading | None) -> Window:
    """Return a window of the report."""
    facts = span.model_dump(include={"workload", "start_ns", "clips", "round", "repeat", "budget"})
    facts |= span.model_dump(include={"temperature_c", "mhz", "throttled"})
    if reading is None:
        return Window(**facts, seconds=span.seconds, joules=None, reason=span.fault)
    return Window(
        **facts,
        seconds=span.seconds,
        joules=None if span.fault else reading.joules,
        samples=reading.samples,
        coverage=min(1.0, reading.coverage),
        longest_gap_s=reading.longest_gap_s,
        edge_j=None if span.fault else reading.edge_j,
        reason=span.fault or reading.reason,
    )


def _idle_watts(windows: Sequence[Window], repeat: int) -> list[tuple[float, float]]:
    """Return moments in ns and power of the windows of idling, before and after; only those with joules."""
    found = [window for window in windows if window.workload == "idle" and window.repeat == repeat]
    return [(_middle(window), window.joules / window.seconds) for window in found if window.joules is not None]


def _middle(window: Window) -> float:
    """Return the moment in the middle of a window in ns."""
    return window.start_ns + window.seconds * SECOND_NS / 2


def _all_series(
    windows: Sequence[Window], repeat: int, idle: Sequence[tuple[float, float]]
) -> tuple[dict[Key, Series], float]:
    """Return the clips of every workload and row of the table, and the share that power drifted by over the rounds.

    Args:
        windows: of all repeats.
        repeat: which.
        idle: moments in ns and power of its windows of idling.
    """
    found = [window for window in windows if window.round is not None and window.repeat == repeat]
    count = 1 + max((window.round or 0 for window in found), default=-1)
    tables: dict[Key, Values] = {}
    for window in found:
        if window.joules is None or not window.clips or window.workload == "idle" or window.workload == "unmetered":
            continue
        # idling drifts with heat: its power at this moment lies on a line between before and after
        asleep_w = float(np.interp(_middle(window), *np.array(idle).T)) if idle else np.nan
        watts = window.joules / window.seconds
        table = tables.setdefault((window.workload, window.budget), np.full((4, count), np.nan))
        table[:, window.round] = _middle(window) / SECOND_NS, watts, watts - asleep_w, window.seconds / window.clips
    gross, net = (
        common_drift(*([table[row][~np.isnan(table[rate])] for table in tables.values()] for row in (rate, 0)))
        for rate in (1, 2)
    )
    series = {}
    for key, (moments, watts, above, clip_s) in tables.items():
        steady = [power / (1 + slope * (moments - middle)) for power, (slope, middle) in ((watts, gross), (above, net))]
        series[key] = Series(steady[0] * clip_s, steady[1] * clip_s, 1e3 * clip_s, watts)
    moments = np.concatenate([table[0] for table in tables.values()]) if tables else np.zeros(1)
    return series, gross[0] * float(np.nanmax(moments) - np.nanmin(moments))


class _Figures(NamedTuple):
    """Joules and milliseconds of a clip or a stage."""

    gross: Interval
    net: Interval | None
    ms: Interval


def _figures(series: Series, bootstrap: Bootstrap) -> _Figures:
    """Return the figures of the rounds that are known; one at least is."""
    gross, net, ms = (values[~np.isnan(values)] for values in (series.gross, series.net, series.ms))
    return _Figures(bootstrap.interval(gross), bootstrap.interval(net) if len(net) else None, bootstrap.interval(ms))


def _per_clip(run: Run, workload: Workload, series: Series, bootstrap: Bootstrap) -> PerClip:
    """Return what a clip of one workload takes."""
    right = run.outcomes[workload].right if workload in run.outcomes else ()
    gross, net, ms = _figures(series, bootstrap)
    top1 = float(np.mean(right)) if right else None
    return PerClip(gross_j=gross, net_j=net, ms=ms, windows=series.windows, top1=top1)


def _per_stage(
    found: Mapping[Workload, Series], per_clip: Mapping[Workload, PerClip], bootstrap: Bootstrap
) -> PerStage:
    """Return what the stages take, by differences within each round, and whether they add up."""
    decode, glance, full = (found.get(name) for name in ("decode", "glance", "full"))
    parts = {
        "decode": decode,
        "glance": glance - decode if glance and decode else None,
        "focus": full - glance if full and glance else None,
    }
    stages: dict[str, StageEnergy] = {}
    for name, series in parts.items():
        if series is not None and series.windows:
            gross, net, ms = _figures(series, bootstrap)
            stages[name] = StageEnergy(gross_j=gross, net_j=net, ms=ms)
    return PerStage(
        decode=stages.get("decode"),
        glance=stages.get("glance"),
        focus=stages.get("focus"),
        sum_check=_sum_check(list(stages.values()), per_clip.get("full")),
    )


def _sum_check(stages: Sequence[StageEnergy], full: PerClip | None) -> SumCheck | None:
    """Return whether three stages add up to a full clip."""
    if full is None or len(stages) < 3:
        return None
    net = full.net_j is not None and all(stage.net_j is not None for stage in stages)
    whole = full.net_j if net and full.net_j is not None else full.gross_j
    parts = sum((stage.net_j if net and stage.net_j else stage.gross_j).median for stage in stages)
    within = whole.low is None or whole.high is None or whole.low <= parts <= whole.high
    percent = 100 * (parts - whole.median) / whole.median
    return SumCheck(parts_j=parts, whole_j=whole.median, difference_percent=percent, within=within)


def _per_correct(run: Run, found: Mapping[Workload, Series], bootstrap: Bootstrap) -> dict[Workload, PerCorrect] | None:
    """Return what a right label takes; None where no clip has a label, or hardly any was right."""
    results: dict[Workload, PerCorrect] = {}
    for workload, series in found.items():
        right = np.array(run.outcomes[workload].right if workload in run.outcomes else (), np.float64)
        if right.sum() < MIN_RIGHT:
            continue
        gross, net = (values[~np.isnan(values)] for values in (series.gross, series.net))
        results[workload] = PerCorrect(
            gross_j=bootstrap.ratio(gross, right),
            net_j=bootstrap.ratio(net, right) if len(net) else None,
            top1=bootstrap.share(right),
            clips=len(right),
        )
    return results or None


def _by_budget(run: Run, found: Mapping[Key, Series], bootstrap: Bootstrap) -> tuple[BudgetRow, ...]:
    """Return what a clip takes with the rows of the bundle's table that were measured."""
    rows = []
    for row in run.budgets:
        series = found.get(("exits", row.number))
        if series is None:
            continue
        right = row.outcome.right
        gross, net, ms = _figures(series, bootstrap)
        rows.append(
            BudgetRow(
                unit=row.unit,
                budget=row.budget,
                thresholds=row.thresholds,
                gross_j=gross,
                net_j=net,
                ms=ms,
                windows=series.windows,
                gmac=row.outcome.gmac,
                stopped_early=row.outcome.stopped_early,
                top1=float(np.mean(right)) if right else None,
            )
        )
    return tuple(rows)


def _spread(medians: Sequence[Mapping[Workload, float]]) -> dict[Workload, float]:
    """Return by how many percent the medians of several repeats differ."""
    if len(medians) < 2:
        return {}
    found = {}
    for workload in medians[0]:
        values = np.array([one[workload] for one in medians if workload in one])
        found[workload] = float(100 * (values.max() - values.min()) / np.median(values))
    return found


def _thinned(moments: Nanoseconds, watts: Values) -> PowerTrace:
    """Return a trace of at most :data:`MAX_TRACE_POINTS` points, each the mean of as many samples."""
    if not len(moments):
        return PowerTrace()
    each = -(-len(moments) // MAX_TRACE_POINTS)
    edges = np.arange(0, len(moments), each)
    sizes = np.diff(np.append(edges, len(moments)))
    seconds = np.add.reduceat((moments - moments[0]) / SECOND_NS, edges) / sizes
    means = np.add.reduceat(watts, edges) / sizes
    return PowerTrace(
        start_ns=int(moments[0]),
        seconds=tuple(np.round(seconds, 3).tolist()),
        watts=tuple(np.round(means, 4).tolist()),
    )
