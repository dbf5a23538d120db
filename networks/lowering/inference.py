"""The lowered stages run one after the other as a device runs them: glance, decide, select, crop, focus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from adafocus.networks.config import NetworkConfig
from adafocus.networks.cropping import crop_frames, resize_frames
from adafocus.networks.lowering.stages import LoweredStages
from adafocus.networks.temporal import middle_frames, quantile_levels, select_frames


@dataclass(frozen=True)
class LoweredInference:
    """Outputs of the stages for one clip: ``(exits, K)``, ``(1 or T_L, 4)``, ``(T_G,)`` and ``(T_L,)``."""

    stage_logits: Tensor
    boxes: Tensor
    frame_weights: Tensor
    frame_indices: Tensor


def run_stages(
    stages: Mapping[str, nn.Module], config: NetworkConfig, glance: Tensor, candidates: Tensor
) -> LoweredInference:
    """Run glance, policy and focus on one clip; gradients flow through everything but pixels and choices.

    Args:
        stages: by name.
        config: of the network.
        glance: ``(T_G, 3, S, S)``.
        candidates: ``(N, 3, F, F)``.

    Returns:
        the outputs, with the boxes that the policy gives: one, or one for every candidate.
    """
    features, first, context = stages["glance"](glance)
    boxes, weights = stages["policy"](features)
    chosen = select_frames(weights[None], len(candidates), quantile_levels(config.focus_frames))[0]
    used = boxes.detach() if len(boxes) == 1 else boxes.detach()[chosen]
    patches = crop_frames(candidates[chosen][None], used[None], config.patch_size)[0]
    exits = [first]
    for part in patches.split(config.patches_in_one_call):
        logits, *following = stages["focus"](part, context)
        exits.append(logits)
        context = following[0] if following else context
    return LoweredInference(torch.cat(exits), boxes, weights, chosen)


@torch.no_grad()
def infer_lowered(stages: LoweredStages, candidates: Tensor, glance: Tensor | None = None) -> LoweredInference:
    """Run one clip through every exit.

    Args:
        stages: from :func:`adafocus.networks.lowering.lower`.
        candidates: ``(1, N, 3, F, F)`` float32, normalized.
        glance: ``(1, T_G, 3, S, S)``; without it, candidates on a uniform grid.
    """
    config = stages.config
    frames = middle_frames(candidates, config.glance_frames) if glance is None else glance
    outputs = run_stages(stages.modules(), config, resize_frames(frames, config.glance_size)[0], candidates[0])
    used = outputs.boxes if len(outputs.boxes) == 1 else outputs.boxes[outputs.frame_indices]
    return replace(outputs, boxes=used)
