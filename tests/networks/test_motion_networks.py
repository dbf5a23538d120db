"""Networks whose policy is no network, and what a configuration of where to look refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from adafocus import networks
from adafocus.errors import NetworkError
from adafocus.networks import NetworkConfig, TrainingOutputs
from adafocus.networks.backbones.shift import TemporalShift
from adafocus.networks.config import CHOICES
from adafocus.networks.cost import cost_of
from adafocus.networks.lowering import infer_lowered, lower
from tests.helpers.small_networks import TINY_FRAME, lively, relative_difference, video

LOWERING_TOLERANCE = 1e-4
NAMES = tuple(TINY_FRAME)


def tiny_frame(name: str, **overrides: Any) -> networks.AdaFocus:
    return lively(networks.build(name, **{**TINY_FRAME[name], **overrides}))


def looked_at(config: NetworkConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Return patches and glance of one clip."""
    return video(config.focus_frames, config.patch_size, 1), video(config.glance_frames, config.glance_size, 2)


@pytest.mark.parametrize("name", networks.PRESETS)
def test_configurations_without_a_choice_are_written_as_they_always_were(name: str) -> None:
    config = networks.PRESETS[name]
    written = json.loads(json.dumps(config.as_dict()))
    assert NetworkConfig.from_dict(written) == config
    assert name.endswith("-frame") or not set(CHOICES) & set(written)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"boxes_in": "picture"}, "boxes_in is 'picture', expected one of square, frame."),
        ({"glance_fit": "squeezed"}, "glance_fit is 'squeezed' with boxes_in 'square'"),
        ({"policy": "motion", "focus_span": "spread"}, "policy is 'motion' with boxes_in 'square'"),
        ({"focus_span": "densest"}, "focus_span is 'densest' with boxes_in 'square'"),
        ({"change_from": "median"}, "change_from is 'median' with boxes_in 'square'"),
        ({"change_from": "mean"}, "change_from is 'mean', expected one of previous, median"),
        (
            {"policy": "motion", "boxes_in": "frame"},
            "expected focus_span 'spread' or 'densest'",
        ),
    ],
)
def test_ways_to_look_that_contradict_each_other_are_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(NetworkError, match=said):
        networks.preset("x3d-xs-xs", **changes)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("tsm-mbv2-mbv2", {"shift": "future"}, "shift is 'future', expected one of both, past."),
        ("x3d-xs-xs", {"shift": "past"}, "shift is 'past' with variant 'x3d', which has no temporal shift"),
        ("long-mbv2-r50-p96", {"shift": "past"}, "expected variant 'tsm' or shift 'both'"),
        ("tsm-mbv2-mbv2", {"shift": "past", "global_backbone": "resnet50"}, "expected mobilenet_v2 or efficientnet"),
    ],
)
def test_a_glance_that_cannot_look_at_the_past_alone_is_refused(name: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(NetworkError, match=said), torch.device("meta"):
        networks.build(name, **changes)


def test_only_the_glance_looks_at_the_past_alone() -> None:
    config = networks.preset("tsm-mbv2-mbv2", shift="past")
    assert config.as_dict()["shift"] == "past"
    with torch.device("meta"):
        net = networks.from_config(config)
    looks_back = {
        name: {part.past_only for part in encoder.modules() if isinstance(part, TemporalShift)}
        for name, encoder in (("glance", net.global_encoder), ("focus", net.local_encoder))
    }
    assert looks_back == {"glance": {True}, "focus": {False}}


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_a_policy_network_has_no_parameters_of_one(name: str) -> None:
    net = tiny_frame(name)
    assert not [key for key in net.state_dict() if "policy" in key or "feature_crop" in key]
    assert list(lower(net).modules()) == ["glance", "focus"]


@pytest.mark.parametrize("name", NAMES)
def test_lowered_stages_answer_like_the_network_on_given_patches(name: str) -> None:
    net = tiny_frame(name)
    patches, glance = looked_at(net.config)
    with torch.no_grad():
        wanted = net.infer(patches, glance)
    lowered = infer_lowered(lower(net), patches, glance)
    assert wanted.boxes.shape == (1, 0, 4)
    assert wanted.frame_indices.shape == (1, 0)
    assert lowered.boxes.shape == (0, 4)
    assert relative_difference(lowered.stage_logits, wanted.stage_logits[0]) <= LOWERING_TOLERANCE


def test_a_training_step_learns_from_the_given_patches_and_has_no_terms_of_policies() -> None:
    net = tiny_frame("x3d-xs-xs-frame").train()
    outputs = net.train_forward(*looked_at(net.config))
    assert not isinstance(outputs, TrainingOutputs)
    assert outputs.prediction.shape == (1, 1, 1, 7)
    assert outputs.glance_frames.shape == (1, 1, 7)
    assert outputs.local_frames.shape == (1, 1, 1, 7)


def test_patches_of_another_shape_are_refused() -> None:
    net = tiny_frame("x3d-xs-xs-frame")
    patches, glance = looked_at(net.config)
    with pytest.raises(NetworkError, match=r"Patches have the shape \(1, 4, 3, 32, 31\), expected \(B, 4, 3, 32, 32\)"):
        net.infer(patches[..., :-1], glance)
    with pytest.raises(NetworkError, match=r"Glance frames have the shape \(\)"):
        net.infer(patches)


def test_the_policy_of_motion_costs_nothing() -> None:
    config = networks.preset("tsm-mbv2-mbv2-frame", **TINY_FRAME["tsm-mbv2-mbv2-frame"])
    cost = cost_of(config)
    glance, focus = cost.stages["glance"].macs, cost.stages["focus"].macs
    assert cost.exit_macs == (glance, glance + focus)
    assert list(cost.stages) == ["glance", "focus"]
