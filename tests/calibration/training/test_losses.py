"""The losses by hand, and which parameter learns from which of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from adafocus import networks
from adafocus.calibration.training.losses import Criterion, Target, kl_divergence, losses, size_penalty
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import POLICIES, AdaFocusTask
from adafocus.networks import AdaFocus, TrainingOutputs

LABEL = Target(torch.tensor([0]))
PLAIN = Criterion()
TINY = {
    "frame_size": 64,
    "short_side_px": 72,
    "glance_size": 32,
    "patch_size": 32,
    "box_min_px": 24,
    "spatial_hidden": 8,
    "temporal_hidden": 8,
    "num_classes": 3,
    "dropout": 0.0,
}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "tsm": ("tsm-mbv2-mbv2", {**TINY, "glance_frames": 3, "candidate_frames": 6, "focus_frames": 2}),
    "x3d": ("x3d-xs-xs", {**TINY, "head_hidden": 8, "candidate_frames": 6, "focus_frames": 2}),
    "long": (
        "long-mbv2-r50-p96",
        {
            **TINY,
            "local_backbone": "mobilenet_v2",
            "head_hidden": 8,
            "glance_frames": 3,
            "candidate_frames": 6,
            "focus_frames": 2,
        },
    ),
}
# its glance looks at the past alone
SHAPES["tsm online"] = (SHAPES["tsm"][0], {**SHAPES["tsm"][1], "shift": "past"})


def test_cross_entropy_of_two_classes_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]])
    assert PLAIN(logits, LABEL).item() == pytest.approx(-math.log(0.75))


def test_several_heads_of_one_clip_are_averaged() -> None:
    logits = torch.tensor([[[math.log(3.0), 0.0], [0.0, 0.0]]])
    assert PLAIN(logits, LABEL).item() == pytest.approx((-math.log(0.75) - math.log(0.5)) / 2)


def test_a_clip_without_a_label_trains_on_the_teacher_alone() -> None:
    logits, soft = torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([[0.0, 0.0]])
    unlabeled = Target(torch.tensor([-1]), soft)
    assert PLAIN(logits, unlabeled).item() == 0.0
    by_hand = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert Criterion(0.0, 2.0)(logits, unlabeled).item() == pytest.approx(2.0 * by_hand)


def test_divergence_at_temperature_two_by_hand() -> None:
    logits, target = torch.tensor([[2.0 * math.log(3.0), 0.0]]), torch.tensor([[0.0, 0.0]])
    by_hand = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert kl_divergence(logits, target, 2.0).item() == pytest.approx(4.0 * by_hand)


def test_size_term_by_hand() -> None:
    raw = torch.tensor([[[0.1, 0.2, 0.5, 1.0]]], requires_grad=True)
    term = size_penalty(raw)
    term.backward()
    assert term.item() == pytest.approx((0.25 + 0.0) / 2)
    assert raw.grad is not None
    assert raw.grad[0, 0].tolist() == pytest.approx([0.0, 0.0, -0.5, 0.0])


def made_up() -> TrainingOutputs:
    """One clip, two classes, two frames; the label's logit is ``log(odds)`` and the other one 0."""

    def logits(*odds: float) -> Tensor:
        return torch.tensor([[math.log(odd), 0.0] for odd in odds])

    return TrainingOutputs(
        prediction=torch.stack([logits(3.0)[None], logits(1.0)[None]]),
        glance_frames=logits(3.0, 1.0)[None],
        local_frames=torch.stack([logits(9.0, 1.0)[None], logits(1.0, 1.0)[None]]),
        expected=logits(7.0),
        feature_crop=logits(4.0),
        raw_boxes=torch.tensor([[[0.5, 0.5, 0.5, 0.5]]]),
        frame_weights=torch.tensor([[0.5, 0.5]]),
    )


def surprise(odds: float) -> float:
    return -math.log(odds / (1.0 + odds))


