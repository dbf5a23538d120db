"""Several evaluations in one picture, and in one file of results."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from adafocus.calibration.evaluation.evaluate import Request, evaluate_bundle
from adafocus.calibration.report_file import write_report
from adafocus.edge.recognizer import Recognizer
from benchmarks.overview import main
from benchmarks.summary import main as summarize


def test_evaluations_of_one_set_share_a_picture_and_others_are_refused(
    recognizer: Recognizer, clip_list: Path, tmp_path: Path
) -> None:
    figures = evaluate_bundle(recognizer, Request(clip_list, "val", seeds=1)).figures
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    write_report(first, figures)
    write_report(second, figures | {"measured_on": figures["measured_on"] | {"model": "another"}})
    picture = tmp_path / "overview.png"
    told = CliRunner().invoke(main, [str(picture), str(first), str(second)])
    assert told.exit_code == 0, told.output
    colours = Image.open(picture).convert("RGB").getcolors(1 << 20) or ()
    assert len(colours) > 50
    write_report(second, figures | {"measured_on": figures["measured_on"] | {"split": "train"}})
    refused = CliRunner().invoke(main, [str(tmp_path / "none.png"), str(first), str(second)])
    assert refused.exit_code == 2
    assert "sets of clips, expected one" in refused.output
    assert not (tmp_path / "none.png").exists()


def test_results_keep_what_other_keys_say_and_no_single_clip(
    recognizer: Recognizer, clip_list: Path, tmp_path: Path
) -> None:
    figures = evaluate_bundle(recognizer, Request(clip_list, "val", seeds=1, ablations=False)).figures
    one, results = tmp_path / "one.yaml", tmp_path / "results.yaml"
    write_report(one, figures)
    results.write_text("other: {kept: 1}\n")
    for key, files in (("single", [one]), ("twice", [one, one])):
        told = CliRunner().invoke(summarize, [str(results), key, *map(str, files), "--note", "seed 1"])
        assert told.exit_code == 0, told.output
    written = yaml.safe_load(results.read_text())
    assert written["other"] == {"kept": 1}
    assert written["single"]["ways"] == figures["ways"]
    assert "each_clip" not in written["single"]
    assert written["twice"]["top1_percent_over_runs"]["learned policy"]["interval_over_runs"][0] == pytest.approx(
        figures["ways"]["learned policy"]["top1_percent"]
    )
