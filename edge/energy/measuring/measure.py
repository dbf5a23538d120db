"""A whole measurement: the bundle and the clips are made ready, the protocol runs, and its record becomes a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bench.protocol import ProcessorTime
from adafocus.edge.bundle.archive import MANIFEST
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.device.host import read_facts, read_state
from adafocus.edge.device.install import runtime_version
from adafocus.edge.energy.facts import BundleFacts, DeviceFacts, MeterFacts, ProtocolFacts, Workload
from adafocus.edge.energy.measuring.alignment import align, give_pulses
from adafocus.edge.energy.measuring.clips import digest, read_clips
from adafocus.edge.energy.measuring.figures import make_report
from adafocus.edge.energy.measuring.judgment import device_of
from adafocus.edge.energy.measuring.protocol import Measurement, Record, Settings
from adafocus.edge.energy.measuring.run import Budget, Outcome, Run
from adafocus.edge.energy.measuring.statistics import DRAWS, Bootstrap
from adafocus.edge.energy.measuring.workloads import Job, Trial, jobs_of, rows_between, table_of, try_clips
from adafocus.edge.energy.report import Interval, Report
from adafocus.edge.meters import Meter
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError, MeterError

Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Request:
    """What is measured.

    Attributes:
        bundle: path.
        clips: videos, folders and lists.
        runtime: of the graphs.
        threads: of the runtime.
        split: of lists.
        plain: bundle of the whole-frame baseline.
        exit_threshold: of every exit of ``exits``; None: a row of the bundle's table.
        budgets: rows of the table that are measured besides.
        seed: of the bootstrap.
        meter_error: gain error of the meter in percent, as its maker states it.
        settings: of the protocol.
    """

    bundle: Path
    clips: tuple[Path, ...]
    runtime: str
    threads: int
    split: str | None = None
    plain: Path | None = None
    exit_threshold: float | None = None
    budgets: int = 2
    seed: int = 0
    meter_error: float | None = None
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Prepared:
    """What was made ready before the first window.

    Attributes:
        request: what was asked.
        recognizer: of the bundle.
        trial: what the clips do.
        jobs: workloads of a round.
        outcomes: of the clips, by workload.
        budgets: rows of the table that are measured.
        thresholds: of ``exits``; empty where it is left out.
        plain: name of the baseline.
        device: on which.
        warnings: sentences.
    """

    request: Request
    recognizer: Recognizer
    trial: Trial
    jobs: list[Job]
    outcomes: dict[Workload, Outcome]
    budgets: tuple[Budget, ...]
    thresholds: tuple[float, ...]
    plain: str | None
    device: DeviceFacts
    warnings: tuple[str, ...]

    @property
    def bundle(self) -> BundleFacts:
        """What the report says of the bundle."""
        recognizer = self.recognizer
        manifest = recognizer.bundle.manifest
        return BundleFacts(
            name=manifest.name,
            sha256=sha256_of(recognizer.bundle.path / MANIFEST),
            labels=len(manifest.labels),
            runtime=recognizer.runtime,
            runtime_version=runtime_version(recognizer.runtime),
            threads=recognizer.threads,
            glance_gmac=recognizer.exit_macs[0] / 1e9,
            full_gmac=recognizer.exit_macs[-1] / 1e9,
        )


def prepare(request: Request, tell: Callable[[int, int], None] = lambda done, count: None) -> Prepared:
    """Open the bundle, find the clips, and recognize each of them once.

    Args:
        request: what is measured.
        tell: is told how many of how many clips were tried.

    Raises:
        AdafocusError: the bundle cannot be opened, or no clip can be read.
    """
    bundle = Bundle.open(request.bundle)
    manifest = bundle.manifest
    found = read_clips(request.clips, manifest.labels, request.split)
    recognizer = Recognizer.open(bundle, request.runtime, request.threads)
    trial = try_clips(recognizer, found, lambda done: tell(done, len(found)))
    videos = [clip.path for clip in trial.clips]
    table = table_of(manifest.exits.budgets)
    warnings = [*trial.broken.values()]
    thresholds: tuple[float, ...] = ()
    taken = len(table) // 2
    if request.exit_threshold is not None:
        thresholds, taken = (request.exit_threshold,) * (len(recognizer.exit_macs) - 1), -1
    elif table:
        thresholds = table[taken].thresholds
    else:
        warnings.append(
            "The bundle has no table of budgets, so that no clip stopped early. Calibrate it with adafocus calibrate, "
            "or give --exit-threshold."
        )
    numbers = rows_between(len(table), taken, request.budgets)
    outcomes: dict[Workload, Outcome] = {
        "glance": _outcome(trial, np.zeros(len(videos), np.int64)),
        "full": _outcome(trial, np.full(len(videos), len(trial.gmac) - 1)),
    }
    if thresholds:
        outcomes["exits"] = _outcome(trial, trial.exits(thresholds))
    measured = sorted({*numbers, *([taken] if table and taken >= 0 else [])})
    budgets = tuple(
        Budget(
            number=None if number == taken else number,
            unit=table[number].unit,
            budget=table[number].budget,
            thresholds=table[number].thresholds,
            outcome=_outcome(trial, trial.exits(table[number].thresholds)),
        )
        for number in measured
    )
    plain = None
    if request.plain is not None:
        plain, outcomes["plain"] = _baseline(request, trial, manifest.labels)
    jobs = jobs_of(recognizer, videos, thresholds or None, {n: table[n].thresholds for n in numbers}, plain)
    return Prepared(
        request,
        recognizer,
        trial,
        jobs,
        outcomes,
        budgets,
        thresholds,
        plain.bundle.manifest.name if plain else None,
        device_of(read_facts(), read_state()),
        tuple(warnings),
    )


def _baseline(request: Request, trial: Trial, labels: Sequence[str]) -> tuple[Recognizer, Outcome]:
    """Open the baseline and try it on the same clips.

    Raises:
        AdafocusError: it knows other labels, or cannot read a clip.
    """
    plain = Recognizer.open(request.plain or "", request.runtime, request.threads)
    if tuple(plain.bundle.manifest.labels) != tuple(labels):
        raise AdafocusError(
            f"{request.plain} knows other labels than {request.bundle}, expected the same: only then are the two "
            "compared on one task."
        )
    found = try_clips(plain, trial.clips, lambda done: None)
    if found.broken:
        raise AdafocusError(f"The baseline cannot read all clips. {next(iter(found.broken.values()))}")
    return plain, _outcome(found, np.full(len(found.clips), len(found.gmac) - 1))


def _outcome(trial: Trial, exits: NDArray[np.int64]) -> Outcome:
    """Return what clips do that stop at these exits."""
    return Outcome(
        gmac=float(trial.gmac[exits].mean()),
        stopped_early=float((exits < len(trial.gmac) - 1).mean()),
        right=tuple(int(right) for right in trial.right_at(exits)),
    )


def record(prepared: Prepared, meter: Meter | None, tell: Tell) -> tuple[Run, Record]:
    """Run the protocol.

    Args:
        prepared: of :func:`prepare`.
        meter: that is read; None: pulses are given for one that is not here.
        tell: is told what begins and how many seconds are left.

    Returns:
        what happened when, and what the meter said.

    Raises:
        MeterError: the meter cannot be opened.
        AdafocusError: no clip can be worked on any more.
    """
    began, work = time.perf_counter(), ProcessorTime.now()
    measurement = Measurement(
        prepared.jobs,
        len(prepared.trial.clips),
        prepared.trial.seconds,
        prepared.request.settings,
        meter,
        tell=tell,
        pulse=None if meter else give_pulses,
    )
    found = measurement.run()
    return run_of(prepared, found, work.others_share(time.perf_counter() - began)), found


def run_of(prepared: Prepared, found: Record, others_share: float | None) -> Run:
    """Return the record of what happened when."""
    request, settings = prepared.request, prepared.request.settings
    clips = prepared.trial.clips
    rounds = [one.span for one in found.taken if one.span.round is not None and one.span.repeat == 0]
    protocol = ProtocolFacts(
        started=found.started[0],
        clips=len(clips),
        clips_sha256=digest(clip.path for clip in clips),
        labeled=sum(bool(clip.labels) for clip in clips),
        seed=request.seed,
        draws=DRAWS,
        rounds=settings.rounds,
        order=tuple(span.workload for span in rounds if span.workload != "idle" and span.workload != "unmetered"),
        window_s=settings.window_s,
        window_clips=settings.window_clips,
        idle_s=settings.idle_s,
        warm_up_s=round(found.warm_up_s, 1),
        settled=found.settled[0],
        exit_thresholds=prepared.thresholds,
        plain=prepared.plain,
    )
    return Run(
        bundle=prepared.bundle,
        device=prepared.device,
        protocol=protocol,
        started=tuple(found.started),
        spans=tuple(one.span for one in found.taken),
        outcomes=prepared.outcomes,
        budgets=prepared.budgets,
        observer_ms=_observer(found, Bootstrap(request.seed)),
        pulses=tuple(found.pulses),
        settled=tuple(found.settled),
        others_share=others_share,
        warnings=prepared.warnings,
    )


def _observer(found: Record, bootstrap: Bootstrap) -> Interval | None:
    """Return the milliseconds that the meter adds to a clip; None where none was read."""
    if not found.with_meter_ms:
        return None
    return bootstrap.interval(np.array(found.with_meter_ms) - np.array(found.without_meter_ms))


def report_of(run: Run, found: Record, meter: Meter, error_percent: float | None) -> Report:
    """Return the report of a meter that was read directly.

    Raises:
        MeterError: no window has joules.
    """
    return make_report(run, [one.reading for one in found.taken], facts_of(meter, error_percent), found.watts)


def finish(run: Run, meter: Meter, error_percent: float | None) -> Report:
    """Return the report of a meter whose log was written elsewhere.

    Args:
        run: the record.
        meter: the log.
        error_percent: of its gain.

    Raises:
        MeterError: the log cannot be placed, or holds no window.
    """
    with meter.open() as session:
        place = getattr(session, "place", None)
        if meter.kind != "log" or place is None:
            raise MeterError(f"{meter.name} is read while it is measured, expected a log: --meter 'log:FILE?...'")
        alignment = align(session.trace(), run.pulses)
        place(alignment.offset_s, alignment.drift_ppm)
        readings = [session.window(span.start_ns, span.end_ns, wait=False) for span in run.spans]
        return make_report(run, readings, facts_of(meter, error_percent), session.trace().power(), alignment)


def facts_of(meter: Meter, error_percent: float | None) -> MeterFacts:
    """Return what the report says of a meter that was opened."""
    rate_hz = 1 / meter.period_s if meter.period_s else 1.0
    return MeterFacts(
        name=meter.name,
        detail=meter.detail,
        scope=meter.scope,
        kind=meter.kind,
        rate_hz=round(rate_hz, 3),
        gain_error_percent=error_percent,
    )
