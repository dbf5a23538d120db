"""What the benchmarks share: turns, clips of a list, files of figures."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from benchmarks.harness import clips_of, medians, take_turns, write


def test_calls_take_turns_and_warm_up_turns_do_not_count() -> None:
    order: list[str] = []
    found = medians({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2, 3)
    assert order == ["a", "b"] * 5
    assert sorted(found) == ["a", "b"]


def test_calls_take_turns_on_every_item_and_give_what_they_returned() -> None:
    calls = {"double": lambda item: 2 * item, "square": lambda item: item * item}
    assert take_turns(calls, [3, 5], 1, 2) == {"double": [6, 10] * 2, "square": [9, 25] * 2}


def test_clips_are_spread_over_the_list(clip_list: Path) -> None:
    every = clips_of(clip_list, "val")
    assert clips_of(clip_list, "val", 2) == [every[0], every[len(every) // 2]]


def test_figures_go_to_a_file_by_its_name_or_to_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = {"ms": 2.5, "names": ["a", "b"]}
    for name in ("figures.json", "figures.yaml"):
        write(tmp_path / name, content)
        assert yaml.safe_load((tmp_path / name).read_text()) == content
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {tmp_path / name}" for name in ("figures.json", "figures.yaml")
    ]
    write(None, content)
    assert json.loads(capsys.readouterr().out) == content


@pytest.mark.parametrize(("seconds", "turns"), [(0.0, 4), (60.0, 9)])
def test_no_further_turn_begins_when_the_time_is_over_but_the_fewest_are_made(seconds: float, turns: int) -> None:
    calls: list[float] = []

    def slow() -> None:
        time.sleep(0.01)
        calls.append(1.0)

    medians({"slow": slow}, 1, 8, min_turns=3, max_seconds=seconds)
    assert len(calls) == turns
