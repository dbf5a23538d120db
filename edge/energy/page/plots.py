"""The plots of the pages, each drawn from plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from xml.etree.ElementTree import Element

from adafocus.edge.energy.page.chart import (
    LETTER,
    NARROW,
    Frame,
    Scale,
    apart,
    dot,
    drawing,
    framed,
    label,
    line,
    number,
    spread,
    tick_text,
    whisker,
)
from adafocus.edge.energy.page.markup import tag

ROW = 34
# a name longer than this stands above its bar
MAX_NAME = 18
# above so many seconds a trace is shown in minutes
MINUTES_FROM_S = 300.0
# a line is broken where samples are farther apart than so many usual distances, and than a second
GAP_DISTANCES, GAP_S = 5, 1.0
# between two windows
SEAM = 1.0
# radius of a point, and of one on a line
LARGE, SMALL = 5.5, 3.0


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; both ends None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """The value and its interval, without a unit."""
        return number(self.value) + (f" ({self.range})" if self.range else "")

    @property
    def range(self) -> str:
        """The interval alone; empty where there is none."""
        if self.low is None or self.high is None:
            return ""
        # an end below 0 would look like a range of three numbers
        between = " to " if self.low < 0 else "-"
        return f"{number(self.low)}{between}{number(self.high)}"


@dataclass(frozen=True)
class Span:
    """A window in a trace: its color, its ends in seconds, and whether it did not count."""

    kind: str
    start_s: float
    end_s: float
    refused: bool = False


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its color, its length, and the solid part of it; all pale beyond that."""

    name: str
    kind: str
    length: Estimate
    solid: float | None = None


@dataclass(frozen=True)
class Point:
    """One point of a plane: its name, its color, and both its values."""

    name: str
    kind: str
    x: Estimate
    y: Estimate


def power_plot(
    seconds: Sequence[float], watts: Sequence[float], spans: Sequence[Span], idle_w: float | None, width: int
) -> Element:
    """Plot a trace of power over its windows.

    Args:
        seconds: of the samples, rising.
        watts: of the samples.
        spans: the windows.
        idle_w: mean power at rest.
        width: of the drawing; a narrow one is shown on small screens only, and a wide one on the others.
    """
    unit_s, unit = (60.0, "min") if seconds[-1] - seconds[0] > MINUTES_FROM_S else (1.0, "s")
    frame = framed(
        "Power over time with the windows marked",
        (width, 250),
        (apart(seconds[0] / unit_s, seconds[-1] / unit_s), spread(watts, from_zero=True)),
        (unit, "W"),
        "narrow" if width == NARROW else "wide",
    )
    for span in spans:
        frame.draw(*_band(frame, span, unit_s))
    columns = max(1, int(frame.x.end - frame.x.start))
    for part in _unbroken(seconds, watts):
        points = [(frame.x.at(at_s / unit_s), frame.y.at(power_w)) for at_s, power_w in part]
        frame.draw(line(_thinned(points, columns, frame.x), "trace"))
    if idle_w is not None:
        height = frame.y.at(idle_w)
        frame.draw(tag("line", class_="idle", x1=frame.x.start, x2=frame.x.end, y1=height, y2=height))
    return frame.svg


def bar_plot(title: str, bars: Sequence[Bar], unit: str) -> Element:
    """Plot bars with their intervals, the values beside them.

    Args:
        title: what it shows.
        bars: from above to below.
        unit: of all of them.
    """
    texts = [_length_text(bar, unit) for bar in bars]
    ends = [end for bar in bars for end in (bar.length.value, bar.length.low, bar.length.high) if end is not None]
    # a part may come out below 0
    above = max(len(bar.name) for bar in bars) > MAX_NAME
    left = 20 if above else 12 + LETTER * max(len(bar.name) for bar in bars)
    row_height = ROW + 18 if above else ROW
    scale = Scale(*apart(min(0.0, *ends), max(0.0, *ends)), left, NARROW - 18 - LETTER * max(map(len, texts)))
    height = row_height * len(bars) + 36
    svg = drawing(title, NARROW, height)
    ticks = scale.ticks(4)
    for value, text in zip(ticks, tick_text(ticks), strict=True):
        place = scale.at(value)
        svg.append(tag("line", class_="grid", x1=place, x2=place, y1=2, y2=height - 30))
        svg.append(label(text, place, height - 15, "middle"))
    svg.append(label(unit, scale.end + 14, height - 15, "start", "name"))
    for row, (bar, text) in enumerate(zip(bars, texts, strict=True)):
        top = 6 + row_height * row + row_height - ROW
        middle = top + 0.5 * (ROW - 12)
        if above:
            svg.append(label(bar.name, left + 2, top - 5, "start", "name"))
        else:
            svg.append(label(bar.name, left - 8, middle + 4, "end", "name"))
        svg.append(_stick(scale, bar.length.value, top, f"fill-{bar.kind}{'' if bar.solid is None else ' pale'}"))
        if bar.solid is not None:
            svg.append(_stick(scale, bar.solid, top, f"fill-{bar.kind}"))
        if bar.length.low is not None and bar.length.high is not None:
            svg.append(whisker(scale, bar.length.low, bar.length.high, middle))
        svg.append(label(text, scale.end + 14, middle + 4, "start", "value"))
    svg.append(tag("line", class_="axis", x1=scale.at(0), x2=scale.at(0), y1=2, y2=height - 30))
    return svg


