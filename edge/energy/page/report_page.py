"""The page of one report: a file that needs no network and no script, drawn from the report alone."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from adafocus.edge.energy.page.chart import NARROW, WIDE, legend
from adafocus.edge.energy.page.markup import Inside, page_of, tag
from adafocus.edge.energy.page.plots import Bar, Estimate, Point, Span, bar_plot, plane_plot, power_plot
from adafocus.edge.energy.page.published import PUBLISHED
from adafocus.edge.energy.page.style import STYLE
from adafocus.edge.energy.page.tables import (
    STAGE_TITLES,
    battery_sentence,
    budget_table,
    grid,
    report_facts,
    stage_table,
    window_table,
    workload_table,
)
from adafocus.edge.energy.page.words import (
    MEANINGS,
    SEES,
    Unit,
    headline_of,
    idle_power,
    methods,
    refused_windows,
    result_line,
    spoiled,
    spoils,
    unit_of,
)
from adafocus.edge.energy.report import (
    STAGE_NAMES,
    WORKLOADS,
    BudgetRow,
    Interval,
    PerClip,
    Report,
    StageEnergy,
    Workload,
)

BOUNDS = "Lines: the least and the most that the source says for memory."
STAGE_KINDS = {"decode": "decode", "glance": "glance", "focus": "full"}


def render(report: Report) -> str:
    """Return the page as HTML."""
    title = f"{report.bundle.name} on {report.device.model}"
    unit = unit_of(report)
    parts: list[Inside] = [
        tag("h1", title),
        tag("p", f"{_kind(report)}, {report.protocol.started}", class_="faint"),
        *_warnings(report),
        *_result(report),
        *_trace(report),
        *_clips(report, unit),
        *_accuracy(report, unit),
        *_methods(report),
        *published(),
        *_details(report),
    ]
    return whole_page(title, parts)


def whole_page(title: str, parts: Iterable[Inside]) -> str:
    """Return a page with these parts."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", STYLE),
    )
    return page_of(tag("html", head, tag("body", tag("main", *parts)), lang="en"))


def published() -> list[Element]:
    """Return figures of others, to stand beside."""
    rows = [(figure.what, figure.figure, figure.source) for figure in PUBLISHED]
    return [
        tag("h2", "Published figures to stand beside"),
        tag("p", "Other networks, tasks, meters and scopes: they give the order of size, and no ranking."),
        grid(("what", "figure", "source"), rows, text=(0, 1, 2)),
    ]


def boxed(title: str, sentences: Iterable[str], stop: bool) -> Element:
    """Return a box for what a reader must see first."""
    items = [tag("li", sentence) for sentence in sentences]
    listed = tag("ul", *items) if items else None
    return tag("div", tag("p", tag("b", title)), listed, class_="box stop" if stop else "box", role="note")


def figure(drawing: Element | Iterable[Element], caption: str, *below: Inside, title: str = "") -> Element:
    """Return drawings with their caption."""
    drawings = [drawing] if isinstance(drawing, Element) else list(drawing)
    heading = tag("h3", title) if title else None
    return tag("figure", heading, *drawings, *below, tag("figcaption", caption), class_="plot")


def _kind(report: Report) -> str:
    """Return what kind of figures these are."""
    return "Measured energy" if report.meter is not None else "Modelled energy, not measured"


def _warnings(report: Report) -> list[Element]:
    """Return what spoils the figures, then what a reader should know."""
    if report.meter is None:
        return [boxed("Modelled, not measured: not for publication as a measurement", report.warnings, stop=True)]
    others = [text for text in report.warnings if not spoils(text)]
    boxes = [] if report.publishable else [boxed("Not for publication", spoiled(report), stop=True)]
    return [*boxes, boxed("Read this, too", others, stop=False)] if others else boxes


