"""Quantization of a trained network: its report, what stays float, training towards its float twin."""

from __future__ import annotations

import copy
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner

from adafocus.calibration.commands.quantize import quantize
from adafocus.calibration.datasets import CacheSettings, FrameCache, read_clips
from adafocus.calibration.datasets.fingerprints import fingerprint, in_history
from adafocus.calibration.quantization import comparison
from adafocus.calibration.quantization.comparison import CachedClips
from adafocus.calibration.quantization.model_file import load_model
from adafocus.calibration.quantization.pipeline import QatTrainer, Settings, find_kept_float
from adafocus.calibration.quantization.qat import quantized_layers
from adafocus.calibration.quantization.quantized_network import QuantizedNetwork, stage_inputs
from adafocus.calibration.quantization.sensitivity import LayerSensitivity, decibels
from adafocus.calibration.training.checkpoint import save_checkpoint
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import AdaFocusTask, build_task
from adafocus.errors import AdafocusError
from adafocus.networks.lowering import LoweredInference, lower
from tests.helpers.training_run import CLASSES, write_clips, write_recipe


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"), 4, 2)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    recipe = Recipe.read(write_recipe(folder))
    net = build_task(recipe, 2).net
    # batch norms that know their input keep a random network alive
    with torch.no_grad():
        for _ in range(20):
            net.train_forward(torch.randn(2, 4, 3, 64, 64), torch.randn(2, 2, 3, 32, 32))
    save_checkpoint(folder / "net.safetensors", net.eval(), recipe, CLASSES, {"steps": 0})
    return folder / "net.safetensors"


@pytest.mark.slow
def test_the_report_names_every_layer_and_the_model_file_holds_what_was_kept_float(
    checkpoint: Path, clips: Path, tmp_path: Path
) -> None:
    out, report = tmp_path / "model.safetensors", tmp_path / "report.yaml"
    given = ["--clips", str(clips), "--work", str(tmp_path / "work"), "--cache", str(clips.parent / "cache")]
    told = CliRunner().invoke(
        quantize, [str(checkpoint), *given, "--out", str(out), "--report", str(report), "--layers", "--bound", "100"]
    )
    assert told.exit_code == 0, told.output
    written = yaml.safe_load(report.read_text())
    model = load_model(out)
    assert model.labels == CLASSES
    assert set(model.prepared) == {"glance", "policy", "focus"}
    assert in_history(model.history) == {fingerprint(video) for video in clips.parent.glob("*.avi")}
    names = {(row["stage"], row["layer"]) for row in written["layers"]}
    assert len(names) == len(written["layers"]) > 100
    moved = [row["divergence"] for row in written["layers"]]
    assert moved == sorted(moved, reverse=True)
    assert statistics.median(row["signal_to_noise_db"] for row in written["layers"]) > 10.0
    assert 0.0 <= written["judged"]["same_frames"] <= 1.0
    assert "next: adafocus export" in told.output


