"""Reports of many devices side by side: in one group where they can be compared, else apart with the reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adafocus.edge.energy.report import WORKLOADS, Interval, Report
from adafocus.errors import AdafocusError

FORMAT, VERSION = "adafocus-energy-merged", 1
# the columns of the table; what is measured and what is modelled never share one
FIGURES = ("gross_j", "net_j", "modelled_j", "ms")
BOUNDS = ("", "_low", "_high")
COLUMNS = (
    *("group", "device", "file", "source", "scope", "meter", "model", "runtime", "threads", "power_mode", "workload"),
    *(f"{figure}{bound}" for figure in FIGURES for bound in BOUNDS),
    *("top1", "idle_w", "windows", "publishable"),
)


@dataclass(frozen=True)
class Entry:
    """One report: the file that it was read from, the name of its device in the table, and itself."""

    path: Path
    device: str
    report: Report


@dataclass(frozen=True)
class Group:
    """Reports that can be compared.

    Attributes:
        entries: of one scope, bundle, set of clips and kind of figures.
        apart: why they stand apart from the first group; empty for the first one.
    """

    entries: tuple[Entry, ...]
    apart: str = ""

    @property
    def first(self) -> Report:
        """The first report, for what all of them share."""
        return self.entries[0].report


def merged(reports: Sequence[tuple[Path, Report]]) -> list[Group]:
    """Sort reports into groups, the largest first.

    Args:
        reports: each with the file that it was read from.

    Raises:
        AdafocusError: there are fewer than two, one is given twice, or no two can be compared.
    """
    if len(reports) < 2:
        raise AdafocusError(
            f"Found {len(reports)} report, expected two or more. Type: adafocus energy --merge A.json B.json"
        )
    groups: dict[tuple[str, ...], list[Entry]] = {}
    names = [report.device.model for _, report in reports]
    for place, (path, report) in enumerate(reports):
        twin = next((other for other, earlier in reports[:place] if earlier == report), None)
        if twin is not None:
            raise AdafocusError(f"{twin} and {path} hold the same report, expected reports of several devices.")
        name = report.device.model
        entry = Entry(path, f"{name}, {path.stem}" if names.count(name) > 1 else name, report)
        groups.setdefault(_likeness(report), []).append(entry)
    ranked = sorted(groups.values(), key=len, reverse=True)
    if len(ranked[0]) < 2:
        raise AdafocusError(_refusal(ranked))
    first = ranked[0][0].report
    return [
        Group(tuple(entries), "" if place == 0 else _apart(entries[0].report, first))
        for place, entries in enumerate(ranked)
    ]


def rows(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return a row of :data:`COLUMNS` for each workload of each device; None where something is not known."""
    found = []
    for number, group in enumerate(groups, 1):
        for entry in group.entries:
            report = entry.report
            for workload in WORKLOADS:
                clip = report.per_clip.get(workload)
                if clip is None:
                    continue
                measured = report.meter is not None
                row: dict[str, Any] = dict.fromkeys(COLUMNS)
                row |= {
                    "group": number,
                    "device": entry.device,
                    "file": entry.path.name,
                    "source": report.source,
                    "scope": report.meter.scope if report.meter else None,
                    "meter": report.meter.name if report.meter else None,
                    "model": report.bundle.name,
                    "runtime": report.bundle.runtime,
                    "threads": report.bundle.threads,
                    "power_mode": report.device.power_mode,
                    "workload": workload,
                    "top1": clip.top1,
                    "idle_w": sum(report.idle_w) / len(report.idle_w) if report.idle_w else None,
                    "windows": clip.windows if measured else None,
                    "publishable": report.publishable,
                }
                row |= _bounds("gross_j" if measured else "modelled_j", clip.gross_j)
                row |= _bounds("net_j", clip.net_j if measured else None) | _bounds("ms", clip.ms)
                found.append(row)
    return found


def as_csv(groups: Sequence[Group]) -> str:
    """Return the table as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(groups))
    return text.getvalue()


def as_dict(groups: Sequence[Group]) -> dict[str, Any]:
    """Return the table for JSON."""
    shared = [
        {
            "group": number,
            "source": group.first.source,
            "scope": group.first.meter.scope if group.first.meter else None,
            "model": group.first.bundle.name,
            "sha256": group.first.bundle.sha256,
            "clips_sha256": group.first.protocol.clips_sha256,
            "apart": group.apart or None,
        }
        for number, group in enumerate(groups, 1)
    ]
    return {"format": FORMAT, "version": VERSION, "groups": shared, "rows": rows(groups)}


def _bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    """Return the columns of one figure."""
    values = (None, None, None) if interval is None else (interval.median, interval.low, interval.high)
    return {f"{name}{bound}": value for bound, value in zip(BOUNDS, values, strict=True)}


def _likeness(report: Report) -> tuple[str, ...]:
    """Return what must be the same in two reports that are compared."""
    return tuple(text for _, text in _traits(report))


def _traits(report: Report) -> list[tuple[str, str]]:
    """Return what must be the same, each with its name for people."""
    protocol, meter = report.protocol, report.meter
    return [
        ("joules", report.source),
        ("scope", meter.scope if meter else "none"),
        ("model", f"{report.bundle.name} ({report.bundle.sha256[:8]})"),
        ("clips", protocol.clips_sha256[:8] or "unknown"),
        ("exit thresholds", ", ".join(f"{threshold:g}" for threshold in protocol.exit_thresholds) or "none"),
        ("plain network", protocol.plain or "none"),
    ]


def _differences(one: Report, other: Report) -> list[str]:
    """Return in what two reports cannot be compared."""
    pairs = zip(_traits(one), _traits(other), strict=True)
    return [f"{name}: {ours} instead of {theirs}" for (name, ours), (_, theirs) in pairs if ours != theirs]


def _apart(report: Report, first: Report) -> str:
    """Return why a group stands apart."""
    return (
        f"Apart from group 1, since these joules cannot be compared with its. {_sentence(_differences(report, first))}"
    )


def _refusal(groups: Sequence[Sequence[Entry]]) -> str:
    """Return why nothing can be compared: what sets the first two reports apart."""
    (one, *_), (other, *_) = groups[:2]
    found = _sentence(_differences(other.report, one.report))
    return (
        f"No two of these {len(groups)} reports can be compared. {other.path} against {one.path}: {found} Measure the "
        "same bundle on the same clips with meters of one scope on each device."
    )


def _sentence(parts: Sequence[str]) -> str:
    """Return parts as a sentence."""
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."
