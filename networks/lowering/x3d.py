"""X3D trunk and heads as static 2-D graphs."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.backbones.x3d import X3D, SqueezeExcite, X3DBlock
from adafocus.networks.lowering.rules import TemporalTaps, clip_mean, conv2d, framewise_conv


class LoweredSqueezeExcite(nn.Module):
    """Channel gate; its two linear layers are 1x1 convolutions on ``(1, C, 1, 1)``."""

    def __init__(self, gate: SqueezeExcite) -> None:
        super().__init__()
        self.fc1 = conv2d(gate.fc1.weight[:, :, None, None], gate.fc1.bias, 1, 0, 1)
        self.fc2 = conv2d(gate.fc2.weight[:, :, None, None], gate.fc2.bias, 1, 0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``(T, C, H, W)``."""
        return x * self.fc2(F.relu(self.fc1(clip_mean(x)))).sigmoid()


class LoweredX3DBlock(nn.Module):
    """One X3D block; Swish is written as ``x * sigmoid(x)``, which is exact and stays inside the int8 delegate."""

    def __init__(self, block: X3DBlock, frames: int, in_side_px: int) -> None:
        super().__init__()
        self.out_side_px = -(-in_side_px // block.conv_b.stride[-1])
        self.conv_a = framewise_conv(block.conv_a, block.bn_a)
        self.conv_b = TemporalTaps(block.conv_b, block.bn_b, frames, self.out_side_px)
        self.se = LoweredSqueezeExcite(block.se) if block.se is not None else None
        self.conv_c = framewise_conv(block.conv_c, block.bn_c)
        self.branch1 = framewise_conv(block.branch1, block.bn_1) if block.branch1 is not None else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(T, C, H, W)`` to ``(T, C', H/stride, W/stride)``."""
        y = self.conv_b(F.relu(self.conv_a(x)))
        if self.se is not None:
            y = self.se(y)
        y = self.conv_c(y * y.sigmoid())
        shortcut = x if self.branch1 is None else self.branch1(x)
        return F.relu(shortcut + y)


class LoweredX3D(nn.Module):
    """X3D trunk for a fixed number of frames of a fixed square size."""

    def __init__(self, trunk: X3D, frames: int, side_px: int) -> None:
        super().__init__()
        self.stem_xy = framewise_conv(trunk.stem_xy)
        side_px = -(-side_px // trunk.stem_xy.stride[-1])
        self.stem_t = TemporalTaps(trunk.stem_t, trunk.stem_bn, frames, side_px)
        stages = []
        for stage in trunk.stages:
            blocks = []
            for block in stage:
                blocks.append(LoweredX3DBlock(block, frames, side_px))
                side_px = blocks[-1].out_side_px
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.head_conv = framewise_conv(trunk.head_conv, trunk.head_bn)
        self.map_size, self.channels = side_px, trunk.channels

    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(T, 3, S, S)`` into ``(T, C, h, w)``."""
        return F.relu(self.head_conv(self.stages(F.relu(self.stem_t(self.stem_xy(frames))))))
