"""The network as a whole, and its stage graphs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import networks
from networks.cropping import crop_frames
from networks.lowering import lower
from networks.temporal import quantile_levels

SMALL = {"glance_size": 64, "patch_size": 64, "num_classes": 7}


def lively_network(**overrides: object) -> networks.AdaFocus:
    torch.manual_seed(5)
    net = networks.build("x3d-xs-xs", **{**SMALL, **overrides}).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.8, 1.2)
    return net


def test_inference_has_the_shapes_that_it_promises() -> None:
    net = lively_network()
    answer = net.infer(torch.randn(2, net.config.candidate_frames, 3, 224, 224))
    assert answer.glance_logits.shape == answer.logits.shape == (2, 7)
    assert answer.stage_logits.shape == (2, 2, 7)
    assert answer.boxes.shape == (2, 1, 4)
    assert answer.frame_weights.shape == (2, net.config.glance_frames)
    assert answer.frame_indices.shape == (2, net.config.focus_frames)
    assert (answer.boxes[..., :2] + answer.boxes[..., 2:] <= 1.0).all()
    assert (answer.frame_indices.diff(dim=1) > 0).all()


@pytest.mark.parametrize("frames", [(4, 24, 8), (8, 8, 4), (2, 10, 3)])
def test_lowered_stages_equal_the_network(frames: tuple[int, int, int]) -> None:
    counts = dict(zip(("glance_frames", "candidate_frames", "focus_frames"), frames, strict=True))
    net = lively_network(**counts)
    stages = lower(net)
    candidates = torch.randn(1, net.config.candidate_frames, 3, 224, 224)
    with torch.no_grad():
        wanted = net.infer(candidates)
        grid = (quantile_levels(net.config.glance_frames) * candidates.shape[1]).long()
        features, glance_logits, context = stages.glance(net.glance_view(candidates[:, grid])[0])
        boxes, weights = stages.policy(features)
        patches = crop_frames(candidates[:, wanted.frame_indices[0]], boxes[None], net.config.patch_size)[0]
        (logits,) = stages.focus(patches, context)
    for given, reference in (
        (glance_logits, wanted.glance_logits),
        (boxes, wanted.boxes[0]),
        (weights, wanted.frame_weights[0]),
        (logits, wanted.logits),
    ):
        assert (given - reference).abs().max() <= 1e-4 * reference.abs().max()


def test_stage_programs_hold_no_tensor_of_more_than_four_dimensions_and_no_3d_convolution() -> None:
    stages = lower(lively_network())
    for name, module in stages.modules().items():
        program = torch.export.export(module, stages.examples(name))
        for node in program.graph.nodes:
            value = node.meta.get("val")
            assert not isinstance(value, torch.Tensor) or value.dim() <= 4, (name, node)
            assert "conv3d" not in str(node.target), (name, node)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ({"focus_frames": 99}, "candidate_frames"),
        ({"box_min_px": 500}, "frame_size"),
        ({"short_side_px": 100}, "short_side_px"),
        ({"glance_frames": 0}, "at least 1"),
        ({"colour": 3}, "unknown setting colour"),
        ({"global_backbone": "vgg"}, "no backbone"),
    ],
)
def test_what_cannot_be_built_is_refused_with_a_sentence(override: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        networks.build("x3d-xs-xs", **override)


def test_an_unknown_preset_is_answered_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="x3d-xs-xs"):
        networks.build("x3d-xxl")


def test_published_x3d_weights_classify_a_real_clip(shared: Path) -> None:
    from calibration.teacher import Teacher
    from calibration.views import normalise
    from edge.clip import sample_video
    from edge.preprocess import fit_frame

    teacher = Teacher("x3d_xs", shared / "weights" / "x3d_xs_k400.safetensors")
    labels = (shared / "weights" / "kinetics400_labels.txt").read_text().splitlines()
    frames = sample_video(shared / "smoke" / "archery.mp4", 16, lambda frame: fit_frame(frame, 160, 182))
    with torch.no_grad():
        logits = teacher(normalise(frames, networks.PRESETS["x3d-xs-xs"])[None])
    assert labels[int(logits.argmax())] == "archery"


def test_a_checkpoint_that_does_not_fit_names_keys_and_shapes() -> None:
    net = lively_network()
    state = dict(net.state_dict())
    state.pop("global_head.fc.bias")
    state["extra"] = torch.zeros(1)
    state["local_head.fc.bias"] = torch.zeros(3)
    with pytest.raises(ValueError, match=r"missing global_head\.fc\.bias.*unused extra.*\(3,\), expected \(7,\)"):
        networks.load_state(net, state)


def test_a_checkpoint_that_wants_to_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": Path}, path)
    with pytest.raises(networks.CheckpointError, match="not read"):
        networks.load_state(lively_network(), path)
