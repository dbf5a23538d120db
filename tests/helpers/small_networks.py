"""Small networks that convert in seconds."""

from __future__ import annotations

import torch
from torch import nn

from adafocus import networks
from adafocus.networks import NetworkConfig

CLASSES = 7


def small_config(variant: str) -> NetworkConfig:
    """MobileNetV2 twice, on few small frames."""
    return NetworkConfig(
        variant=variant,
        global_backbone="mobilenet_v2",
        local_backbone="mobilenet_v2",
        num_classes=CLASSES,
        glance_frames=4,
        candidate_frames=12,
        focus_frames=4,
        frame_size=96,
        short_side_px=96,
        glance_size=96,
        patch_size=64,
        box_min_px=48,
        mean=(0.45, 0.45, 0.45),
        std=(0.225, 0.225, 0.225),
        spatial_hidden=16,
        temporal_hidden=16,
        head_hidden=32,
        patches_per_call=2,
    )


def lively(config: NetworkConfig, seed: int = 11) -> networks.AdaFocus:
    """Return a random network whose batch norms fit its activations and whose policies have opinions."""
    torch.manual_seed(seed)
    net = networks.from_config(config).eval()
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        net.infer(torch.randn(2, config.candidate_frames, 3, config.frame_size, config.frame_size))
    return net.eval()