def _result(report: Report) -> list[Element]:
    """Return the line that is to be cited, and what it is of."""
    (number, of), headline = result_line(report), headline_of(report)
    if headline is None:
        return [tag("p", tag("b", number), f", {of}", class_="result")]
    found = report.per_clip[headline]
    said = f"Workload {headline}: {MEANINGS[headline]}. "
    if report.meter is not None:
        said += f"Scope {report.meter.scope}: {SEES[report.meter.scope]}. The interval is 95 % over windows."
    else:
        said += "The range is that of the coefficient of memory."
    battery = battery_sentence(report, found.net_j, found.ms)
    return [
        tag("p", tag("b", number), f", {of}", class_="result"),
        tag("p", said, class_="faint"),
        *([tag("p", battery, class_="faint")] if battery else []),
    ]


def _trace(report: Report) -> list[Element]:
    """Return the plot of power, where there is a trace."""
    trace = report.trace
    samples = sorted(zip(trace.seconds, trace.watts, strict=True))
    if len(samples) < 2:
        return []
    seconds, watts = zip(*samples, strict=True)
    spans = [
        Span(
            window.workload,
            (window.start_ns - trace.start_ns) * 1e-9,
            (window.start_ns - trace.start_ns) * 1e-9 + window.seconds,
            window.joules is None,
        )
        for window in report.windows
        if window.workload in WORKLOADS and (window.joules is not None or window.reason)
    ]
    idle_w = idle_power(report) if report.idle_w else None
    drawings = [power_plot(seconds, watts, spans, idle_w, width) for width in (WIDE, NARROW)]
    kinds = {span.kind for span in spans}
    keys: list[tuple[str, str]] = [(f"key-{name}", name) for name in WORKLOADS if name in kinds]
    keys += [("key-idle", "idle")] if idle_w is not None else []
    keys += [("key-refused", "did not count")] if any(span.refused for span in spans) else []
    caption = "Power over the whole measurement, thinned; each colored band is a window."
    return [tag("h2", "Power"), figure(drawings, caption, legend(keys))]


def _clips(report: Report, unit: Unit) -> list[Element]:
    """Return joules by workload and by stage."""
    shown = [name for name in WORKLOADS if name in report.per_clip]
    if not shown:
        return []
    bars = [_bar(name, name, report.per_clip[name], unit) for name in shown]
    measured = report.meter is not None
    what = "Energy of a clip" if measured else "Modelled energy of a clip"
    solid = (
        "Solid: net of idle power; pale: idle power while it ran. Numbers: net of gross. Line: 95 % of gross."
        if report.idle_w
        else ""
    )
    figures = [figure(bar_plot(what, bars, unit.name), solid if measured else BOUNDS, title=what)]
    stages = [name for name in STAGE_NAMES if getattr(report.per_stage, name) is not None]
    if stages:
        rows = [
            Bar(STAGE_TITLES[name], STAGE_KINDS[name], unit.of(_best(getattr(report.per_stage, name))))
            for name in stages
        ]
        kind = _net_or_gross(report)
        caption = f"{kind[:1].upper()}{kind[1:]}, by differences of workloads. {_sum_sentence(report, unit)}"
        title = f"{what} by stage"
        figures.append(figure(bar_plot(title, rows, unit.name), caption, title=title))
    meanings = "; ".join(f"{name}: {MEANINGS[name]}" for name in shown)
    tables = [
        tag("h2", "Joules of a clip"),
        tag("div", *figures, class_="plots"),
        workload_table(report, unit),
        tag("p", f"{meanings}.", class_="faint"),
    ]
    return [*tables, stage_table(report, unit)] if stages else tables


