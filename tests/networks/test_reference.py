"""Networks and their lowered stages against the numbers of the official implementation."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adafocus import networks
from adafocus.networks.lowering import infer_lowered, lower
from adafocus.networks.policy import box_track
from tests.helpers.small_networks import relative_difference

SEED = 1
CLASSES = 20
LOWERING_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Case:
    """A reference configuration as a preset, and the tolerances of its README."""

    preset: str
    local_features: float
    logits: float


CASES = {
    "long_p128": Case("long-mbv2-r50-p128", 2e-3, 5e-4),
    "long_p96": Case("long-mbv2-r50-p96", 2e-3, 5e-4),
    "tsm_8_36_12_p128": Case("tsm-mbv2-r50-p128-8x12", 2e-3, 5e-4),
    "tsm_8_24_8_p96": Case("tsm-mbv2-r50-p96-8x8", 2e-3, 5e-4),
    "x3d_16_96_32_p128": Case("x3d-s-l-p128", 2e-3, 1e-5),
}
CLASSIFIERS = {
    "ptv_x3d_s": ("x3d_s", (13, 160)),
    "ptv_x3d_m": ("x3d_m", (16, 224)),
    "ptv_x3d_l": ("x3d_l", (16, 160)),
}


def manifest(shared: Path, name: str) -> dict[str, Any]:
    return json.loads((shared / "reference" / "manifests" / f"{name}.json").read_text())


def numbers(shared: Path, name: str) -> dict[str, Tensor]:
    with np.load(shared / "reference" / "seed1" / f"{name}.npz") as content:
        return {key: torch.from_numpy(np.asarray(value)) for key, value in content.items()}


def weights(shared: Path, rules: ModuleType, name: str) -> dict[str, Tensor]:
    """Return the official state dict, checked against the checksums of the reference."""
    made = rules.make_state_dict(manifest(shared, name), SEED)
    sums = json.loads((shared / "reference" / "seed1" / f"{name}_weights_crc32.json").read_text())
    sums = sums.get("crc32", sums)
    for key, value in made.items():
        assert zlib.crc32(np.ascontiguousarray(value).tobytes()) == sums[key], key
    return {key: torch.from_numpy(np.asarray(value)) for key, value in made.items()}


def close(given: Tensor, wanted: Tensor, tolerance: float) -> None:
    assert given.shape == wanted.shape
    assert float((given - wanted).abs().max()) <= tolerance


@pytest.mark.parametrize("name", CASES)
def test_a_published_configuration_gives_the_official_numbers_before_and_after_lowering(
    shared: Path, rules: ModuleType, name: str
) -> None:
    case, wanted = CASES[name], numbers(shared, name)
    net = networks.build(case.preset, CLASSES).eval()
    parallel = {f"module.{key}": value for key, value in weights(shared, rules, name).items()}
    loaded = networks.load_state(net, parallel)
    assert loaded.source.startswith("official Uni-AdaFocus")
    config = net.config
    video = rules.make_video(config.candidate_frames, SEED)
    assert zlib.crc32(video.tobytes()) == int(wanted["video_crc32"])
    candidates = torch.from_numpy(video)[None]
    glance = None
    if config.variant != "long":
        frames = rules.make_video(config.glance_frames, SEED + 1)
        assert zlib.crc32(frames.tobytes()) == int(wanted["glance_crc32"])
        glance = torch.from_numpy(frames)[None]
    with torch.no_grad():
        answer = net.infer(candidates, glance)
    assert torch.equal(answer.frame_indices[0], wanted["selected_indices"])
    close(answer.global_features[0], wanted["global_feat"], 1e-4)
    close(answer.frame_weights[0], wanted["temporal_weights"], 3e-5)
    boxes = wanted["derived_boxes_yxhw"].float() / config.frame_size
    close(answer.boxes[0], boxes, 3e-5)
    close(answer.local_features[0], wanted["local_feat"], case.local_features)
    close(answer.stage_logits[0], wanted["exit_logits"], case.logits)
    close(answer.logits[0], wanted["final_logits"], case.logits)
    close(answer.glance_logits[0], wanted["exit_logits"][0], case.logits)

    lowered = infer_lowered(lower(net), candidates, glance)
    assert torch.equal(lowered.frame_indices, answer.frame_indices[0])
    assert relative_difference(lowered.boxes, answer.boxes[0]) <= LOWERING_TOLERANCE
    assert relative_difference(lowered.frame_weights, answer.frame_weights[0]) <= LOWERING_TOLERANCE
    assert relative_difference(lowered.stage_logits, answer.stage_logits[0]) <= LOWERING_TOLERANCE


@pytest.mark.parametrize("name", CASES)
def test_a_published_checkpoint_loads_with_and_without_the_prefix_of_parallel_training(shared: Path, name: str) -> None:
    entries = manifest(shared, name)["entries"]
    plain = {entry["key"]: torch.zeros(entry["shape"]) for entry in entries}
    net = networks.build(CASES[name].preset, CLASSES)
    first = networks.load_state(net, plain)
    second = networks.load_state(net, {f"module.{key}": value for key, value in plain.items()})
    assert first == second
    expected = {
        "global_CNN.classifier.weight",
        "global_CNN.classifier.bias",
        "local_CNN.fc.weight",
        "local_CNN.fc.bias",
    }
    assert set(first.unused) == (expected if net.config.variant == "long" else set())


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_pytorchvideo_x3d_gives_its_own_numbers(shared: Path, rules: ModuleType, name: str) -> None:
    backbone, (frames, side) = CLASSIFIERS[name]
    wanted = numbers(shared, name)
    net = networks.build_classifier(backbone, 400).eval()
    loaded = networks.load_state(net, weights(shared, rules, name))
    assert loaded.source == "PyTorchVideo X3D"
    assert loaded.unused == ()
    clip = rules.make_clip((1, 3, frames, side, side), SEED)
    assert zlib.crc32(clip.tobytes()) == int(wanted["input_crc32"])
    blocks: list[Tensor] = []
    hooks = [
        stage.register_forward_hook(lambda _module, _given, made: blocks.append(made[0]))
        for stage in net.encoder.stages
    ]
    with torch.no_grad():
        pooled = net.encoder(torch.from_numpy(clip).transpose(1, 2)).mean((1, 3, 4))
        logits = net.head(pooled)[0]
    for hook in hooks:
        hook.remove()
    for stage, made in enumerate(blocks, start=1):
        close(made.mean((1, 2, 3)), wanted[f"block{stage}_channel_mean"], 1e-4)
        close(made[:8, 0, :4, :4], wanted[f"block{stage}_frame0_corner"], 1e-3)
    close(pooled[0], wanted["pooled432"], 1e-4)
    close(logits, wanted["logits"], 1e-4)
    close(logits.softmax(0), wanted["probs"], 1e-5)


@pytest.mark.parametrize(
    ("name", "backbone"), [("tsn_mobilenetv2_k174", "mobilenet_v2"), ("tsn_resnet50_k174", "resnet50")]
)
@pytest.mark.parametrize("with_second_head", [True, False])
def test_tsn_checkpoints_load_without_leftovers(shared: Path, name: str, backbone: str, with_second_head: bool) -> None:
    content = manifest(shared, name)
    state = {
        entry["key"]: torch.ones(entry["shape"])
        for entry in content["entries"]
        if with_second_head or entry["key"] not in content["only_in_uni_adafocus"]
    }
    net = networks.build_classifier(backbone, 174, shift_div=8)
    loaded = networks.load_state(net, state)
    assert loaded.unused == (("new_new_fc.weight", "new_new_fc.bias") if with_second_head else ())
    assert all(bool((value == 1).all()) for value in net.state_dict().values())
    encoder = networks.build_backbone(backbone, 8)
    assert "head.fc.weight" in networks.load_encoder(encoder, state).unused


def test_a_pytorchvideo_checkpoint_starts_both_encoders(shared: Path) -> None:
    net = networks.build("x3d-xs-xs")
    state = {entry["key"]: torch.full(entry["shape"], 0.5) for entry in manifest(shared, "ptv_x3d_s")["entries"]}
    for encoder in (net.global_encoder, net.local_encoder):
        networks.load_encoder(encoder, state)
        assert float(encoder.stages[0][0].bn_1.weight.mean()) == 1.0
        assert float(encoder.stem_xy.weight.mean()) == 0.5


def test_the_box_track_is_interpolated_as_in_the_official_code(shared: Path) -> None:
    wanted = numbers(shared, "long_p128")
    close(box_track(wanted["spatial_raw"][None], 48)[0], wanted["box_track"], 1e-6)
