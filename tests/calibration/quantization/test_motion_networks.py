"""Networks of whole frames under quantization: without a policy network, and with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner
from rich.console import Console
from torch import Tensor

from adafocus.calibration.commands.quantize import quantize
from adafocus.calibration.quantization import table
from adafocus.calibration.quantization.model_file import load_model
from adafocus.calibration.quantization.pipeline import label_loss
from adafocus.calibration.training.checkpoint import save_checkpoint
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task
from adafocus.networks.lowering import LoweredInference
from tests.helpers.training_run import CLASSES, RECIPE, write_clips

MOTION: dict[str, Any] = {
    **RECIPE,
    "preset": "tsm-mbv2-mbv2-frame",
    "overrides": {
        **{"glance_frames": 2, "candidate_frames": 4, "focus_frames": 2, "box_min_px": 16, "box_max_px": 16},
        **{"frame_size": 32, "short_side_px": 32, "glance_size": 32, "patch_size": 32},
    },
}
LOOKING = {"policy": "network", "focus_span": "weights", "box_max_px": 32, "spatial_hidden": 8, "temporal_hidden": 8}


def exits(logits: Tensor) -> LoweredInference:
    nothing = torch.empty(0)
    return LoweredInference(logits, nothing.reshape(0, 4), nothing, nothing.long())


def test_the_labels_count_at_every_exit_and_not_where_there_are_none() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]], requires_grad=True)
    wanted = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 1]))
    assert torch.isclose(label_loss(exits(logits), (1,)), wanted)
    assert torch.isclose(label_loss(exits(logits), (1, 1)), wanted)
    assert float(label_loss(exits(logits), ())) == 0.0


@pytest.mark.parametrize("trained", [True, False])
def test_the_table_shows_what_training_changed(trained: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    row = dict.fromkeys(
        ("float_right", "int8_right", "lost_points", "same_label", "same_frames", "largest_box_px"), 0.5
    )
    row |= {"divergence": 0.5, "clips": 4}
    report = {"post_training": row, "judged": {**row, "split": "val"}, "layers": [], "kept_float": {}}
    if trained:
        report["quantization_aware"] = row
    shown = Console(record=True, width=120)
    monkeypatch.setattr(table, "Console", lambda **_: shown)
    table.show(report)
    text = shown.export_text()
    assert ("after training" in text) == trained
    assert "after calibration" in text


@pytest.mark.slow
@pytest.mark.parametrize("looking", [{}, LOOKING])
def test_a_network_of_whole_frames_is_quantized_and_trained_on_labels(tmp_path: Path, looking: dict[str, Any]) -> None:
    clips = write_clips(tmp_path, 4, 2)
    torch.manual_seed(0)
    recipe = Recipe.from_dict({**MOTION, "overrides": {**MOTION["overrides"], **looking}})
    save_checkpoint(tmp_path / "net.safetensors", build_task(recipe, 2).net.eval(), recipe, CLASSES, {"steps": 0})
    out, report = tmp_path / "model.safetensors", tmp_path / "report.yaml"
    places = ["--clips", clips, "--work", tmp_path / "work", "--cache", tmp_path / "cache", "--out", out]
    how = ["--steps", 2, "--batch", 2, "--hard-weight", 0.5, "--bound", 100, "--report", report]
    told = CliRunner().invoke(quantize, list(map(str, [tmp_path / "net.safetensors", *places, *how])))
    assert told.exit_code == 0, (told.output, told.exception)
    written = yaml.safe_load(report.read_text())
    assert written["settings"]["hard_weight"] == 0.5
    assert len(written["training_losses"]) == 2
    assert {"post_training", "quantization_aware", "judged"} <= set(written)
    model = load_model(out)
    assert model.config == recipe.config(2)
    assert set(model.stages.modules()) == {"glance", "focus", *(["policy"] if looking else [])}
    if not looking:
        assert written["judged"]["same_frames"] == 1.0
        assert written["judged"]["largest_box_px"] == 0.0
