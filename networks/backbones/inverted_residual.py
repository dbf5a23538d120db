"""Backbones of inverted residuals: MobileNetV2 (arXiv 1801.04381) and EfficientNet-Lite0, with or without shift."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.backbones.backbone import Backbone, ConvNorm
from adafocus.networks.backbones.shift import set_frames, shift_or_pass

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
STRIDE_PX = 32


@dataclass(frozen=True)
class Stage:
    """Blocks of one width: the first has the stride, the others keep the size."""

    expansion: int
    channels: int
    blocks: int
    stride: int
    kernel: int


MOBILENET_V2 = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 32, 3, 2, 3),
    Stage(6, 64, 4, 2, 3),
    Stage(6, 96, 3, 1, 3),
    Stage(6, 160, 3, 2, 3),
    Stage(6, 320, 1, 1, 3),
)
EFFICIENTNET_LITE0 = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
    Stage(6, 320, 1, 1, 3),
)


class InvertedResidual(nn.Module):
    """[shift, 1x1 expand, ReLU6,] depth-wise, ReLU6, 1x1 project, plus the input where the shape stays.

    The shift stands inside the branch, on the input of the first 1x1 convolution of blocks that expand and have a
    shortcut; the shortcut is not shifted.
    """

    def __init__(self, inputs: int, stage: Stage, stride: int, shift_div: int | None) -> None:
        super().__init__()
        inner = inputs * stage.expansion
        expands = stage.expansion != 1
        self.keeps_shape = stride == 1 and inputs == stage.channels
        self.shift = shift_or_pass(inputs, shift_div if self.keeps_shape and expands else None)
        self.expand = ConvNorm(inputs, inner, 1) if expands else None
        self.depthwise = ConvNorm(inner, inner, stage.kernel, stride, groups=inner)
        self.project = ConvNorm(inner, stage.channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, C, H, W)`` to ``(n, C', H/stride, W/stride)``."""
        y = self.shift(x)
        if self.expand is not None:
            y = F.relu6(self.expand(y))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.keeps_shape else y


class InvertedResidualNet(Backbone):
    """Stem, blocks, 1x1 head convolution; every convolution but the projections ends in ReLU6."""

    def __init__(self, stages: tuple[Stage, ...], shift_div: int | None) -> None:
        super().__init__()
        self.channels, self.stride, self.per_frame = HEAD_CHANNELS, STRIDE_PX, shift_div is None
        self.stem = ConvNorm(3, STEM_CHANNELS, 3, 2)
        blocks = []
        inputs = STEM_CHANNELS
        for stage in stages:
            for index in range(stage.blocks):
                blocks.append(InvertedResidual(inputs, stage, stage.stride if index == 0 else 1, shift_div))
                inputs = stage.channels
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(inputs, HEAD_CHANNELS, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(B, T, 3, H, W)`` into ``(B, T, 1280, h, w)``."""
        set_frames(self, frames.shape[1])
        x = F.relu6(self.stem(frames.flatten(0, 1)))
        for block in self.blocks:
            x = block(x)
        return F.relu6(self.head(x)).unflatten(0, frames.shape[:2])


def mobilenet_v2(shift_div: int | None = None) -> InvertedResidualNet:
    """Build MobileNetV2, width 1.0: 0.2995 GMAC for a frame of 224 px."""
    return InvertedResidualNet(MOBILENET_V2, shift_div)


def efficientnet_lite0(shift_div: int | None = None) -> InvertedResidualNet:
    """Build EfficientNet-Lite0: no gates, ReLU6; symmetric padding."""
    return InvertedResidualNet(EFFICIENTNET_LITE0, shift_div)
