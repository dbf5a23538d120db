"""The lowered stages run one after the other as a device runs them: glance, decide, select, crop, focus."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from networks.cropping import crop_frames, resize_frames
from networks.lowering.stages import LoweredStages
from networks.temporal import middle_frames, quantile_levels, select_frames


@dataclass(frozen=True)
class LoweredInference:
    """What the stages say of one clip: ``(exits, K)``, ``(1 or T_L, 4)``, ``(T_G,)`` and ``(T_L,)``."""

    stage_logits: Tensor
    boxes: Tensor
    frame_weights: Tensor
    frame_indices: Tensor


@torch.no_grad()
def infer_lowered(stages: LoweredStages, candidates: Tensor, glance: Tensor | None = None) -> LoweredInference:
    """Answer one clip through every exit.

    Args:
        stages: from :func:`networks.lowering.lower`.
        candidates: ``(1, N, 3, F, F)`` float32, normalised.
        glance: ``(1, T_G, 3, S, S)``; without it, candidates on a uniform grid.
    """
    config = stages.config
    frames = middle_frames(candidates, config.glance_frames) if glance is None else glance
    features, glance_logits, context = stages.glance(resize_frames(frames, config.glance_size)[0])
    boxes, weights = stages.policy(features)
    chosen = select_frames(weights[None], config.candidate_frames, quantile_levels(config.focus_frames))[0]
    used = boxes if len(boxes) == 1 else boxes[chosen]
    patches = crop_frames(candidates[:, chosen], used[None], config.patch_size)[0]
    exits = [glance_logits]
    for part in patches.split(config.patches_in_one_call):
        logits, *following = stages.focus(part, context)
        exits.append(logits)
        context = following[0] if following else context
    return LoweredInference(torch.cat(exits), used, weights, chosen)
