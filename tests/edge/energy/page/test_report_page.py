"""The page of a report: one file, nothing that is not in the report, and every report can be drawn."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adafocus.edge.energy.page import render, write_page
from adafocus.edge.energy.page.words import methods, result_line
from adafocus.edge.energy.report import Interval, PerClip, PerStage, PowerTrace, Report
from tests.edge.energy.made_up_reports import measured, meter_facts, modelled, protocol_facts

SPARSE: dict[str, Any] = {
    "idle_w": (),
    "busy_w": None,
    "drift_percent": None,
    "windows": (),
    "per_stage": PerStage(),
    "per_correct": None,
    "by_budget": (),
    "observer_ms": None,
    "trace": PowerTrace(),
}


class Outline(HTMLParser):
    """The elements of a page, whether each is closed, and its text."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self, tag: str, class_: str = "") -> int:
        return sum(name == tag and class_ in ["", *(about.get("class") or "").split()] for name, about in self.seen)


def test_the_page_is_one_whole_file_without_scripts_or_a_network(tmp_path: Path) -> None:
    write_page(measured(), tmp_path / "energy.html")
    text = (tmp_path / "energy.html").read_text(encoding="utf-8")
    page = Outline(text)
    assert not page.open
    assert not {"script", "link", "img", "iframe"} & {name for name, _ in page.seen}
    assert not re.search(r"(?:src|href)=|url\(|@import", text)
    # power on wide and on narrow screens; clips, stages, accuracy and budgets
    assert page.count("svg") == 6
    assert page.count("svg", "wide") == page.count("svg", "narrow") == 1
    assert page.count("rect", "band") == 2 * 5 * 6


def test_the_line_that_is_cited_says_everything_that_it_needs() -> None:
    assert result_line(measured()) == (
        "0.412 J a clip (0.398-0.426)",
        "net of 2.71 W idle; VDD_IN (jetson), 10 Hz, coverage 99.6 %",
    )
    figure, of = result_line(measured(**SPARSE | {"per_clip": {"full": PerClip(gross_j=Interval(median=0.9))}}))
    assert (figure, of.split(";")[0]) == ("0.900 J a clip", "gross, idle power included")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & b \"c\" 'd'", "\x00\ud800\u202e", "</style></svg>"])
def test_a_name_is_never_markup(name: str, tmp_path: Path) -> None:
    path = tmp_path / "energy.html"
    plain = Outline(render(measured()))
    write_page(measured(name, warnings=(name,), publishable=False, meter=meter_facts(detail=name)), path)
    page = Outline(path.read_text(encoding="utf-8"))
    assert not page.open
    # the box with the warning is all that is new
    assert page.count("script") == 0
    assert page.count("svg") == plain.count("svg")


def test_what_spoils_a_report_stands_above_its_figures() -> None:
    warnings = ("Nothing tells the heat.", "Not for publication: the device was slowed down.")
    text = Outline(render(measured(publishable=False, warnings=warnings))).text
    places = ["Not for publication", "The device was slowed down.", "Nothing tells the heat.", "0.412 J a clip"]
    assert sorted(places, key=text.index) == places
    assert "Not for publication" not in Outline(render(measured())).text


def test_modelled_joules_are_called_so_and_never_gross_or_net() -> None:
    page = Outline(render(modelled()))
    assert "Modelled, not measured" in page.text
    assert "6.00 mJ a clip (4.20-7.80) , modelled, not measured" in page.text
    assert "Energy was not measured" in page.text
    assert not re.search(r"\b(gross|net) (J|mJ)\b", page.text)
    assert not re.search(r"(?i)\bmeasured energy", page.text)


@pytest.mark.parametrize(
    ("changes", "said", "unsaid"),
    [
        ({}, "net energy is gross energy less idle power, on the line between the two, times time", "was throttled"),
        ({"idle_w": ()}, "no net energy is given", "less idle power"),
        ({"protocol": protocol_facts(order=("full", "exits") * 6)}, "Windows of at least", "reversed"),
        ({"protocol": protocol_facts(settled=False)}, "had not settled", "when the temperature had settled"),
        ({"protocol": protocol_facts(warm_up_s=0.0)}, "Windows of at least", "s of work"),
        ({"protocol": protocol_facts(draws=0)}, "without intervals", "bootstrap over rounds"),
        (
            {"meter": meter_facts(gain_error_percent=0.5)},
            "0.5 % as stated by its maker",
            "gain error of the meter is unknown",
        ),
        ({"meter": meter_facts(kind="counter")}, "counter of joules", "trapezoid"),
        ({"per_correct": None}, "medians over windows", "each correct prediction"),
        ({}, "+1.4 % from the first window to the last", "was throttled"),
        ({"drift_percent": None}, "medians over windows", "taken off"),
        ({"observer_ms": None}, "medians over windows", "Reading the meter"),
        ({"per_stage": PerStage()}, "medians over windows", "Energy of stages"),
        ({"windows": ()}, "No window of a workload counted", "not throttled"),
    ],
)
def test_the_methods_claim_what_was_done_and_nothing_else(changes: dict[str, Any], said: str, unsaid: str) -> None:
    text = methods(measured(**changes))
    assert said in text
    assert unsaid not in text
    # the words are there where it was done
    assert "reversed from round to round" in methods(measured())


def test_windows_that_did_not_count_are_marked_and_told() -> None:
    first, second, *others = measured().windows
    reason = "The meter gave nothing for 3 s, expected at most 1 s. Measure again."
    refused = second.model_copy(update={"joules": None, "reason": reason, "throttled": ("under-voltage",)})
    report = measured(windows=(first, refused, *others), publishable=False)
    page = Outline(render(report))
    assert page.count("line", "refused") == 2
    assert "1 of them did not count" in page.text
    assert f"1 window did not count; the first one because: {reason}" in methods(report)


FIGURE = st.floats(0, 1e9, allow_subnormal=False) | st.sampled_from([0.0, 1e-12, 0.05, 1.0, 1e6])


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw a report that lacks some of its parts, and whose figures are of any size."""
    missing = draw(st.sets(st.sampled_from(sorted(SPARSE))))
    values = sorted(draw(st.tuples(FIGURE, FIGURE, FIGURE)))
    joules = Interval(low=values[0], median=values[1], high=values[2])
    names = draw(st.sets(st.sampled_from(["decode", "glance", "full", "exits", "plain"])))
    net = draw(st.sampled_from([None, joules, Interval(median=-values[1])]))
    clips = {
        name: PerClip(gross_j=joules, net_j=net, ms=joules, top1=draw(st.sampled_from([None, 0, 1]))) for name in names
    }
    changes = {name: SPARSE[name] for name in missing} | {"per_clip": clips}
    if "trace" not in missing:
        watts = draw(st.lists(FIGURE, max_size=4))
        changes["trace"] = PowerTrace(seconds=tuple(draw(FIGURE) for _ in watts), watts=tuple(watts))
    return measured(**changes)


@given(reports())
@settings(max_examples=30, deadline=None)
def test_every_report_can_be_drawn(report: Report) -> None:
    page = render(report)
    assert not Outline(page).open
    assert not re.search(r"\b(nan|inf)\b", page)