def _accuracy(report: Report, unit: Unit) -> list[Inside]:
    """Return accuracy against joules, and joules against budget."""
    kind, figures = _net_or_gross(report), []
    labels = (f"{kind} {unit.name} a clip", "top-1, %")
    points = [
        Point(name, name, unit.of(_best(found)), _accuracy_of(report, name, found))
        for name in WORKLOADS
        if (found := report.per_clip.get(name)) is not None and found.top1 is not None and name != "decode"
    ]
    rows = sorted(report.by_budget, key=lambda row: (row.unit, row.budget))
    curve = [
        Point(_budget(row), "exits", unit.of(_best(row)), Estimate(100 * row.top1))
        for row in rows
        if row.top1 is not None
    ]
    if points or curve:
        title = "Accuracy against energy"
        keys = legend([(f"key-{point.kind}", point.name) for point in points])
        caption = "The line goes through the bundle's budgets." if len(curve) > 1 else "Up and to the left is better."
        curve.sort(key=lambda point: point.x.value)
        figures.append(figure(plane_plot(title, points, curve, labels), caption, keys, title=title))
    for measure in dict.fromkeys(row.unit for row in rows):
        line = [
            Point(_budget(row), "exits", Estimate(row.budget), unit.of(_best(row)))
            for row in rows
            if row.unit == measure
        ]
        title = "Energy against budget"
        drawing = plane_plot(title, [], line, (f"budget, {measure} a clip on average", labels[0]), y_from_zero=True)
        figures.append(figure(drawing, "Thresholds are those of the bundle's table.", title=title))
    missing = None if points or curve else tag("p", "The clips have no labels, so that accuracy is not known.")
    if not figures:
        return [tag("h2", "Accuracy and budgets"), missing, tag("p", "No budget was measured.")]
    table = budget_table(report, unit) if rows else tag("p", "No budget was measured.")
    return [tag("h2", "Accuracy and budgets"), missing, tag("div", *figures, class_="plots"), table]


def _methods(report: Report) -> list[Element]:
    """Return the paragraph for a paper."""
    warning = "" if report.publishable else " This report is not for publication: see the top of the page."
    return [
        tag("h2", "Methods, to paste into a paper"),
        tag("p", f"Made from this report.{warning}", class_="faint"),
        tag("pre", methods(report)),
    ]


def _details(report: Report) -> list[Element]:
    """Return everything else."""
    parts = [tag("h2", "What was measured"), report_facts(report)]
    if report.windows:
        refused = len(refused_windows(report))
        summary = f"All {len(report.windows)} windows" + (f", {refused} of them did not count" if refused else "")
        parts.append(tag("details", tag("summary", summary), window_table(report.windows), open=bool(refused)))
    return parts


def _bar(name: str, kind: str, found: PerClip, unit: Unit) -> Bar:
    """Return the bar of a workload."""
    return Bar(name, kind, unit.of(found.gross_j), unit.of(found.net_j).value if found.net_j else None)


def _best(found: PerClip | StageEnergy | BudgetRow) -> Interval:
    """Return net joules where they are known, else gross ones."""
    return found.net_j or found.gross_j


def _net_or_gross(report: Report) -> str:
    """Return which joules are plotted."""
    if report.meter is None:
        return "modelled"
    return "net" if report.idle_w else "gross"


def _accuracy_of(report: Report, name: Workload, found: PerClip) -> Estimate:
    """Return top-1 in percent, with its interval where there is one."""
    each = (report.per_correct or {}).get(name)
    if each is not None and each.top1.low is not None and each.top1.high is not None:
        return Estimate(100 * each.top1.median, 100 * each.top1.low, 100 * each.top1.high)
    return Estimate(100 * (found.top1 or 0.0))


def _budget(row: BudgetRow) -> str:
    """Return the name of a budget."""
    return f"{row.budget:g} {row.unit}"


def _sum_sentence(report: Report, unit: Unit) -> str:
    """Return whether the stages add up to the whole."""
    check = report.per_stage.sum_check
    if check is None:
        return ""
    parts, whole = (Estimate(joules * unit.factor).text for joules in (check.parts_j, check.whole_j))
    where = "within" if check.within else "outside of"
    return (
        f"They add up to {parts} {unit.name}, {where} the interval of the whole, {whole} {unit.name} "
        f"({check.difference_percent:+.1f} %)."
    )
