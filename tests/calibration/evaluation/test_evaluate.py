"""``adafocus evaluate`` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from adafocus.calibration.commands.evaluate import evaluate
from adafocus.calibration.evaluation.report.table import fitted_on_sentence
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

Run = Callable[..., Result]


@pytest.fixture
def run(recognizer: Recognizer, clip_list: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(Recognizer, "open", classmethod(lambda *_, **__: recognizer))

    def call(*options: object) -> Result:
        words = ["BUNDLE", str(clip_list), *map(str, options)]
        return CliRunner().invoke(evaluate, words, catch_exceptions=False)

    return call


def test_figures_a_report_and_the_next_command(run: Run, tmp_path: Path) -> None:
    out, page = tmp_path / "a.yaml", tmp_path / "a.html"
    said = run("--seeds", 1, "--out", out, "--report", page).output
    assert "learned policy" in said
    assert "62.5" in said
    assert said.rstrip().endswith(f"clips.csv --split val --compare {out}")
    assert page.stat().st_size > 10_000
    again = run("--ablations", "none", "--compare", out)
    assert "against numpy (fp32, litert) on the same 8 clips: +0.0 points" in again.output
    assert "100.0 % of the selected frames are the same" in again.output
    assert "next: adafocus evaluate" in again.output


def test_thresholds_that_were_fitted_to_the_clips_measured_are_called_so() -> None:
    fitted = {"n": 8, "dataset": "clips.csv", "split": "val"}
    figures: dict[str, dict[str, Any]] = {
        "curve": {"fitted_on": fitted},
        "measured_on": {"clip_list": "clips.csv", "split": "val"},
    }
    assert "the ones measured here" in fitted_on_sentence(figures)
    figures["measured_on"]["split"] = "test"
    assert fitted_on_sentence(figures) == "thresholds were found on 8 clips of clips.csv val"
    figures["curve"] = {"fitted_on": None}
    assert "does not say" in fitted_on_sentence(figures)


def test_one_json_object_and_nothing_else(run: Run) -> None:
    figures = json.loads(run("--ablations", "none", "--json").stdout)
    assert figures["ways"]["learned policy"]["top1_percent"] == 62.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--split", "test"), "no clip of split 'test'"),
        (("--compare", "missing.yaml"), r"missing\.yaml cannot be read as an evaluation"),
        (("--recipe", "r.yaml"), "so give that as well"),
        (("--out", "."), "--out is the folder"),
        (("--label-map", "missing.yaml"), r"label map missing\.yaml cannot be read"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(run: Run, options: tuple[str, ...], words: str) -> None:
    with pytest.raises(AdafocusError, match=words):
        run(*options)
