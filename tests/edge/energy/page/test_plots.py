"""The plots: axes with round ticks, and no peak, gap or interval that is lost."""

from __future__ import annotations

import math
import re
from xml.etree.ElementTree import Element

import pytest

from adafocus.edge.energy.page.chart import NARROW, Scale, number, spread, tick_text
from adafocus.edge.energy.page.plots import Bar, Estimate, bar_plot, power_plot


def traces(svg: Element) -> list[str]:
    return [path.get("d", "") for path in svg.iter("path") if path.get("class") == "trace"]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.0123), (-3, 7), (1e-9, 2e-9), (0, 123456), (99.2, 99.9)])
def test_ticks_are_round_and_tell_their_values(low: float, high: float) -> None:
    ticks = Scale(low, high, 0, 300).ticks()
    assert 3 <= len(ticks) <= 7
    assert low - 1e-12 <= ticks[0] < ticks[-1] <= high * (1 + 1e-9)
    step = ticks[1] - ticks[0]
    assert all(
        math.isclose(float(text), tick, abs_tol=0.01 * step) for text, tick in zip(tick_text(ticks), ticks, strict=True)
    )


def test_a_range_always_has_a_length() -> None:
    assert all(low < high for low, high in (spread([]), spread([0.0]), spread([5.0, 5.0]), spread([math.nan])))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.412, "0.412"), (0.08, "0.0800"), (12.345, "12.3"), (1234.5, "1234"), (0, "0"), (1e-9, "1.00e-09")],
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_a_short_peak_in_a_long_trace_is_drawn() -> None:
    count, peak = 50_000, 31_313
    watts = [3.0 + 0.01 * (step % 7) for step in range(count)]
    watts[peak] = 9.0
    svg = power_plot([0.1 * step for step in range(count)], watts, [], None, NARROW)
    (path,) = traces(svg)
    places = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", path)]
    assert len(places) < 5 * NARROW
    top = min(places, key=lambda place: place[1])
    heights = sorted(y for _, y in places)
    assert heights[1] - heights[0] > 50
    left, right = places[0][0], places[-1][0]
    assert top[0] == pytest.approx(left + (right - left) * peak / count, abs=1)


def test_a_gap_is_not_drawn_over() -> None:
    seconds = [0.1 * step for step in range(100)] + [30 + 0.1 * step for step in range(100)]
    assert len(traces(power_plot(seconds, [3.0] * 200, [], 2.7, NARROW))) == 2


def test_bars_are_as_long_as_their_values_and_have_their_intervals() -> None:
    bars = [Bar("a", "full", Estimate(0.4, 0.3, 0.5), 0.1), Bar("b", "glance", Estimate(0.2), None)]
    svg = bar_plot("energy", bars, "J")
    whole, solid, other = (float(rect.get("width", 0)) for rect in svg.iter("rect"))
    assert whole == pytest.approx(4 * solid, rel=0.01)
    assert whole == pytest.approx(2 * other, rel=0.01)
    (interval,) = [path.get("d", "") for path in svg.iter("path") if path.get("class") == "whisker"]
    start, end = map(float, re.findall(r"M([\d.]+) [\d.]+H([\d.]+)", interval)[0])
    assert end - start == pytest.approx(whole / 2, rel=0.02)
    assert [text.text for text in svg.iter("text") if text.get("class") == "value"] == ["0.100 of 0.400 J", "0.200 J"]


def test_long_names_stand_above_their_bars_and_inside_of_the_drawing() -> None:
    svg = bar_plot("energy", [Bar("NVIDIA Jetson Orin Nano Developer Kit", "full", Estimate(0.4))], "J")
    (name,) = [text for text in svg.iter("text") if text.text and text.text.startswith("NVIDIA")]
    assert name.get("text-anchor") == "start"
    assert float(name.get("x", 0)) < 40
