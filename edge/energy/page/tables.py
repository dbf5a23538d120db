"""The tables of the pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from adafocus.edge.energy.page.chart import number
from adafocus.edge.energy.page.markup import tag
from adafocus.edge.energy.page.plots import Estimate
from adafocus.edge.energy.page.words import SEES, Unit, meter_name
from adafocus.edge.energy.report import STAGE_NAMES, WORKLOADS, Interval, Report, Window

NONE = "–"  # noqa: RUF001
# the clip rate of the sentence on batteries, and what a battery of reference holds
EVERY_S = 2.0
BATTERY_WH = 10.0
STAGE_TITLES = {"decode": "decode", "glance": "glance", "focus": "focus and policy"}


def grid(head: Sequence[str], rows: Iterable[Sequence[str]], text: Sequence[int] = ()) -> Element:
    """Return a table that scrolls by itself where the page is narrow.

    Args:
        head: titles of the columns.
        rows: their cells.
        text: numbers of the columns of text, which may break.
    """

    def kind(place: int) -> str | None:
        return "text" if place in text else None

    body = [tag("tr", *(tag("td", cell, class_=kind(place)) for place, cell in enumerate(row))) for row in rows]
    top = tag("tr", *(tag("th", title, class_=kind(place)) for place, title in enumerate(head)))
    return tag("div", tag("table", tag("thead", top), tag("tbody", *body)), class_="scroll")


def facts(rows: Iterable[tuple[str, str | None]]) -> Element:
    """Return a table of names and what is known of them; unknown ones are left out."""
    cells = [tag("tr", tag("th", name), tag("td", text)) for name, text in rows if text]
    return tag("div", tag("table", *cells, class_="facts"), class_="scroll")


def workload_table(report: Report, unit: Unit) -> Element:
    """Return joules, times and accuracy by workload."""
    measured = report.meter is not None
    head = ["workload", f"gross {unit.name}" if measured else f"modelled {unit.name}"]
    head += ([f"net {unit.name}"] if measured else []) + ["ms", "top-1"]
    correct = report.per_correct or {}
    if correct:
        head.append(f"net {unit.name} for each correct" if measured else f"modelled {unit.name} for each correct")
    rows = []
    for name in WORKLOADS:
        found = report.per_clip.get(name)
        if found is None:
            continue
        row = [name, unit_text(found.gross_j, unit)]
        row += ([unit_text(found.net_j, unit)] if measured else []) + [plain_text(found.ms), percent_text(found.top1)]
        if correct:
            each = correct.get(name)
            row.append(unit_text(each.net_j or each.gross_j, unit) if each else NONE)
        rows.append([*row, str(found.windows)] if measured else row)
    return grid([*head, "windows"] if measured else head, rows)


def stage_table(report: Report, unit: Unit) -> Element:
    """Return joules and times by stage."""
    measured = report.meter is not None
    head = ["stage", f"gross {unit.name}" if measured else f"modelled {unit.name}"]
    rows = []
    for name in STAGE_NAMES:
        found = getattr(report.per_stage, name)
        if found is not None:
            net = [unit_text(found.net_j, unit)] if measured else []
            rows.append([STAGE_TITLES[name], unit_text(found.gross_j, unit), *net, plain_text(found.ms)])
    return grid([*head, *([f"net {unit.name}"] if measured else []), "ms"], rows)


def budget_table(report: Report, unit: Unit) -> Element:
    """Return joules by budget."""
    measured = report.meter is not None
    head = ["budget", f"gross {unit.name}" if measured else f"modelled {unit.name}"]
    rows = [
        [
            f"{row.budget:g} {row.unit}",
            unit_text(row.gross_j, unit),
            *([unit_text(row.net_j, unit)] if measured else []),
            plain_text(row.ms),
            NONE if row.gmac is None else number(row.gmac),
            percent_text(row.stopped_early),
            percent_text(row.top1),
        ]
        for row in report.by_budget
    ]
    return grid([*head, *([f"net {unit.name}"] if measured else []), "ms", "GMAC", "stopped early", "top-1"], rows)


def window_table(windows: Sequence[Window]) -> Element:
    """Return every window."""
    head = ("workload", "round", "s", "clips", "J", "W", "coverage", "longest gap", "°C", "MHz", "throttled", "why not")
    rows = [
        (
            window.workload + ("" if window.budget is None else f", budget {window.budget + 1}"),
            NONE if window.round is None else str(window.round + 1),
            f"{window.seconds:.2f}",
            str(window.clips),
            NONE if window.joules is None else number(window.joules, 4),
            NONE if window.joules is None or not window.seconds else number(window.joules / window.seconds),
            NONE if window.workload == "unmetered" else f"{100 * window.coverage:.1f} %",
            NONE if window.workload == "unmetered" else f"{window.longest_gap_s:.2f} s",
            NONE if window.temperature_c is None else f"{window.temperature_c:.1f}",
            NONE if window.mhz is None else f"{window.mhz:.0f}",
            "unknown" if window.throttled is None else ", ".join(window.throttled) or "no",
            window.reason or "",
        )
        for window in windows
    ]
    return grid(head, rows, text=(11,))


def report_facts(report: Report) -> Element:
    """Return what was measured on what, by which meter, how."""
    bundle, device, protocol, meter = report.bundle, report.device, report.protocol, report.meter
    gain = "unknown" if meter is None or meter.gain_error_percent is None else f"{meter.gain_error_percent:g} %"
    return facts(
        (
            ("device", device.model),
            ("processor", _joined(device.cpu, device.architecture, device.cores and f"{device.cores} cores")),
            ("memory", f"{device.memory_bytes / 1e9:.1f} GB" if device.memory_bytes else None),
            ("system", _joined(device.os, device.kernel)),
            ("clock governor", _joined(*device.governor)),
            ("power mode", device.power_mode),
            ("throttled before", _joined(*device.throttled_before)),
            ("versions", _joined(*(f"{name} {version}" for name, version in sorted(device.versions.items())))),
            ("model", _joined(bundle.name, f"{bundle.labels} labels")),
            ("SHA-256 of its manifest", bundle.sha256),
            ("runtime", _joined(f"{bundle.runtime} {bundle.runtime_version or ''}", f"threads: {bundle.threads}")),
            ("meter", None if meter is None else meter_name(report)),
            ("scope", None if meter is None else f"{meter.scope}: {SEES[meter.scope]}"),
            ("reading", None if meter is None else f"{meter.kind}, {meter.rate_hz:g} Hz"),
            ("gain error", None if meter is None else gain),
            ("clock of the meter", _alignment(report)),
            ("idle power", _joined(*(f"{watts:.3g} W" for watts in report.idle_w))),
            ("common drift", None if report.drift_percent is None else f"{report.drift_percent:+.1f} %, taken off"),
            ("power at work", None if report.busy_w is None else f"{report.busy_w:.3g} W"),
            ("clips", _joined(f"{protocol.clips}", protocol.labeled and f"{protocol.labeled} with a label")),
            ("SHA-256 of the clips", protocol.clips_sha256),
            ("exit thresholds", _joined(*(f"{threshold:g}" for threshold in protocol.exit_thresholds))),
            ("plain network", protocol.plain),
            ("started", protocol.started),
        )
    )


def battery_sentence(report: Report, net_j: Interval | None, ms: Interval | None) -> str | None:
    """Return how long a battery lasts at one clip every two seconds; None where the meter does not see enough for it.

    A clip must be done within the two seconds.
    """
    fits = ms is not None and ms.median < 1000 * EVERY_S
    if report.meter is None or report.meter.scope not in ("board input", "battery") or not report.idle_w:
        return None
    if net_j is None or not fits:
        return None
    watts = sum(report.idle_w) / len(report.idle_w) + net_j.median / EVERY_S
    return (
        f"At one clip every {EVERY_S:g} s the device takes {watts:.3g} W: idle power and the net joules of a clip. "
        f"{BATTERY_WH:g} Wh would last {number(BATTERY_WH / watts)} h, losses of a battery's converter left out. This "
        "was calculated, not measured."
    )


def _alignment(report: Report) -> str | None:
    """Return how a log was placed."""
    found = report.alignment
    if found is None:
        return None
    peaks = ", ".join(f"{peak:.1f}" for peak in found.peaks)
    return (
        f"placed by pulses: offset {found.offset_s:.3f} s, drift {found.drift_ppm:.1f} ppm; the best place was "
        f"{peaks} times as good as the next one"
    )


def _joined(*parts: object) -> str | None:
    """Return what is known, with commas."""
    return ", ".join(str(part) for part in parts if part) or None


def unit_text(interval: Interval | None, unit: Unit) -> str:
    """Return joules with their interval."""
    return unit.of(interval).text if interval else NONE


def plain_text(interval: Interval | None) -> str:
    """Return a figure with its interval."""
    return Estimate(interval.median, interval.low, interval.high).text if interval else NONE


def percent_text(share: float | None) -> str:
    """Return a share in percent."""
    return NONE if share is None else f"{100 * share:.1f} %"
