"""Small networks with lively weights, frames for them, and how far two tensors are apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from adafocus import networks
from adafocus.networks import NetworkConfig

# larger gains make deep networks of random weights amplify rounding, which says nothing of their lowering
GAIN = 1.2
SMALL = {"num_classes": 7, "frame_size": 64, "short_side_px": 72, "box_min_px": 24, "patch_size": 32}
TINY: dict[str, dict[str, Any]] = {
    "long-mbv2-r50-p128": {
        **SMALL,
        "glance_size": 64,
        "glance_frames": 4,
        "candidate_frames": 12,
        "focus_frames": 4,
        "head_hidden": 32,
        "local_backbone": "mobilenet_v2",
    },
    "tsm-mbv2-mbv2": {**SMALL, "glance_size": 48, "glance_frames": 3, "candidate_frames": 9, "focus_frames": 3},
    "x3d-xs-xs": {**SMALL, "glance_size": 48, "glance_frames": 3, "candidate_frames": 9, "focus_frames": 4},
}
# no policy network: the focus is given patches
TINY_FRAME: dict[str, dict[str, Any]] = {
    "tsm-mbv2-mbv2-frame": {"glance_frames": 3, "candidate_frames": 6, "focus_frames": 3},
    "x3d-xs-xs-frame": {"glance_frames": 4, "candidate_frames": 8, "focus_frames": 4},
}
for _sizes in TINY_FRAME.values():
    _sizes |= {"num_classes": 7, "frame_size": 48, "short_side_px": 48, "glance_size": 48, "patch_size": 32}
    _sizes |= {"box_min_px": 24, "box_max_px": 24}


def lively(net: nn.Module, seed: int = 5) -> nn.Module:
    """Give a network weights and batch norms under which every layer matters."""
    torch.manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
            nn.init.normal_(module.weight, std=(GAIN / module.weight[0].numel()) ** 0.5)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.05)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.8, 1.2)
    return net.eval()


def video(frames: int, size: int, seed: int) -> Tensor:
    """Return frames ``(1, T, 3, S, S)`` that differ from each other in more than noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(frames, 3, 7, 7, generator=generator)
    contrast = torch.rand(frames, 1, 1, 1, generator=generator) * 1.5 + 0.25
    return (contrast * nn.functional.interpolate(coarse, (size, size), mode="bilinear"))[None]


def relative_difference(given: Tensor, wanted: Tensor) -> float:
    """Return the largest difference, relative to the largest magnitude."""
    assert given.shape == wanted.shape
    return float((given - wanted).abs().max() / wanted.abs().max())


def tiny(name: str, **overrides: Any) -> networks.AdaFocus:
    return lively(networks.build(name, **{**TINY[name], **overrides}))


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


def settled(config: NetworkConfig, seed: int = 11) -> networks.AdaFocus:
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
