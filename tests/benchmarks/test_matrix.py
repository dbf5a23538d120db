"""The file of the matrix: rows with their times, and rows of earlier runs beside new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from benchmarks.matrix import write_matrix


def record(name: str, precision: str, state: str = "verified") -> dict[str, Any]:
    files = [{"stage": stage, "runtime": "litert", "state": state} for stage in ("glance", "policy", "focus")]
    return {"name": name, "precision": precision, "files": files, "runtimes": {"litert": {"state": state}}}


def test_rows_carry_their_times_and_earlier_rows_stay_unless_they_were_made_again(tmp_path: Path) -> None:
    out = tmp_path / "conversions.yaml"
    write_matrix(out, [record("b", "int8", "failed"), record("a", "fp32")], {}, {"turns": 1})
    times = {"b glance": {"litert int8 1": 4.0, "litert int8 2": 2.5}}
    write_matrix(out, [record("b", "int8")], times, {"turns": 2})
    content = yaml.safe_load(out.read_text())
    assert content["turns"] == 2
    assert [(row["preset"], row["asked"], row["stage"]) for row in content["files"]] == [
        (name, precision, stage) for name, precision in (("a", "fp32"), ("b", "int8")) for stage in
        ("glance", "policy", "focus")
    ]  # fmt: skip
    assert {row["state"] for row in content["files"]} == {"verified"}
    assert [(row["preset"], row["state"]) for row in content["agreement"]] == [("a", "verified"), ("b", "verified")]
    timed = next(row for row in content["files"] if (row["preset"], row["stage"]) == ("b", "glance"))
    assert (timed["ms_1"], timed["ms_2"]) == (4.0, 2.5)


def test_times_of_a_file_that_is_the_same_stay(tmp_path: Path) -> None:
    out = tmp_path / "conversions.yaml"
    first = record("b", "int8")
    for number, file in enumerate(first["files"]):
        file["bytes"] = 100 + number
    times = {f"b {stage}": {"litert int8 1": 4.0, "litert int8 2": 2.5} for stage in ("glance", "focus")}
    write_matrix(out, [first], times, {})
    first["files"][0]["bytes"] = 99
    write_matrix(out, [first], {}, {})
    rows = {row["stage"]: row for row in yaml.safe_load(out.read_text())["files"]}
    assert "ms_1" not in rows["glance"]
    assert (rows["focus"]["ms_1"], rows["focus"]["ms_2"]) == (4.0, 2.5)