@pytest.mark.slow
def test_without_a_split_to_compare_on_no_other_clip_is_read_and_none_twice(
    checkpoint: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    run = comparison.run_stages

    def counted(*given: Any) -> LoweredInference:
        asked.append(given)
        return run(*given)

    monkeypatch.setattr(comparison, "run_stages", counted)
    out, report, cache = tmp_path / "model.safetensors", tmp_path / "report.yaml", tmp_path / "cache"
    given = ["--clips", str(clips), "--work", str(tmp_path / "work"), "--cache", str(cache), "--val-split", "none"]
    told = CliRunner().invoke(
        quantize, [str(checkpoint), *given, "--out", str(out), "--report", str(report), "--bound", "100"]
    )
    assert told.exit_code == 0, told.output
    training = read_clips(clips, "train")
    assert yaml.safe_load(report.read_text())["judged"]["clips"] == len(training) == len(asked)
    assert in_history(load_model(out).history) == {fingerprint(clip.path) for clip in training}


@pytest.mark.slow
def test_kept_layers_survive_the_model_file(checkpoint: Path, clips: Path, tmp_path: Path) -> None:
    from adafocus.calibration.quantization.model_file import save_model
    from adafocus.calibration.training.checkpoint import load_network

    trained = load_network(checkpoint)
    stages = lower(trained.net)
    config = trained.net.config
    torch.manual_seed(0)
    views = [(torch.randn(config.glance_frames, 3, 32, 32), torch.randn(config.candidate_frames, 3, 64, 64))]
    kept = {"focus": ["encoder.head.weight"]}
    whole = QuantizedNetwork(stages)
    whole.calibrate(stage_inputs(stages, views))
    network = QuantizedNetwork(lower(trained.net), kept)
    network.copy_from(whole)
    with torch.no_grad(), whole.with_float_weights(kept) as tried:
        assert torch.equal(network(*views[0]).stage_logits, tried(*views[0]).stage_logits)
    with torch.no_grad():
        assert not torch.equal(network(*views[0]).stage_logits, whole(*views[0]).stage_logits)
    path = tmp_path / "model.safetensors"
    save_model(path, network.prepared(), network.floats(), config, "tsm-mbv2-mbv2", CLASSES, {})
    model = load_model(path)
    names = {layer.name for layer in quantized_layers(model.prepared["focus"])}
    assert "encoder.head.weight" not in names
    assert len(names) > 50
    with torch.no_grad():
        wanted = network(*views[0])
        _, first, _ = model.prepared["glance"](views[0][0])
    assert torch.equal(first, wanted.stage_logits[:1])
    alone, together = load_model(path, "focus").prepared, model.prepared["focus"]
    assert set(alone) == {"focus"}
    assert str(alone["focus"].graph) == str(together.graph)
    values, same = alone["focus"].state_dict(), together.state_dict()
    assert list(values) == list(same)
    assert all(torch.equal(values[name], same[name]) for name in same)


def noise(*names: str) -> list[LayerSensitivity]:
    return [LayerSensitivity("glance" if place % 2 else "focus", name, 30.0, 1.0) for place, name in enumerate(names)]


@pytest.mark.parametrize("needed", range(6))
def test_the_shortest_list_within_the_bound_is_found(needed: int) -> None:
    ranking = noise("a", "b", "c", "d", "e", "f")
    asked: list[int] = []

    def lost(layers: dict[str, list[str]]) -> float:
        asked.append(sum(map(len, layers.values())))
        return 0.4 if asked[-1] >= needed else 2.0

    kept = find_kept_float(ranking, lost, 0.5)
    assert sum(map(len, kept.values())) == needed
    assert len(asked) <= 6


def test_a_bound_that_no_list_meets_is_answered_with_what_else_helps() -> None:
    with pytest.raises(AdafocusError, match="--steps"):
        find_kept_float(noise("a", "b", "c"), lambda _: 3.0, 0.5)


def test_decibels() -> None:
    assert decibels(100.0, 1.0) == pytest.approx(20.0)
    assert decibels(1.0, 0.0) == float("inf")


@pytest.mark.slow
def test_training_under_quantization_moves_layers_and_resumes(checkpoint: Path, clips: Path, tmp_path: Path) -> None:
    from adafocus.calibration.training.checkpoint import load_network

    trained = load_network(checkpoint)
    task = build_task(trained.recipe, 2)
    assert isinstance(task, AdaFocusTask)
    listed = read_clips(clips, "train")
    cache = FrameCache(clips.parent / "cache", listed, CacheSettings(4, 72))
    cache.fill()
    cached = CachedClips(task, cache, [(0,), (1,)] * 2)
    stages = lower(trained.net)
    whole = QuantizedNetwork(lower(trained.net))
    whole.calibrate(stage_inputs(stages, (cached.view(index) for index in cached.usable)))
    before, after = copy.deepcopy(whole), copy.deepcopy(whole)
    settings = Settings(steps=4, batch=2)
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    losses = QatTrainer(stages, whole, settings, tmp_path / "whole").run(cached)
    start = {layer.name: layer.weight.clone() for layer in quantized_layers(before.prepared()["focus"])}
    focus = whole.prepared()["focus"]
    still = [layer.name for layer in quantized_layers(focus) if torch.equal(layer.weight, start[layer.name])]
    assert all(name.endswith(".moves") for name in still)
    QatTrainer(stages, before, settings, tmp_path / "parts").run(cached, until=2)
    later = QatTrainer(stages, after, settings, tmp_path / "parts").run(cached)
    assert later == pytest.approx(losses[2:], rel=1e-3)


@pytest.mark.parametrize("name", ["none.safetensors", "clips.csv"])
def test_what_is_no_checkpoint_is_refused(clips: Path, tmp_path: Path, name: str) -> None:
    given = ["--clips", str(clips), "--work", str(tmp_path), "--out", str(tmp_path / "out.safetensors")]
    result = CliRunner().invoke(quantize, [str(clips.parent / name), *given])
    assert isinstance(result.exception, AdafocusError)
    assert "adafocus train" in str(result.exception)