def plane_plot(
    title: str, points: Sequence[Point], curve: Sequence[Point], labels: tuple[str, str], y_from_zero: bool = False
) -> Element:
    """Plot points with intervals in both directions, and a line through others.

    Args:
        title: what it shows.
        points: each with a name of its own.
        curve: in the order of the line; its band is the interval of y.
        labels: under x, and above y.
        y_from_zero: whether y begins at 0, as x does.
    """
    every = (*points, *curve)
    ranges = (
        spread(_ends(point.x for point in every), from_zero=True),
        spread(_ends(point.y for point in every), y_from_zero),
    )
    frame = framed(title, (NARROW, 290), ranges, labels)
    if len(curve) > 1:
        upper = [(point.x.value, point.y.high) for point in curve if point.y.high is not None]
        lower = [(point.x.value, point.y.low) for point in curve if point.y.low is not None]
        outline = [(frame.x.at(x), frame.y.at(y)) for x, y in (*upper, *reversed(lower))]
        if outline:
            frame.draw(line(outline, f"area fill-{curve[0].kind}"))
        places = [(frame.x.at(point.x.value), frame.y.at(point.y.value)) for point in curve]
        frame.draw(line(places, f"curve line-{curve[0].kind}"))
        frame.draw(*(_dot(frame, point, labels, SMALL) for point in curve))
    for point in points:
        frame.draw(*_whiskers(frame, point), _dot(frame, point, labels))
    return frame.svg


def _length_text(bar: Bar, unit: str) -> str:
    """Return what stands beside a bar: its length, and the solid part of it before that."""
    solid = "" if bar.solid is None else f"{number(bar.solid)} of "
    return f"{solid}{number(bar.length.value)} {unit}"


def _ends(estimates: Iterable[Estimate]) -> list[float]:
    """Return the values and ends of estimates."""
    return [end for one in estimates for end in (one.value, one.low, one.high) if end is not None]


def _whiskers(frame: Frame, point: Point) -> list[Element]:
    """Return the intervals of a point."""
    x, y = frame.x.at(point.x.value), frame.y.at(point.y.value)
    parts = []
    for scale, one, path in (
        (frame.x, point.x, f"M{{:.1f}} {y:.1f}H{{:.1f}}"),
        (frame.y, point.y, f"M{x:.1f} {{:.1f}}V{{:.1f}}"),
    ):
        if one.low is not None and one.high is not None:
            parts.append(tag("path", d=path.format(scale.at(one.low), scale.at(one.high)), class_="whisker"))
    return parts


def _dot(frame: Frame, point: Point, labels: tuple[str, str], radius: float = LARGE) -> Element:
    """Return a point that says what it is."""
    text = f"{point.name}: {point.x.text} {labels[0]}, {point.y.text} {labels[1]}"
    return dot(frame.x.at(point.x.value), frame.y.at(point.y.value), f"fill-{point.kind}", text, radius)


def _band(frame: Frame, span: Span, unit_s: float) -> list[Element]:
    """Return the mark of a window: a band of its color, and a line on top where it did not count."""
    start = max(frame.x.start, frame.x.at(span.start_s / unit_s))
    end = min(frame.x.end, frame.x.at(span.end_s / unit_s))
    if end <= start:
        return []
    # windows that follow each other are told apart
    top, wide = frame.y.end, end - start - min(SEAM, 0.2 * (end - start))
    band = tag("rect", tag("title", span.kind), x=start, y=top, width=wide, height=frame.y.start - top,
               class_=f"band fill-{span.kind}")  # fmt: skip
    edge = tag("line", x1=start, x2=start + wide, y1=top, y2=top, class_="refused")
    return [band, edge] if span.refused else [band]


def _stick(scale: Scale, length: float, top: float, class_: str) -> Element:
    """Return a bar from zero."""
    start, end = sorted((scale.at(0), scale.at(length)))
    return tag("rect", x=start, y=top, width=max(end - start, 0.5), height=ROW - 12, rx=2, class_=class_)


def _unbroken(seconds: Sequence[float], watts: Sequence[float]) -> list[list[tuple[float, float]]]:
    """Return the parts of a trace that have no gap, as points; samples without a value are gaps."""
    known = [(at_s, power_w) for at_s, power_w in zip(seconds, watts, strict=True) if math.isfinite(power_w)]
    distances = [later[0] - earlier[0] for earlier, later in pairwise(known)]
    limit_s = max(GAP_S, GAP_DISTANCES * median(distances)) if distances else GAP_S
    parts: list[list[tuple[float, float]]] = [known[:1]]
    for point, distance_s in zip(known[1:], distances, strict=True):
        if distance_s > limit_s:
            parts.append([])
        parts[-1].append(point)
    return parts


def _thinned(points: Sequence[tuple[float, float]], columns: int, scale: Scale) -> list[tuple[float, float]]:
    """Return the first, lowest, highest and last point of each column of pixels, so that no peak is lost."""
    if len(points) <= 4 * columns:
        return list(points)
    by_column: dict[int, list[tuple[float, float]]] = {}
    for point in points:
        by_column.setdefault(int(point[0] - scale.start), []).append(point)
    kept: list[tuple[float, float]] = []
    for column in by_column.values():
        chosen = {column[0], column[-1], min(column, key=lambda point: point[1]), max(column, key=lambda one: one[1])}
        kept += sorted(chosen, key=column.index)
    return kept
