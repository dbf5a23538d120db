"""What is not proved is not written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adafocus.calibration.quantization.model_file import load_model
from adafocus.calibration.quantization.qat import quantized_layers
from adafocus.converters.verification.parity import compare, reference_stages, require
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError


def test_a_single_changed_weight_is_found(shipped_bundle: Bundle, model_path: Path, real_videos: list[Path]) -> None:
    model = load_model(model_path)
    layer = next(iter(quantized_layers(model.prepared["focus"])))
    with torch.no_grad():
        layer.weight[0, 0, 1, 1] += 8 * layer.weight_quant.scale[0]
    clip = read_clip(real_videos[0], shipped_bundle.manifest.geometry)
    parity = compare(Recognizer.open(shipped_bundle), reference_stages(model, "int8"), [clip], "int8")
    assert parity.stages["glance"].steps == 0
    with pytest.raises(AdafocusError, match="focus is"):
        require(parity, "litert")


def test_a_model_file_that_is_none_is_answered_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(AdafocusError, match="no model"):
        load_model(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(AdafocusError, match="no safetensors file"):
        load_model(path)
