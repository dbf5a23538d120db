"""What the report says of a measurement and of the machine."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bench.protocol import Measurement, Protocol
from adafocus.edge.bench.report import Surroundings, notes, summary
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.device.host import State
from tests.helpers.made_up_results import report_of


def test_percentiles_are_those_of_numpy_and_the_smallest_is_the_smallest() -> None:
    found = summary(np.arange(1.0, 102.0))
    assert found == {"mean": 51, "median": 51, "p90": 91, "p99": 100, "min": 1, "max": 101}


def test_sustained_load_is_told_minute_by_minute(shipped_bundle: Bundle, around: Surroundings) -> None:
    """Three minutes in which a clip takes 1 s in the first, 2 s in the second and 3 s in the third."""
    costs_s = (*[1.0] * 60, *[2.0] * 30, *[3.0] * 20)
    report = report_of(shipped_bundle, Protocol(0, minutes=3), around, *costs_s)
    assert [record["minute"] for record in report["minutes"]] == [1, 2, 3]
    assert [record["ms"]["one"]["median"] for record in report["minutes"]] == [1000, 2000, 3000]
    assert [record["ms"]["one"]["n"] for record in report["minutes"]] == [60, 30, 20]
    assert report["last_to_first_minute"] == {"one": 3.0}
    heat = [record["hottest_c"] for record in report["minutes"]]
    clocks = [record["mean_mhz"] for record in report["minutes"]]
    assert heat == sorted(heat)
    assert heat[2] > heat[0] + 10
    assert clocks == sorted(clocks, reverse=True)


def test_a_broken_last_minute_does_not_count_as_the_last(shipped_bundle: Bundle, around: Surroundings) -> None:
    report = report_of(shipped_bundle, Protocol(0, minutes=2.5), around, *[1.0] * 60, *[2.0] * 30, *[5.0] * 6)
    assert [record["seconds"] for record in report["minutes"]] == [60, 60, 30]
    assert report["last_to_first_minute"] == {"one": 2.0}
    assert report_of(shipped_bundle, Protocol(0, minutes=0.5), around, 1.0)["last_to_first_minute"] == {}


def test_the_report_counts_exits_and_names_what_was_measured(shipped_bundle: Bundle, around: Surroundings) -> None:
    report = report_of(shipped_bundle, Protocol(0, 10, 0), around, 0.5)
    (entry,) = report["entries"]
    assert entry["n"] == report["clips"] == 10
    assert entry["exits"] == {"glance": 5, "focus": 5}
    assert entry["host_share_of_compute"] == pytest.approx(0.125)
    assert len(entry["manifest_sha256"]) == 64
    assert report["machine"]["board"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert report["before"]["temperature_c"] == {"cpu-thermal": 61.25}
    assert report["notes"] == []
    json.dumps(report)


def test_a_rested_clip_is_set_beside_those_without_rest(shipped_bundle: Bundle, around: Surroundings) -> None:
    report = report_of(shipped_bundle, Protocol(0, 4, 0, every_s=1.0), around, *[0.1] * 4, *[0.15] * 4)
    (entry,) = report["entries"]
    assert entry["back_to_back_ms"]["median"] == 100
    assert entry["after_rest_to_back_to_back"] == 1.5


def sentences(around: Surroundings, measured: Measurement | None = None, threads: int = 2) -> str:
    return "\n".join(notes(measured or Measurement({}), Protocol(), around, threads))


def test_a_busy_machine_is_told(around: Surroundings) -> None:
    assert sentences(around) == ""
    busy = replace(around, before=replace(around.before, load=1.5))
    assert "busy before the start (load 1.50 on 4 processors)" in sentences(busy)
    assert "Other processes used 20 %" in sentences(around, Measurement({}, others_share=0.2))
    assert sentences(around, Measurement({}, others_share=0.01)) == ""
    assert "8 threads share 4 processors" in sentences(around, threads=8)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {"throttled": ("throttled",)}, "slowed down: throttled"),
        ({}, {"throttled_before": ("under-voltage",)}, "happened for the first time since the start: under-voltage"),
        ({"throttled_before": ("throttled",)}, {"throttled_before": ("throttled",)}, "it has seen: throttled"),
        ({"throttle_events": 3}, {"throttle_events": 7}, "throttled itself 4 times"),
        ({"governor": ("ondemand",)}, {}, "governor is ondemand"),
    ],
)
def test_what_the_machine_does_to_the_figures_is_told(
    around: Surroundings, before: dict[str, Any], after: dict[str, Any], words: str
) -> None:
    state = asdict(around.before)
    changed = replace(around, before=State(**state | before), after=State(**state | after))
    assert words in sentences(changed)
