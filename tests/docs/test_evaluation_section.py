"""An evaluation that is put into the results becomes a section of the page, whatever was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from adafocus.calibration.evaluation.evaluate import Request, evaluate_bundle
from adafocus.calibration.report_file import write_report
from adafocus.edge.recognizer import Recognizer
from benchmarks.summary import main, summary
from docs.tools.sections.evaluation import evaluation_section, is_evaluation
from docs.tools.table import read_figures


@pytest.fixture
def figures(recognizer: Recognizer, clip_list: Path, tmp_path: Path) -> dict[str, Any]:
    clip_list.write_text(clip_list.read_text().replace(",val", ",test"))
    request = Request(clip_list, "test", seeds=1, positive="run", touch_log=tmp_path / "touches.yaml")
    return evaluate_bundle(recognizer, request).figures


def test_a_test_says_when_it_was_run_and_what_it_came_to(figures: dict[str, Any]) -> None:
    kept = summary([figures])
    assert is_evaluation(kept)
    text = evaluation_section(kept)
    assert text.startswith("## numpy on clips, test\n\n8 clips of 4 groups, 4 labels, fp32 on litert, 1 thread. A test")
    for row in (
        "| **learned policy** | 62.5 | 50.0 to 87.5 |  |",
        "| glance alone | 50.0 |",
        "| plain network | 62.5 | 50.0 to 87.5 | +0.0 (+0.0 to +0.0) |",
        "| without exits | 0.0015 GMAC | 62.5 | 62.5 | +0.0 (+0.0 to +0.0) |",
        "Detecting run, every clip one decision:",
        "Two best labels are equal in 0 clips.",
        "Run once with this model",
        "`adafocus evaluate BUNDLE CLIPS.csv --split test --out evaluation.yaml`",
    ):
        assert row in text, row


def test_the_plain_network_on_other_frames_has_a_table_and_a_place_in_the_plot(
    figures: dict[str, Any], tmp_path: Path
) -> None:
    assert "The plain network by itself" not in evaluation_section(summary([figures]))
    point = {"name": "float, 8 x 192 px", "frames": 8, "size_px": 192, "run_in": "PyTorch, float32", "on_device": False}
    costs = {"gmac": 0.0021, "ms": 4.5, "top1_percent": 75.0, "top1_interval": [50.0, 87.5]}
    figures["plain"]["points"].append(point | costs)
    text = evaluation_section(summary([figures]))
    assert "| 8 of 192 px | PyTorch, float32 | 0.002 | 4.5 | 75.0 | 50.0 to 87.5 |" in text
    evaluation, out, plot = tmp_path / "evaluation.yaml", tmp_path / "results.yaml", tmp_path / "curve.png"
    write_report(evaluation, figures)
    told = CliRunner().invoke(main, [str(out), "key", str(evaluation), "--note", "made up", "--plot", str(plot)])
    assert told.exit_code == 0, told.output
    assert yaml.safe_load(out.read_text())["key"]["note"] == "made up"
    with Image.open(plot) as shown:
        width, height = shown.size
        # two plots, each wider than high, with something on both
        assert width > 2 * height
        assert all(
            len(set(shown.crop(half).getdata())) > 20
            for half in ((0, 0, width // 2, height), (width // 2, 0, width, height))
        )


def test_validation_clips_are_not_called_a_test_and_seeds_stand_side_by_side(
    recognizer: Recognizer, clip_list: Path
) -> None:
    request = Request(clip_list, "val", seeds=1)
    first = evaluate_bundle(recognizer, request).figures
    text = evaluation_section(summary([first, evaluate_bundle(recognizer, replace(request, seeds=2)).figures]))
    assert "These are validation clips" in text
    assert "| learned policy | 62.5 | 62.5 | 62.5 (50.0 to 87.5) |" in text
    assert "Detecting" not in text


def test_figures_of_another_kind_are_left_to_their_own_sections() -> None:
    found = read_figures("accuracy.yaml")
    assert {key for key, figures in found.items() if is_evaluation(figures)} == {
        key for key, figures in found.items() if "protocol" in figures
    }
    assert not is_evaluation({"runs": [{"of": "a"}]})
