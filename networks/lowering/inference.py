"""The lowered stages run one after the other as a device runs them: glance, decide, select, crop, focus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from adafocus.networks.config import NetworkConfig
from adafocus.networks.cropping import resize_frames
from adafocus.networks.looking import Frames, choose_frames, cut_patches
from adafocus.networks.lowering.stages import LoweredStages
from adafocus.networks.temporal import middle_frames


@dataclass(frozen=True)
class LoweredInference:
    """Outputs of the stages for one clip: ``(exits, K)``, ``(1 or T_L, 4)``, ``(T_G,)`` and ``(T_L,)``.

    The last three are empty where the policy is no network.
    """

    stage_logits: Tensor
    boxes: Tensor
    frame_weights: Tensor
    frame_indices: Tensor


def run_stages(
    stages: Mapping[str, nn.Module], config: NetworkConfig, glance: Tensor, candidates: Tensor | Frames
) -> LoweredInference:
    """Run glance, policy and focus on one clip; gradients flow through everything but pixels and choices.

    Args:
        stages: by name.
        config: of the network.
        glance: ``(T_G, 3, S, S)``.
        candidates: ``(N, 3, F, F)``; the clip that cuts patches itself, where boxes lie in the whole frame; the patches
            ``(T_L, 3, P, P)``, where the policy is no network.

    Returns:
        the outputs, with the boxes that the policy gives: one, or one for every candidate.
    """
    features, first, context = stages["glance"](glance)
    if "policy" in stages:
        boxes, weights = stages["policy"](features)
        looked = candidates[None] if isinstance(candidates, Tensor) else [candidates]
        chosen = choose_frames(config, weights[None], looked)[0]
        used = boxes.detach() if len(boxes) == 1 else boxes.detach()[chosen]
        patches = cut_patches(config, looked, used[None], chosen[None])[0]
    elif isinstance(candidates, Tensor):
        boxes, weights, patches = first.new_zeros(0, 4), first.new_zeros(0), candidates
        chosen = weights.long()
    else:
        raise TypeError("without a network as policy the patches are given")
    exits = [first]
    for part in patches.split(config.patches_in_one_call):
        logits, *following = stages["focus"](part, context)
        exits.append(logits)
        context = following[0] if following else context
    return LoweredInference(torch.cat(exits), boxes, weights, chosen)


@torch.no_grad()
def infer_lowered(stages: LoweredStages, candidates: Tensor | Frames, glance: Tensor | None = None) -> LoweredInference:
    """Run one clip through every exit.

    Args:
        stages: from :func:`adafocus.networks.lowering.lower`.
        candidates: ``(1, N, 3, F, F)`` float32, normalized, or what :func:`run_stages` takes in its place.
        glance: ``(1, T_G, 3, S, S)``; without it, candidates on a uniform grid.
    """
    config = stages.config
    if glance is None:
        if not isinstance(candidates, Tensor):
            raise TypeError("only square candidates can be the glance")
        glance = middle_frames(candidates, config.glance_frames)
    looked = candidates[0] if isinstance(candidates, Tensor) else candidates
    outputs = run_stages(stages.modules(), config, resize_frames(glance, config.glance_size)[0], looked)
    used = outputs.boxes if len(outputs.boxes) <= 1 else outputs.boxes[outputs.frame_indices]
    return replace(outputs, boxes=used)
