"""The report's file: what is written is read again, what is something else is refused, and the schema is published."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from adafocus.edge.energy.report import (
    BundleFacts,
    DeviceFacts,
    Interval,
    MeterFacts,
    PerClip,
    ProtocolFacts,
    Report,
    Window,
    read_report,
    write_report,
)
from adafocus.errors import AdafocusError
from docs.tools.schema import PLACE, text

REPORT = Report(
    source="measured",
    bundle=BundleFacts(name="b", sha256="0" * 64, labels=3, runtime="litert", threads=2),
    device=DeviceFacts(model="board"),
    meter=MeterFacts(name="hwmon", scope="board input", kind="sampler", rate_hz=10.0),
    protocol=ProtocolFacts(started="2026-01-02T03:04:05+00:00", clips=30, order=("full", "glance")),
    idle_w=(2.7, 2.8),
    windows=(Window(workload="full", start_ns=5, seconds=10.0, clips=30, joules=12.0),),
    per_clip={"full": PerClip(gross_j=Interval(median=0.4, low=0.39, high=0.41), windows=6)},
    publishable=True,
)


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = tmp_path / "e.json"
    write_report(REPORT, place)
    assert read_report(place) == REPORT
    assert os.listdir(tmp_path) == ["e.json"]


def test_the_published_schema_is_that_of_the_models_and_takes_a_report() -> None:
    assert PLACE.read_text(encoding="utf-8") == text(), "type: python -m docs.tools.schema"
    schema = json.loads(text())
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads(REPORT.model_dump_json())
    jsonschema.validate(content, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "watts": 3}, schema)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "adafocus bench"}, "no report of adafocus energy"),
        ({"version": 2}, "version '2'"),
        ({"extra": 1}, "'extra' is not known"),
        ({"bundle": None}, "'bundle' is not as expected"),
        ({"meter": None}, "measured joules have a meter"),
        ({"source": "modelled"}, "modelled ones have none"),
        ({"per_clip": {"full": {"gross_j": {"median": 1, "low": 2, "high": 1}}}}, "lower bound"),
        ({"trace": {"seconds": [1.0], "watts": []}}, "as many seconds as watts"),
        ({"idle_w": ["2.7"]}, "'idle_w.0' is not as expected"),
    ],
)
def test_what_is_no_report_is_refused_with_a_sentence(tmp_path: Path, change: dict[str, object], said: str) -> None:
    place = tmp_path / "e.json"
    place.write_text(json.dumps({**json.loads(REPORT.model_dump_json()), **change}))
    with pytest.raises(AdafocusError, match=said) as refused:
        read_report(place)
    assert "adafocus energy BUNDLE CLIPS --out" in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff\xfe", b"{", b'{"format": NaN}', b"[" * 100_000])
def test_files_of_something_else_are_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "e.json"
    place.write_bytes(content)
    with pytest.raises(AdafocusError, match=r"cannot be read|JSON|no report"):
        read_report(place)