@pytest.mark.parametrize(
    ("frame_by_frame", "glance", "local"),
    [
        (False, surprise(math.sqrt(3.0)), (surprise(3.0) + surprise(1.0)) / 2),
        (True, (surprise(3.0) + surprise(1.0)) / 2, (surprise(9.0) + 3 * surprise(1.0)) / 4),
    ],
)
def test_every_term_by_hand(frame_by_frame: bool, glance: float, local: float) -> None:
    terms = losses(made_up(), LABEL, PLAIN, 0.5, frame_by_frame=frame_by_frame)
    expected = {
        "prediction": (surprise(3.0) + surprise(1.0)) / 2,
        "glance": glance,
        "local": local,
        "temporal": surprise(7.0),
        "spatial": surprise(4.0),
        "size": 0.5 * 0.25,
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


# parts that each term trains, and nothing else (Uni-AdaFocus, arXiv 2412.11228)
TRAINS = {
    "tsm": {
        "prediction": {"global_head", "local_head"},
        "glance": {"global_encoder", "global_aux_head"},
        "local": {"local_encoder", "training_heads.local_aux"},
        "temporal": {"temporal_policy"},
        "spatial": {"spatial_policy", "training_heads.feature_crop"},
        "size": {"spatial_policy"},
    },
    "long": {
        "prediction": {"global_encoder", "local_encoder", "classifier"},
        "glance": {"global_encoder", "training_heads.global_frame"},
        "local": {"local_encoder", "training_heads.local_frame"},
        "temporal": {"temporal_policy", "global_encoder", "training_heads.global_frame"},
        "spatial": {"spatial_policy", "training_heads.feature_crop"},
        "size": {"spatial_policy"},
    },
}
TRAINS["x3d"] = TRAINS["tsm online"] = TRAINS["tsm"]


def trained_parts(net: AdaFocus) -> set[str]:
    """Parts with a gradient that is not zero everywhere."""
    found = set()
    for name, parameter in net.named_parameters():
        if parameter.grad is not None and bool(parameter.grad.count_nonzero()):
            parts = name.split(".")
            found.add(".".join(parts[:2]) if parts[0] == "training_heads" else parts[0])
    return found


TARGET = Target(torch.tensor([0, 2]))


def task_and_clips(variant: str) -> tuple[AdaFocusTask, tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(0)
    preset, shape = SHAPES[variant]
    task = AdaFocusTask(Recipe(preset=preset, overrides={k: v for k, v in shape.items() if k != "num_classes"}), 3)
    config = task.net.config
    glance = torch.randn(2, config.glance_frames, 3, 32, 32)
    return task, (glance, torch.randn(2, config.candidate_frames, 3, 64, 64))


@pytest.mark.parametrize("variant", ["tsm", "tsm online", "x3d", "long"])
def test_every_term_trains_its_parts_and_no_other(variant: str) -> None:
    task, clips = task_and_clips(variant)
    net = task.net.train()
    assert isinstance(net, networks.AdaFocus)
    terms = task(clips, TARGET, torch.Generator().manual_seed(1))
    assert set(terms) == set(TRAINS[variant])
    for name, term in terms.items():
        net.zero_grad()
        term.backward(retain_graph=True)
        assert trained_parts(net) == TRAINS[variant][name], name


@pytest.mark.parametrize("variant", ["tsm", "x3d", "long"])
def test_where_the_policies_learn_alone_the_focus_is_not_run_and_their_terms_are_the_same(variant: str) -> None:
    task, clips = task_and_clips(variant)
    net = task.net.eval()
    whole = task(clips, TARGET, torch.Generator().manual_seed(1))
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith(POLICIES))
    looked: list[int] = []
    net.local_encoder.register_forward_hook(lambda *_: looked.append(1))
    alone = task(clips, TARGET, torch.Generator().manual_seed(1))
    assert not looked
    assert set(alone) == {"temporal", "spatial", "size"}
    for name in ("spatial", "size"):
        torch.testing.assert_close(alone[name], whole[name])
    sum(alone.values()).backward()  # type: ignore[union-attr]
    assert trained_parts(net) == {"temporal_policy", "spatial_policy", "training_heads.feature_crop"}


def test_a_surer_teacher_by_hand() -> None:
    logits, teacher = torch.tensor([[0.5, -0.5]]), torch.tensor([[1.0, 0.0]])
    target = Target(torch.tensor([-1]), teacher)
    asked = Criterion(hard_weight=0.0, soft_weight=1.0, teacher_temperature=0.5)(logits, target)
    assert asked.item() == pytest.approx(kl_divergence(logits, teacher * 2).item())
