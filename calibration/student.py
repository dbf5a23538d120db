"""The network that is fitted: quantised glance and focus around a float policy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import GraphModule

import networks
from calibration.quantization import prepare, training_graph
from calibration.recipe import Recipe
from networks.cropping import crop, crop_frames
from networks.lowering import LoweredStages, lower
from networks.temporal import monte_carlo_logits, quantile_levels, select_frames


def initial_network(recipe: Recipe, checkpoint: Path) -> networks.AdaFocus:
    """Build the preset and start both encoders and all heads from one published X3D.

    The published weights expect the preset's own mean and standard deviation; where the recipe normalises otherwise,
    the first convolution is rescaled. The prediction is the sum of two heads, so each starts at half the weight.
    """
    published = networks.PRESETS[recipe.preset]
    net = networks.build(recipe.preset, **recipe.overrides)
    for encoder in (net.global_encoder, net.local_encoder):
        classifier = networks.load_x3d_trunk(encoder, checkpoint)
        ratio = torch.tensor(net.config.std) / torch.tensor(published.std)
        encoder.stem_xy.weight.data *= ratio[None, :, None, None, None]
    shares = {net.global_head: 0.5, net.local_head: 0.5, net.global_aux_head: 1.0}
    for head, share in shares.items():
        head.lin.load_state_dict({"weight": classifier["head_lin.weight"], "bias": classifier["head_lin.bias"]})
        head.fc.load_state_dict({"weight": share * classifier["fc.weight"], "bias": share * classifier["fc.bias"]})
    return net


@dataclass
class Answer:
    """Logits ``(1, K)`` of both exits, and what the policy's own losses need."""

    glance_logits: Tensor
    logits: Tensor
    features: Tensor
    boxes: Tensor
    frame_weights: Tensor


class Student(nn.Module):
    """Stage graphs with fake quantisation, run clip by clip with the policy in the loop."""

    def __init__(self, stages: LoweredStages) -> None:
        super().__init__()
        self.config = stages.config
        self.glance: GraphModule = prepare(stages.glance, stages.examples("glance"))
        self.focus: GraphModule = prepare(stages.focus, stages.examples("focus"))
        self.policy = stages.policy
        self._fast = {"glance": training_graph(self.glance), "focus": training_graph(self.focus)}

    @classmethod
    def of(cls, net: networks.AdaFocus) -> Student:
        """Lower a network and prepare it."""
        return cls(lower(net.eval()))

    def forward(
        self,
        glance: Tensor,
        candidates: Tensor,
        *,
        box: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Answer:
        """Answer one clip.

        Args:
            glance: ``(T_G, 3, S, S)``.
            candidates: ``(N, 3, F, F)``.
            box: ``(1, 4)`` to look at instead of the policy's.
            generator: of the frame sampler's jitter; without it the choice is that of inference.
        """
        features, glance_logits, context = self._fast["glance"](glance)
        boxes, weights = self.policy(features.detach())
        levels = quantile_levels(self.config.focus_frames, generator, jitter=generator is not None)
        chosen = select_frames(weights[None], len(candidates), levels)[0]
        looked_at = boxes.detach() if box is None else box
        patches = crop_frames(candidates[chosen][None], looked_at[None], self.config.patch_size)[0]
        (logits,) = self._fast["focus"](patches, context)
        return Answer(glance_logits, logits, features.detach(), boxes, weights)

    def frame_logits(self, pooled: Tensor) -> Tensor:
        """Auxiliary glance logits of pooled features ``(..., C)``; no gradient reaches the classifier."""
        return classify(self.glance, pooled)


def classify(glance: nn.Module, pooled: Tensor) -> Tensor:
    """The auxiliary head of a glance stage, its weights held fixed, on ``(..., C)``."""
    weights = {
        name: value.detach().flatten(1) if value.dim() > 1 else value.detach()
        for name, value in (
            (name, glance.get_parameter(f"aux_head.{name}"))
            for name in ("lin.weight", "lin.bias", "fc.weight", "fc.bias")
        )
    }
    hidden = F.relu(F.linear(pooled, weights["lin.weight"], weights["lin.bias"]))
    return F.linear(hidden, weights["fc.weight"], weights["fc.bias"])


def random_box(config: networks.NetworkConfig, generator: torch.Generator) -> Tensor:
    """A box ``(1, 4)`` of the patch's own size at a random place (diversity augmentation of Uni-AdaFocus)."""
    side = config.patch_size / config.frame_size
    position = torch.rand(2, generator=generator) * (1.0 - side)
    return torch.cat((position, torch.full((2,), side)))[None]


def soft_loss(logits: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of softened answers, ``(B, K)`` against teacher logits ``(B, K)``."""
    wanted = (target / temperature).log_softmax(-1)
    given = (logits / temperature).log_softmax(-1)
    return F.kl_div(given, wanted, reduction="batchmean", log_target=True)


def policy_loss(
    glance: nn.Module,
    features: Tensor,
    boxes: Tensor,
    weights: Tensor,
    target: Tensor,
    recipe: Recipe,
    generator: torch.Generator,
) -> Tensor:
    """What teaches the policy, from features ``(B, T, C, h, w)`` alone (Uni-AdaFocus, arXiv 2412.11228).

    Boxes ``(B, 4)``: the features inside the box, averaged, must answer like the teacher; sides are pulled towards
    the whole frame. Frame weights ``(B, T)``: the expected answer of frames drawn by them must too.
    """
    inside = crop(features.flatten(0, 1), boxes.repeat_interleave(features.shape[1], 0), features.shape[-1]).unflatten(
        0, features.shape[:2]
    )
    spatial = soft_loss(classify(glance, inside.mean((1, 3, 4))), target, recipe.temperature)
    per_frame = classify(glance, features.mean((3, 4)))
    temporal = soft_loss(monte_carlo_logits(weights, per_frame, generator), target, recipe.temperature)
    return spatial + temporal + recipe.size_weight * (1.0 - boxes[:, 2:]).square().mean()
