"""The file of the matrix: rows with their times, and rows of earlier runs beside new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from converters.matrix import write_matrix


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
