"""The frame of a plot in SVG: scales with round ticks, axes, a legend. Colors come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.etree.ElementTree import Element

from adafocus.edge.energy.page.markup import tag

# in the units of a drawing, which are pixels where it is shown in its own size
NARROW, WIDE = 400, 940
ROUND_STEPS = (1, 2, 2.5, 5, 10)
TICK = 4
# ends of an axis that are closer than that share of their size, or than that, are the same
MIN_RANGE, MIN_LENGTH = 1e-6, 1e-30
LETTER = 7.4
LINE = 17


@dataclass(frozen=True)
class Scale:
    """From values to places in a drawing.

    Attributes:
        low, high: ends of the values.
        start, end: their places.
    """

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Return round values in the range, at most so many and one more."""
        step = round_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def round_step(least: float) -> float:
    """Return the smallest round number that is not below a positive one."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in ROUND_STEPS if step * power >= least * (1 - 1e-9))


def spread(values: Iterable[float], from_zero: bool = False) -> tuple[float, float]:
    """Return the ends of an axis for finite values, with some room beyond them; never a range of no length."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    if from_zero:
        low, high = min(0.0, low), max(0.0, high)
    low, high = apart(low, high)
    room = 0.06 * (high - low)
    return (low if from_zero and low == 0 else low - room), high + room


def apart(low: float, high: float) -> tuple[float, float]:
    """Return the ends of a range; where they are as good as the same, ends around them."""
    size = max(abs(low), abs(high))
    if high - low > max(MIN_RANGE * size, MIN_LENGTH):
        return low, high
    room = 0.1 * size if size > MIN_LENGTH else 1.0
    return low - room, high + room


def number(value: float, digits: int = 3) -> str:
    """Return a value with so many digits that count, without an exponent where it can be read without one."""
    if not math.isfinite(value):
        return "–"  # noqa: RUF001
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if not -5 <= size <= 6:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(0, digits - 1 - size)}f}"


def tick_text(values: Sequence[float]) -> list[str]:
    """Return the texts of ticks, all with the same number of decimals."""
    step = min((abs(b - a) for a, b in pairwise(values)), default=1.0)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals and any(abs(round(value, decimals) - value) > 1e-9 * step for value in values):
        decimals += 1
    elif not decimals and any(abs(round(value) - value) > 1e-9 for value in values):
        decimals = 1
    return [f"{value:.{decimals}f}" for value in values]


@dataclass(frozen=True)
class Frame:
    """A drawing with two axes.

    Attributes:
        svg: what is drawn into.
        x, y: its scales; ``y.start`` is the lower end.
    """

    svg: Element
    x: Scale
    y: Scale

    def draw(self, *parts: Element) -> None:
        """Add parts on top of what is there."""
        self.svg.extend(parts)


def drawing(title: str, width: float, height: float, class_: str = "") -> Element:
    """Return an empty drawing that shrinks with its page.

    Args:
        title: what it shows, for people who hear the page.
        width: of the drawing.
        height: likewise.
        class_: of the element.
    """
    return tag(
        "svg",
        tag("title", title),
        role="img",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        class_=class_ or None,
        aria_label=title,
    )


def framed(
    title: str,
    size: tuple[float, float],
    ranges: tuple[tuple[float, float], tuple[float, float]],
    labels: tuple[str, str],
    class_: str = "",
) -> Frame:
    """Return a drawing with grid, ticks and labels.

    Args:
        title: what it shows.
        size: width and height.
        ranges: ends of x, and of y.
        labels: under x, and above y.
        class_: of the element.
    """
    width, height = size
    svg = drawing(title, width, height, class_)
    ticks = Scale(*ranges[1], 0, 1).ticks(5)
    left = 14 + LETTER * max(map(len, tick_text(ticks)), default=1)
    x, y = Scale(*ranges[0], left, width - 12), Scale(*ranges[1], height - 42, 26)
    for value, text in zip(ticks, tick_text(ticks), strict=True):
        svg.append(tag("line", class_="grid", x1=x.start, x2=x.end, y1=y.at(value), y2=y.at(value)))
        svg.append(label(text, x.start - 6, y.at(value) + 4, "end"))
    below = x.ticks(max(2, int((x.end - x.start) / 70)))
    for value, text in zip(below, tick_text(below), strict=True):
        svg.append(tag("line", class_="axis", x1=x.at(value), x2=x.at(value), y1=y.start, y2=y.start + TICK))
        svg.append(label(text, x.at(value), y.start + TICK + 13, "middle"))
    svg.append(tag("line", class_="axis", x1=x.start, x2=x.end, y1=y.start, y2=y.start))
    svg.append(label(labels[0], (x.start + x.end) / 2, height - 5, "middle", "name"))
    svg.append(label(labels[1], 2, 13, "start", "name"))
    return Frame(svg, x, y)


def label(text: str, x: float, y: float, anchor: str = "start", class_: str | None = None) -> Element:
    """Return text at a place."""
    return tag("text", text, x=x, y=y, text_anchor=anchor, class_=class_)


def line(points: Iterable[tuple[float, float]], class_: str) -> Element:
    """Return a line through points, ``(x, y)`` in the units of the drawing."""
    path = " ".join(f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(points))
    return tag("path", d=path, class_=class_)


def dot(x: float, y: float, class_: str, text: str, radius: float) -> Element:
    """Return a point that says what it is when somebody points at it."""
    return tag("circle", tag("title", text), cx=x, cy=y, r=radius, class_=class_)


def whisker(scale: Scale, low: float, high: float, y: float, half: float = 5) -> Element:
    """Return a horizontal interval with ends."""
    start, end = scale.at(low), scale.at(high)
    ends = f"M{start:.1f} {y - half:.1f}V{y + half:.1f}M{end:.1f} {y - half:.1f}V{y + half:.1f}"
    return tag("path", d=f"M{start:.1f} {y:.1f}H{end:.1f}{ends}", class_="whisker")


def legend(entries: Sequence[tuple[str, str]]) -> Element:
    """Return a legend under a drawing, of class and text; it breaks into lines where the page is narrow."""
    items = [tag("span", tag("i", class_=f"key {kind}"), text) for kind, text in entries]
    return tag("p", *items, class_="legend")
