"""Figures of experiments in one file."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from click.testing import CliRunner

from benchmarks.device_figures import main


def test_sections_are_put_in_without_traces_and_others_stay(tmp_path: Path) -> None:
    out = tmp_path / "device.yaml"
    out.write_text("stream: {drops: 3}\nexits: {old: 1}\n")
    (tmp_path / "exits.json").write_text(json.dumps({"ms": 2.5, "none": None, "curve": [1, 2], "trace": [0] * 41}))
    done = CliRunner().invoke(main, [f"exits={tmp_path / 'exits.json'}", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(out.read_text()) == {
        "stream": {"drops": 3},
        "exits": {"ms": 2.5, "none": None, "curve": [1, 2]},
    }


def test_what_is_no_section_or_no_file_ends_in_a_sentence_and_changes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "device.yaml"
    for argument, words in (("exits", "expected SECTION=FILE"), ("exits=no.json", "There is no file at no.json")):
        done = CliRunner().invoke(main, [argument, "--out", str(out)])
        assert done.exit_code == 2
        assert words in done.output
        assert not out.exists()
