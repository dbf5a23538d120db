"""The page of many devices: a part for each group that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from adafocus.edge.energy.merge import Entry, Group
from adafocus.edge.energy.page.markup import Inside, tag
from adafocus.edge.energy.page.plots import Bar, bar_plot
from adafocus.edge.energy.page.report_page import boxed, figure, published, whole_page
from adafocus.edge.energy.page.tables import NONE, grid, percent_text, plain_text, unit_text
from adafocus.edge.energy.page.words import HEADLINES, MEANINGS, SEES, Unit, idle_power, meter_name, spoiled, unit_of
from adafocus.edge.energy.report import WORKLOADS, Workload


def render_merged(groups: Sequence[Group]) -> str:
    """Return the page of groups as HTML."""
    count = sum(len(group.entries) for group in groups)
    title = f"Energy of {count} devices"
    parts: list[Inside] = [tag("h1", title)]
    for number, group in enumerate(groups, 1):
        parts += _group(number, group)
    return whole_page(title, [*parts, *published()])


def group_title(number: int, group: Group) -> str:
    """Return what the reports of a group share, in one line."""
    report = group.first
    kind = f"measured, {report.meter.scope}" if report.meter else "modelled, not measured"
    return f"Group {number}: {kind}, {report.bundle.name}"


def group_table(group: Group, unit: Unit) -> tuple[list[str], list[list[str]]]:
    """Return titles and cells of a group's table."""
    measured = group.first.meter is not None
    head = [
        "device",
        "workload",
        *([f"gross {unit.name}", f"net {unit.name}"] if measured else [f"modelled {unit.name}"]),
    ]
    rows = []
    for entry in group.entries:
        for name in WORKLOADS:
            found = entry.report.per_clip.get(name)
            if found is not None:
                net = [unit_text(found.net_j, unit)] if measured else []
                joules = [unit_text(found.gross_j, unit), *net]
                rows.append([entry.device, name, *joules, plain_text(found.ms), percent_text(found.top1)])
    return [*head, "ms", "top-1"], rows


def _group(number: int, group: Group) -> list[Inside]:
    """Return the part of one group."""
    report, unit = group.first, unit_of(*(entry.report for entry in group.entries))
    said = f"Scope {report.meter.scope}: {SEES[report.meter.scope]}." if report.meter else "No joule here was measured."
    barred = [entry for entry in group.entries if report.meter and not entry.report.publishable]
    head, rows = group_table(group, unit)
    shared = [name for name in HEADLINES if all(name in entry.report.per_clip for entry in group.entries)]
    plots = [_bars(group.entries, name, unit) for name in shared if name != "decode"]
    return [
        tag("h2", group_title(number, group)),
        boxed("These stand apart", [group.apart], stop=False) if group.apart else None,
        boxed("Not for publication", [_barred(entry) for entry in barred], stop=True) if barred else None,
        tag("p", said, class_="faint"),
        tag("div", *plots, class_="plots"),
        grid(
            head,
            [["" if place and rows[place - 1][0] == row[0] else row[0], *row[1:]] for place, row in enumerate(rows)],
            text=(0, 1),
        ),
        _devices(group),
    ]


def _bars(entries: Sequence[Entry], name: Workload, unit: Unit) -> Element:
    """Return the bars of one workload on all devices."""
    bars = []
    for entry in entries:
        found = entry.report.per_clip[name]
        net = unit.of(found.net_j).value if found.net_j else None
        bars.append(Bar(entry.device, name, unit.of(found.gross_j), net))
    measured = entries[0].report.meter is not None
    title = f"{'Energy' if measured else 'Modelled energy'} of a clip, {name}"
    how = (
        "Solid: net of idle power; pale: idle power while it ran. "
        if any(bar.solid is not None for bar in bars)
        else ""
    )
    return figure(bar_plot(title, bars, unit.name), f"{how}{name}: {MEANINGS[name]}.", title=title)


def _barred(entry: Entry) -> str:
    """Return why a report may not be published."""
    return f"{entry.device}: {' '.join(spoiled(entry.report)) or 'its report says so.'}"


def _devices(group: Group) -> Element:
    """Return what differs between the devices of a group."""
    rows = []
    for entry in group.entries:
        report = entry.report
        meter = report.meter
        rows.append(
            (
                entry.device,
                report.bundle.runtime,
                str(report.bundle.threads),
                report.device.power_mode or ", ".join(report.device.governor) or NONE,
                f"{meter_name(report)}, {meter.rate_hz:g} Hz" if meter else NONE,
                f"{idle_power(report):.3g} W" if report.idle_w else NONE,
                report.protocol.started[:10],
            )
        )
    head = ("device", "runtime", "threads", "power mode or governor", "meter", "idle", "date")
    return grid(head, rows, text=(0, 1, 3, 4, 6))
