"""The networks as a whole: what they promise, what they refuse, which part learns from which loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from adafocus import networks
from adafocus.errors import NetworkError
from adafocus.networks.lowering import infer_lowered, lower
from tests.helpers.small_networks import TINY, lively, relative_difference, tiny, video

LOWERING_TOLERANCE = 1e-4
TRAINING_KEYS = "training_heads"


def clip_of(net: networks.AdaFocus) -> tuple[Tensor, Tensor | None]:
    config = net.config
    if not config.has_policy_network:
        # what looks at the frames is no network, so it is given patches
        return video(config.focus_frames, config.patch_size, 1), video(config.glance_frames, config.glance_size, 2)
    candidates = video(config.candidate_frames, config.frame_size, 1)
    return candidates, None if config.variant == "long" else video(config.glance_frames, config.frame_size, 2)


def assert_stages_agree(net: networks.AdaFocus) -> None:
    """Check that the lowered stages choose the same frames and answer like the network at every exit."""
    candidates, glance = clip_of(net)
    with torch.no_grad():
        wanted = net.infer(candidates, glance)
    stages = lower(net)
    lowered = infer_lowered(stages, candidates, glance)
    for given_row, wanted_row in zip(lowered.stage_logits, wanted.stage_logits[0], strict=True):
        assert relative_difference(given_row, wanted_row) <= LOWERING_TOLERANCE
    if not net.config.has_policy_network:
        return
    assert torch.equal(lowered.frame_indices, wanted.frame_indices[0])
    assert relative_difference(lowered.boxes, wanted.boxes[0]) <= LOWERING_TOLERANCE
    assert relative_difference(lowered.frame_weights, wanted.frame_weights[0]) <= LOWERING_TOLERANCE
    features = torch.rand_like(stages.examples("policy")[0])
    policy = stages.modules()["policy"]
    with torch.no_grad():
        for given, decided in zip(stages.as_run("policy")(features), policy(features), strict=True):
            assert relative_difference(given, decided) <= LOWERING_TOLERANCE


@pytest.mark.parametrize("name", TINY)
def test_inference_has_the_shapes_that_it_promises(name: str) -> None:
    net = tiny(name)
    config = net.config
    candidates = torch.randn(2, config.candidate_frames, 3, config.frame_size, config.frame_size)
    answer = net.infer(candidates)
    boxes = config.focus_frames if config.variant == "long" else 1
    assert answer.glance_logits.shape == answer.logits.shape == (2, 7)
    assert answer.stage_logits.shape == (2, net.exits, 7)
    assert net.exits == (1 + config.focus_frames if config.variant == "long" else 2)
    assert answer.boxes.shape == (2, boxes, 4)
    assert answer.frame_weights.shape == (2, config.glance_frames)
    assert answer.frame_indices.shape == (2, config.focus_frames)
    assert answer.global_features.shape == (2, config.glance_frames, net.global_encoder.channels)
    assert answer.local_features.shape == (2, config.focus_frames, net.local_encoder.channels)
    assert (answer.boxes[..., :2] + answer.boxes[..., 2:] <= 1.0 + 1e-6).all()
    assert (answer.boxes[..., 2:] >= config.box_min - 1e-6).all()
    assert (answer.frame_indices.diff(dim=1) > 0).all()
    assert torch.equal(net(candidates), answer.logits)


@pytest.mark.slow
@pytest.mark.parametrize("name", networks.PRESETS)
def test_lowered_stages_of_every_preset_equal_the_network(name: str) -> None:
    assert_stages_agree(lively(networks.build(name, num_classes=9)))


@pytest.mark.slow
@pytest.mark.parametrize("name", networks.PRESETS)
def test_stage_programs_hold_no_tensor_of_more_than_four_dimensions_and_no_other_convolution_than_2d(
    name: str,
) -> None:
    stages = lower(networks.build(name).eval())
    convolutions = 0
    for stage in stages.modules():
        program = torch.export.export(stages.as_run(stage), stages.examples(stage))
        assert not any(TRAINING_KEYS in key for key in program.state_dict)
        for node in program.graph.nodes:
            value = node.meta.get("val")
            assert not isinstance(value, torch.Tensor) or value.dim() <= 4, (stage, node)
            target = str(node.target)
            assert "batch_norm" not in target, (stage, node)
            assert "index" not in target, (stage, node)
            if "conv" in target and node.op == "call_function":
                assert target in ("aten.conv2d.default", "aten.conv2d.padding"), (stage, node)
                convolutions += 1
    assert convolutions > 50


BACKBONE_NAMES = st.sampled_from(["mobilenet_v2", "efficientnet_lite0", "x3d_xs"])


@st.composite
def legal_settings(draw: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    """Draw a configuration that can be built, small enough to run."""
    name = draw(st.sampled_from(list(TINY)))
    focus = draw(st.integers(1, 5))
    frame = draw(st.integers(40, 80))
    box_min = draw(st.integers(1, frame))
    overrides = {
        "num_classes": draw(st.integers(1, 12)),
        "glance_frames": draw(st.integers(1, 5)),
        "focus_frames": focus,
        "candidate_frames": focus + draw(st.integers(0, 6)),
        "frame_size": frame,
        "short_side_px": frame + draw(st.integers(0, 9)),
        "glance_size": draw(st.integers(33, 72)),
        "patch_size": draw(st.integers(33, 72)),
        "box_min_px": box_min,
        "box_max_px": draw(st.integers(box_min, frame)),
        "global_backbone": draw(BACKBONE_NAMES),
        "local_backbone": draw(BACKBONE_NAMES),
        "head_hidden": draw(st.integers(1, 16)),
        "patches_per_call": draw(st.sampled_from([n for n in range(1, focus + 1) if focus % n == 0])),
    }
    if name.startswith("long") and overrides["local_backbone"] == "x3d_xs":
        overrides["local_backbone"] = "mobilenet_v2"
    return name, overrides


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(legal_settings())
def test_any_legal_configuration_builds_lowers_and_agrees(case: tuple[str, dict[str, Any]]) -> None:
    name, overrides = case
    assert_stages_agree(tiny(name, **overrides))


@pytest.mark.parametrize(
    ("name", "override", "words"),
    [
        ("x3d-xs-xs", {"focus_frames": 99}, "candidate_frames"),
        ("x3d-xs-xs", {"box_min_px": 500}, "frame_size"),
        ("x3d-xs-xs", {"box_max_px": 60}, "box_max_px 60"),
        ("x3d-xs-xs", {"short_side_px": 100}, "short_side_px"),
        ("x3d-xs-xs", {"glance_frames": 0}, "at least 1"),
        ("x3d-xs-xs", {"num_classes": 2.5}, "num_classes is 2.5"),
        ("x3d-xs-xs", {"colour": 3}, "Unknown setting colour"),
        ("x3d-xs-xs", {"global_backbone": "vgg"}, "no backbone"),
        ("x3d-xs-xs", {"variant": "short"}, "variant is 'short'"),
        ("x3d-xs-xs", {"std": (0.2, 0.0, 0.2)}, "above 0"),
        ("long-mbv2-r50-p128", {"patches_per_call": 5}, "divisor"),
        ("long-mbv2-r50-p128", {"local_backbone": "x3d_s"}, "mixes frames"),
    ],
)
def test_what_cannot_be_built_is_refused_with_a_sentence(name: str, override: dict[str, Any], words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        networks.build(name, **override)


def test_an_unknown_preset_is_answered_with_those_that_exist() -> None:
    with pytest.raises(NetworkError, match="x3d-xs-xs"):
        networks.build("x3d-xxl")


def test_frames_of_another_size_are_refused_with_a_sentence() -> None:
    net = tiny("x3d-xs-xs")
    with pytest.raises(NetworkError, match=r"Candidates have the shape .* expected \(B, 9, 3, 64, 64\)"):
        net.infer(torch.zeros(1, 9, 3, 65, 64))
    with pytest.raises(NetworkError, match="S = 64 or 48"):
        net.infer(torch.zeros(1, 9, 3, 64, 64), torch.zeros(1, 3, 3, 50, 50))


PARTS = ("global_encoder", "local_encoder", "spatial_policy", "temporal_policy", "final", "feature_crop")
# term -> parts that its gradient reaches
PER_CLIP = {
    "prediction": {"final"},
    "glance_frames": {"global_encoder"},
    "local_frames": {"local_encoder"},
    "expected": {"temporal_policy"},
    "feature_crop": {"spatial_policy", "feature_crop"},
    "raw_boxes": {"spatial_policy"},
}
PER_FRAME = {
    "prediction": {"global_encoder", "local_encoder", "final"},
    "glance_frames": {"global_encoder"},
    "local_frames": {"local_encoder"},
    "expected": {"global_encoder", "temporal_policy"},
    "feature_crop": {"spatial_policy", "feature_crop"},
    "raw_boxes": {"spatial_policy"},
}


def part_of(key: str) -> str | None:
    if key.startswith(("classifier.", "global_head.", "local_head.")):
        return "final"
    if key.startswith("training_heads.feature_crop."):
        return "feature_crop"
    return next((part for part in PARTS if key.startswith(f"{part}.")), None)


@pytest.mark.parametrize(
    ("name", "reached"),
    [("long-mbv2-r50-p128", PER_FRAME), ("tsm-mbv2-mbv2", PER_CLIP), ("x3d-xs-xs", PER_CLIP)],
)
def test_every_loss_teaches_the_parts_that_it_should_and_no_other(name: str, reached: dict[str, set[str]]) -> None:
    net = tiny(name).train()
    candidates = torch.randn(2, net.config.candidate_frames, 3, net.config.frame_size, net.config.frame_size)
    outputs = net.train_forward(candidates, generator=torch.Generator().manual_seed(3))
    assert outputs.prediction.shape[:2] == (2, 2)
    assert outputs.prediction.shape[2] == (
        net.config.glance_frames + net.config.focus_frames if net.config.variant == "long" else 1
    )
    for term, wanted in reached.items():
        net.zero_grad()
        getattr(outputs, term).square().sum().backward(retain_graph=True)
        moved = {
            part_of(key)
            for key, parameter in net.named_parameters()
            if parameter.grad is not None and parameter.grad.abs().max() > 0
        }
        assert moved - {None} == wanted, term


@pytest.mark.parametrize("name", TINY)
def test_inference_runs_no_head_that_only_training_needs(name: str) -> None:
    net = tiny(name)
    calls: list[str] = []
    for key, module in net.training_heads.items():
        module.register_forward_hook(lambda *_, key=key: calls.append(key))
    net.infer(clip_of(net)[0])
    assert calls == []


def test_published_x3d_weights_classify_a_real_clip(shared: Path) -> None:
    from adafocus.calibration.datasets.augmentation import normalize
    from adafocus.calibration.teachers.loading import load_teacher
    from adafocus.edge.video.clip import sample_video
    from adafocus.edge.video.preprocess import fit_frame

    teacher = load_teacher(shared / "weights" / "x3d_xs_k400.safetensors", "x3d_xs")
    labels = (shared / "weights" / "kinetics400_labels.txt").read_text().splitlines()
    frames = sample_video(shared / "smoke" / "archery.mp4", 16, lambda frame: fit_frame(frame, 160, 182))
    with torch.no_grad():
        logits = teacher(normalize(frames, networks.PRESETS["x3d-xs-xs"])[None])
    assert labels[int(logits.argmax())] == "archery"
