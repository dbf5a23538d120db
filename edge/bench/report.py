"""From what was measured to one JSON object: statistics, what it was measured on, and what spoils it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bench.protocol import MINUTE_S, PARTS, SUMS, Configuration, Measurement, Protocol, Samples
from adafocus.edge.bundle.archive import MANIFEST
from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.bundle.manifest import STAGES
from adafocus.edge.device.host import GOVERNOR_COMMAND, Facts, State
from adafocus.edge.device.install import runtime_version

KIND, FORMAT = "adafocus bench", 2
PERCENTILES = {"median": 50, "p90": 90, "p99": 99}
DIGITS = 4
# running threads for each processor, before anything was measured: above it somebody else is at work
BUSY_LOAD = 0.25
# share of the processors that others may use before a figure is called disturbed
DISTURBED = 0.05


@dataclass(frozen=True)
class Surroundings:
    """The machine, and its state before and after; what the process used of its memory at most, by who says so."""

    facts: Facts
    before: State
    after: State
    peak_memory_bytes: dict[str, int]


def summary(values: NDArray[np.float64]) -> dict[str, float]:
    """Return mean, median, percentiles (linear between the two nearest values), least and most of ``(n,)`` values."""
    found = {"mean": float(values.mean())}
    found |= {name: float(np.percentile(values, share)) for name, share in PERCENTILES.items()}
    found |= {"min": float(values.min()), "max": float(values.max())}
    return {name: round(value, DIGITS) for name, value in found.items()}


def make_report(
    configurations: Sequence[Configuration],
    videos: Sequence[Path],
    protocol: Protocol,
    measured: Measurement,
    around: Surroundings,
) -> dict[str, Any]:
    """Return everything that a person or ``--compare`` needs to judge the figures."""
    entries = [
        _entry(configuration, measured) for configuration in configurations if len(measured.samples[configuration.name])
    ]
    report: dict[str, Any] = {
        "kind": KIND,
        "format": FORMAT,
        "protocol": {
            **asdict(protocol),
            "elapsed_s": round(measured.elapsed_s, 3),
            "interrupted": measured.interrupted is not None,
        },
        "machine": {**asdict(around.facts), "versions": _versions()},
        "before": asdict(around.before),
        "after": asdict(around.after),
        "others_share": None if measured.others_share is None else round(measured.others_share, DIGITS),
        "peak_memory_bytes": around.peak_memory_bytes,
        "videos": [{"name": video.name, "sha256": sha256_of(video)} for video in videos],
        "clips": min((entry["n"] for entry in entries), default=0),
        "entries": entries,
        "median_ms": {
            entry["name"]: {part: found["median"] for part, found in entry["ms"].items()} for entry in entries
        },
        "exits": _exits(configurations, measured),
        "minutes": _minutes(measured, protocol),
    }
    report["last_to_first_minute"] = _last_to_first(report["minutes"])
    report["notes"] = notes(measured, protocol, around, max((c.recognizer.threads for c in configurations), default=1))
    return report


def _entry(configuration: Configuration, measured: Measurement) -> dict[str, Any]:
    """Return the statistics of one configuration, and what it is."""
    samples, recognizer = measured.samples[configuration.name], configuration.recognizer
    table = {name: samples.column(name) for name in (*PARTS, *SUMS)}
    exits = samples.column("exit").astype(int)
    rested = measured.back_to_back.get(configuration.name)
    entry: dict[str, Any] = {
        "name": configuration.name,
        "bundle": configuration.bundle,
        "path": configuration.path,
        "manifest_sha256": sha256_of(recognizer.bundle.path / MANIFEST),
        "runtime": recognizer.runtime,
        "runtime_version": runtime_version(recognizer.runtime),
        "threads": recognizer.threads,
        "ran_on": recognizer.ran_on,
        "stops": configuration.exits,
        "n": len(samples),
        "exits": {stage: int((exits == number).sum()) for number, stage in enumerate(STAGES) if stage != "policy"},
        "mean_gmac": round(float(samples.column("gmac").mean()), 6),
        "host_share_of_compute": round(float(table["host"].sum() / table["compute"].sum()), DIGITS),
        "ms": {name: summary(values) for name, values in table.items()},
    }
    if rested is not None and len(rested):
        entry["back_to_back_ms"] = summary(rested.column("total"))
        entry["after_rest_to_back_to_back"] = ratio(entry["ms"]["total"]["median"], entry["back_to_back_ms"]["median"])
    return entry


def _exits(configurations: Sequence[Configuration], measured: Measurement) -> list[dict[str, Any]]:
    """Set clips that stop at the glance beside full ones of the same recognizer: what the stop costs and saves."""
    found = []
    for early in configurations:
        full = next((c for c in configurations if c.recognizer is early.recognizer and c.exits == "in no clip"), None)
        if early.exits != "in every clip" or full is None:
            continue
        ours, theirs = measured.samples[early.name], measured.samples[full.name]
        if not len(ours) or not len(theirs):
            continue
        stopped, whole = (float(np.median(samples.column("compute"))) for samples in (ours, theirs))
        glance = float(np.median(ours.column("glance")))
        found.append(
            {
                "name": early.name,
                "glance_ms": round(glance, DIGITS),
                "stopped_ms": round(stopped, DIGITS),
                "full_ms": round(whole, DIGITS),
                "stopped_to_glance": ratio(stopped, glance),
                "stopped_to_full": ratio(stopped, whole),
            }
        )
    return found


def _minutes(measured: Measurement, protocol: Protocol) -> list[dict[str, Any]]:
    """Return one record a minute of sustained load; a broken last minute says how long it was."""
    if protocol.minutes is None:
        return []
    count = int(np.ceil(min(measured.elapsed_s / MINUTE_S, protocol.minutes)))
    return [record for minute in range(count) if (record := _minute(measured, minute))["ms"]]


def _minute(measured: Measurement, minute: int) -> dict[str, Any]:
    """Return heat, clocks and times of one minute."""
    first = MINUTE_S * minute
    length = min(MINUTE_S, measured.elapsed_s - first)
    readings = [reading for reading in measured.readings if first <= reading.at_s < first + MINUTE_S]
    heat = [reading.hottest_c for reading in readings if reading.hottest_c is not None]
    clocks = [reading.mean_mhz for reading in readings if reading.mean_mhz is not None]
    spent = {name: _within(samples, first) for name, samples in measured.samples.items()}
    return {
        "minute": minute + 1,
        "seconds": round(length, 3),
        "hottest_c": round(max(heat), 1) if heat else None,
        "mean_mhz": round(float(np.mean(clocks)), 1) if clocks else None,
        "ms": {name: {"n": len(values), **summary(values)} for name, values in spent.items() if len(values)},
    }


def _within(samples: Samples, first: float) -> NDArray[np.float64]:
    """Return the totals of clips that began in the minute from ``first`` on."""
    at_s = samples.column("at_s")
    return samples.column("total")[(at_s >= first) & (at_s < first + MINUTE_S)]


def _last_to_first(minutes: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return the medians of the last whole minute over those of the first; nothing under two whole minutes."""
    whole = [record for record in minutes if record["seconds"] >= MINUTE_S]
    if len(whole) < 2:
        return {}
    first, last = whole[0]["ms"], whole[-1]["ms"]
    return {name: ratio(last[name]["median"], first[name]["median"]) for name in first if name in last}


