"""What several tests of networks need: lively weights, and the lowered stages run as the device runs them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

import networks
from networks.cropping import crop_frames
from networks.lowering import LoweredStages
from networks.temporal import quantile_levels, select_frames


def lively(net: nn.Module, seed: int = 5) -> nn.Module:
    """Weights and batch norms under which every layer matters."""
    torch.manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.05)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.8, 1.2)
    return net.eval()


def video(frames: int, size: int, seed: int) -> Tensor:
    """Frames ``(1, T, 3, S, S)`` that differ from each other in more than noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(frames, 3, 7, 7, generator=generator)
    contrast = torch.rand(frames, 1, 1, 1, generator=generator) * 1.5 + 0.25
    return (contrast * nn.functional.interpolate(coarse, (size, size)))[None]


@dataclass(frozen=True)
class Answered:
    """What the lowered stages say of one clip."""

    stage_logits: Tensor
    boxes: Tensor
    frame_weights: Tensor
    frame_indices: Tensor


@torch.no_grad()
def run_stages(stages: LoweredStages, net: networks.AdaFocus, candidates: Tensor, glance: Tensor | None) -> Answered:
    """Glance, decide, select, crop, focus in as many calls as it takes; one clip."""
    config = stages.config
    frames = net.glance_view(net.glance_of(candidates) if glance is None else glance)[0]
    features, glance_logits, context = stages.glance(frames)
    boxes, weights = stages.policy(features)
    chosen = select_frames(weights[None], config.candidate_frames, quantile_levels(config.focus_frames))[0]
    used = boxes if len(boxes) == 1 else boxes[chosen]
    patches = crop_frames(candidates[:, chosen], used[None], config.patch_size)[0]
    exits = [glance_logits]
    for part in patches.split(config.patches_in_one_call):
        logits, *following = stages.focus(part, context)
        exits.append(logits)
        context = following[0] if following else context
    return Answered(torch.cat(exits), used, weights, chosen)


def relative_difference(given: Tensor, wanted: Tensor) -> float:
    """Largest difference, relative to the largest magnitude."""
    assert given.shape == wanted.shape
    return float((given - wanted).abs().max() / wanted.abs().max())
