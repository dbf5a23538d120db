"""What a person sees in the terminal, and how durations are typed."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from adafocus.edge.commands.options import Duration
from adafocus.edge.streaming.statistics import Statistics
from adafocus.edge.streaming.views.terminal import TerminalView
from adafocus.errors import AdafocusError
from tests.helpers.made_up_results import result


def test_where_there_is_no_terminal_every_answer_is_a_line() -> None:
    text = io.StringIO()
    terminal = TerminalView(Console(file=text, width=200))
    terminal.update(result())
    terminal.update(result(label=None, score=0.1))
    terminal.close()
    first, second = text.getvalue().strip().splitlines()
    for word in ("archery", "75 %", "focus", "1.21 GMAC", "40 ms"):
        assert word in first
    assert "no label (archery?)" in second


def test_on_a_terminal_there_is_one_line_that_goes_away() -> None:
    text = io.StringIO()
    terminal = TerminalView(Console(file=text, width=200, force_terminal=True, color_system=None, highlight=False))
    for _ in range(5):
        terminal.update(result())
    terminal.status("running, 3 dropped")
    terminal.close()
    assert "archery" in text.getvalue()
    assert "3 dropped" in text.getvalue()
    assert text.getvalue().count("\n") <= 1


def test_names_with_brackets_are_no_markup() -> None:
    text = io.StringIO()
    terminal = TerminalView(Console(file=text, width=200))
    terminal.update(result(label="[red]odd[/] label"))
    terminal.warn("a [bold] sentence")
    assert "[red]odd[/] label" in text.getvalue()
    assert "a [bold] sentence" in text.getvalue()


def test_the_summary_tells_frames_latency_and_exits() -> None:
    text, statistics = io.StringIO(), Statistics()
    statistics.add(result())
    content = {
        "seconds": 12.0,
        "source": "[camera] 0",
        "frames": {"grabbed": 360, "kept": 72, "dropped": 5},
        "interruptions": 3,
        "outages": 1,
        "annotated": {"path": "out.mp4"},
        **statistics.as_dict(),
    }
    content["memory"]["growth_bytes"] = 2**20
    TerminalView(Console(file=text, width=200)).summary(content)
    for words in (
        "12.0 s",
        "[camera] 0",
        "5 dropped",
        "p50 40",
        "focus 1",
        "1.0 MB",
        "out.mp4",
        "interruptions: 3; longer than a window: 1",
    ):
        assert words in text.getvalue()


def test_an_empty_stream_has_a_summary_too() -> None:
    text = io.StringIO()
    content = {"seconds": 0.0, "source": "x", "frames": {}, "interruptions": 0, "outages": 0, "annotated": None}
    TerminalView(Console(file=text, width=200)).summary({**content, **Statistics().as_dict()})
    assert "0 predictions" in text.getvalue()
    assert "interruptions" not in text.getvalue()


@pytest.mark.parametrize(
    ("text", "seconds"), [("4s", 4.0), ("250ms", 0.25), ("10min", 600.0), ("1.5", 1.5), (" 2 h ", 7200.0), (".5s", 0.5)]
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "four", "4 weeks", "-1s", "1e3s", "nan", "9999999h", "1ms"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(AdafocusError, match="expected a number"):
        Duration(least_s=0.01).convert(text, None, None)