def notes(measured: Measurement, protocol: Protocol, around: Surroundings, threads: int) -> list[str]:
    """Return sentences on what spoils the figures, or what they hold for."""
    facts, before, after = around.facts, around.before, around.after
    found = []
    if before.load is not None and before.load > BUSY_LOAD * facts.processors:
        found.append(
            f"The machine was busy before the start (load {before.load:.2f} on {facts.processors} processors): ratios "
            "of configurations that took turns hold, milliseconds do not."
        )
    if measured.others_share is not None and measured.others_share > DISTURBED:
        found.append(
            f"Other processes used {100 * measured.others_share:.0f} % of the processors while it was measured."
        )
    if threads > facts.processors:
        found.append(f"{threads} threads share {facts.processors} processors.")
    found += _throttling_notes(before, after)
    slow = [name for name in dict.fromkeys((*before.governor, *after.governor)) if name != "performance"]
    if slow:
        found.append(
            f"The clock governor is {', '.join(slow)}, so clocks move while it is measured: {GOVERNOR_COMMAND}"
        )
    if measured.late:
        clips = "1 clip" if measured.late == 1 else f"{measured.late} clips"
        found.append(f"{clips} took longer than the time between two starts, so there was no rest.")
    if protocol.minutes is not None and measured.interrupted:
        found.append(f"Stopped after {measured.elapsed_s:.0f} s of {MINUTE_S * protocol.minutes:.0f} s.")
    elif measured.interrupted:
        found.append("Stopped before there were enough clips and enough time.")
    return found + [f"A clip: {warning}" for warning in measured.warnings]


def _throttling_notes(before: State, after: State) -> list[str]:
    """Return sentences on what slowed the machine down."""
    found = []
    if before.throttled or after.throttled:
        words = dict.fromkeys((*(before.throttled or ()), *(after.throttled or ())))
        found.append(f"The machine is slowed down: {', '.join(words)}.")
    newly = [words for words in after.throttled_before or () if words not in (before.throttled_before or ())]
    if newly:
        found.append(f"While it was measured this happened for the first time since the start: {', '.join(newly)}.")
    elif after.throttled_before:
        found.append(f"Since the machine was started it has seen: {', '.join(after.throttled_before)}.")
    events = (after.throttle_events or 0) - (before.throttle_events or 0)
    if events > 0:
        found.append(f"The processor throttled itself {events} times while it was measured.")
    return found


def _versions() -> dict[str, str]:
    """Return the versions of what computes besides the runtimes."""
    return {"adafocus-edge": version("adafocus-edge"), "numpy": np.__version__, "opencv": cv2.__version__}


def ratio(one: float, other: float) -> float | None:
    """Return the quotient of two figures; None where the second is 0."""
    return round(one / other, DIGITS) if other else None
