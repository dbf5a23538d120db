"""Two reports beside each other: ratios, and what makes them incomparable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adafocus.edge.bench.comparison import compare, read_report
from adafocus.edge.bench.protocol import Protocol
from adafocus.edge.bench.report import Surroundings
from adafocus.edge.bundle.bundle import Bundle
from adafocus.errors import AdafocusError
from tests.helpers.made_up_results import report_of


@pytest.fixture
def reports(shipped_bundle: Bundle, around: Surroundings) -> tuple[dict[str, Any], dict[str, Any]]:
    pair = [json.loads(json.dumps(report_of(shipped_bundle, Protocol(0, 5, 0), around, s))) for s in (0.1, 0.2)]
    return pair[0], pair[1]


def test_reports_of_one_machine_are_compared_without_a_warning(reports: tuple[dict, dict]) -> None:
    found = compare(*reports, ("a", "b"))
    assert found.warnings == []
    (pair,) = found.pairs
    assert pair.ratios["total"] == {"median": 2, "p90": 2, "p99": 2, "min": 2}
    assert pair.ratios["focus"]["median"] == 2
    assert pair.ratios["policy"]["median"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["machine"].update(processor="Cortex-A53"), "processor: ARMv8 Cortex-A76 against Cortex-A53"),
        (lambda r: r["machine"]["versions"].update(numpy="1.26"), "versions"),
        (lambda r: r["entries"][0].update(threads=4), "threads: 2 against 4"),
        (lambda r: r["entries"][0].update(runtime_version="1.4.0"), "version of the runtime"),
        (lambda r: r["entries"][0].update(manifest_sha256="0" * 64), "SHA-256 of the manifest"),
        (lambda r: r["videos"][0].update(sha256="0" * 64), "other clips"),
        (lambda r: r["before"].update(temperature_c={"cpu": 85.0}), "61 °C against 85 °C"),
        (lambda r: r["before"].update(governor=["ondemand"]), "clock governor before"),
        (lambda r: r["after"].update(throttled=["throttled"]), "throttling after"),
        (lambda r: r["protocol"].update(decoding=False), "decoding measured: True against False"),
        (lambda r: r["notes"].append("The machine was busy."), "b: The machine was busy."),
    ],
)
def test_what_makes_two_reports_incomparable_is_told(reports: tuple[dict, dict], change: Any, words: str) -> None:
    change(reports[1])
    found = compare(*reports, ("a", "b"))
    assert any(words in warning for warning in found.warnings), found.warnings
    assert found.pairs


def test_configurations_without_a_partner_are_named_and_nothing_in_common_is_refused(
    reports: tuple[dict, dict],
) -> None:
    extra = json.loads(json.dumps(reports[1]["entries"][0])) | {"name": "other onnx", "runtime": "onnx"}
    reports[1]["entries"].append(extra)
    assert "only in b: other onnx" in compare(*reports, ("a", "b")).warnings
    reports[1]["entries"] = [extra, extra]
    with pytest.raises(AdafocusError, match="Measure the same with both"):
        compare(*reports, ("a", "b"))


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"median_ms": {}}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(AdafocusError, match=r"adafocus bench .*--out"):
            read_report(tmp_path / "x.json")
    with pytest.raises(AdafocusError, match="cannot be read"):
        read_report(tmp_path / "missing.json")
