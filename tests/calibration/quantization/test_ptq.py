"""Quantization after training: from clips, never from nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from adafocus import calibration, networks
from adafocus.calibration.datasets.augmentation import normalize
from adafocus.calibration.quantization.model_file import load_model
from adafocus.calibration.quantization.ptq import calibration_views, listed_videos, quantize_stages
from adafocus.calibration.quantization.qat import activation_quantizers, quantized_program, snap
from adafocus.calibration.training.initialization import initialize
from adafocus.calibration.training.recipe import Recipe
from adafocus.converters.model_source import as_model_file
from adafocus.errors import AdafocusError
from adafocus.networks.lowering import infer_lowered, lower

PRESET = "tsm-mbv2-mbv2"
RECIPE = Path(calibration.__file__).parent / "recipes" / "x3d-xs-xs-k400.yaml"


@pytest.fixture(scope="module")
def net() -> networks.AdaFocus:
    torch.manual_seed(2)
    return networks.build(PRESET, num_classes=5).eval()


def test_there_is_no_calibration_on_nothing(net: networks.AdaFocus) -> None:
    with pytest.raises(AdafocusError, match="--calibration"):
        calibration_views([], net.config, 10)
    with pytest.raises(AdafocusError, match="--calibration"):
        quantize_stages(lower(net), [])


def test_few_clips_are_used_with_a_warning(net: networks.AdaFocus, real_videos: list[Path]) -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[assignment, method-assign]
    logging.getLogger("adafocus.calibration.quantization.ptq").addHandler(handler)
    views = calibration_views(real_videos, net.config, 100)
    logging.getLogger("adafocus.calibration.quantization.ptq").removeHandler(handler)
    assert len(views) == len(real_videos)
    assert "at least 100 are advised" in records[0].getMessage()


def test_a_clip_list_names_its_videos(shared: Path) -> None:
    found = listed_videos([shared / "clips" / "ucf6.csv"], "val")
    assert len(found) == 120
    assert all(path.is_file() for path in found[:3])


def test_quantized_stages_follow_the_float_ones(real_videos: list[Path], shared: Path) -> None:
    """Real weights, real clips: random networks amplify any rounding, trained ones do not."""
    recipe = Recipe.read(RECIPE)
    net = networks.from_config(recipe.config(400))
    initialize(net, {"all": shared / "weights" / "x3d_xs_k400.safetensors"})
    stages = lower(net.eval())
    views = calibration_views(real_videos, stages.config, 2)
    prepared = quantize_stages(stages, views)
    assert set(prepared) == {"glance", "policy", "focus"}
    glance = normalize(views[0][0], stages.config)
    for graph in prepared.values():
        assert activation_quantizers(graph)
        snap(graph)
    with torch.no_grad():
        wanted = stages.glance(glance)[1]
        given = quantized_program(prepared["glance"])(glance)[1]
    noise = (given - wanted).square().mean() / wanted.square().mean()
    assert -10 * torch.log10(noise) > 8


@pytest.mark.slow
def test_a_checkpoint_becomes_a_model_file(net: networks.AdaFocus, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pth"
    torch.save(net.state_dict(), checkpoint)
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\nd\ne\n")
    source = as_model_file(checkpoint, tmp_path / "made", "fp32", (), 1, PRESET, labels)
    model = load_model(source.path)
    assert model.labels == ("a", "b", "c", "d", "e")
    assert model.prepared == {}
    assert source.origin == "checkpoint.pth"
    candidates = torch.randn(1, 24, 3, 224, 224)
    assert torch.equal(
        infer_lowered(model.stages, candidates).stage_logits, infer_lowered(lower(net), candidates).stage_logits
    )
    with pytest.raises(AdafocusError, match="--calibration"):
        as_model_file(checkpoint, tmp_path / "made", "int8", (), 1, PRESET, labels)
    labels.write_text("a\nb\n")
    with pytest.raises(AdafocusError, match="names 2 classes"):
        as_model_file(checkpoint, tmp_path / "made", "fp32", (), 1, PRESET, labels)
    with pytest.raises(AdafocusError, match="no model or checkpoint"):
        as_model_file(tmp_path / "nothing.pth", tmp_path / "made", "fp32", (), 1)


def test_a_model_file_that_is_none_is_answered_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(AdafocusError, match="no model"):
        load_model(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(AdafocusError, match="is no checkpoint: it is text"):
        load_model(path)
