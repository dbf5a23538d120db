"""X3D (Feichtenhofer 2020, arXiv 2004.04730): the encoders of the X3D variant, up to and including ``conv_5``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.backbones.backbone import Backbone
from adafocus.networks.backbones.depthwise import DepthwiseConv3d

STEM_CHANNELS = 24
STAGE_CHANNELS = (24, 48, 96, 192)
BASE_DEPTHS = (1, 2, 5, 3)
BOTTLENECK_FACTOR = 2.25
SE_RATIO = 0.0625
SE_DIVISOR = 8
BN_EPS = 1e-5


@dataclass(frozen=True)
class X3DSpec:
    """Depths of the four stages; widths are the same for XS, S, M and L."""

    depths: tuple[int, int, int, int]

    @classmethod
    def of_depth_factor(cls, factor: float) -> X3DSpec:
        """Compute stage depths ``ceil(base * factor)`` of the published depth factors 2.2 (XS, S, M) and 5.0 (L)."""
        first, second, third, fourth = (math.ceil(base * factor) for base in BASE_DEPTHS)
        return cls((first, second, third, fourth))


def squeeze_channels(channels: int) -> int:
    """Return the bottleneck of squeeze-and-excitation: ``SE_RATIO`` of the channels, rounded to a multiple of 8."""
    target = channels * SE_RATIO
    rounded = max(SE_DIVISOR, int(target + SE_DIVISOR / 2) // SE_DIVISOR * SE_DIVISOR)
    return rounded + SE_DIVISOR if rounded < 0.9 * target else rounded


class SqueezeExcite(nn.Module):
    """Channel gate from the mean over time and space."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, squeeze_channels(channels))
        self.fc2 = nn.Linear(squeeze_channels(channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``(B, C, T, H, W)``."""
        gate = self.fc2(F.relu(self.fc1(x.mean((2, 3, 4))))).sigmoid()
        return x * gate[:, :, None, None, None]


class X3DBlock(nn.Module):
    """1x1x1 expand, ReLU, depth-wise 3x3x3, [gate], Swish, 1x1x1 project, plus shortcut, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, gated: bool) -> None:
        super().__init__()
        inner = int(out_channels * BOTTLENECK_FACTOR)
        self.conv_a = nn.Conv3d(in_channels, inner, 1, bias=False)
        self.bn_a = nn.BatchNorm3d(inner, BN_EPS)
        self.conv_b = DepthwiseConv3d(inner, stride)
        self.bn_b = nn.BatchNorm3d(inner, BN_EPS)
        self.se = SqueezeExcite(inner) if gated else None
        self.conv_c = nn.Conv3d(inner, out_channels, 1, bias=False)
        self.bn_c = nn.BatchNorm3d(out_channels, BN_EPS)
        self.branch1: nn.Conv3d | None = None
        self.bn_1: nn.BatchNorm3d | None = None
        if in_channels != out_channels or stride != 1:
            self.branch1 = nn.Conv3d(in_channels, out_channels, 1, (1, stride, stride), bias=False)
            self.bn_1 = nn.BatchNorm3d(out_channels, BN_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T, H, W)`` to ``(B, C', T, H/stride, W/stride)``."""
        y = self.bn_b(self.conv_b(F.relu(self.bn_a(self.conv_a(x)))))
        if self.se is not None:
            y = self.se(y)
        y = self.bn_c(self.conv_c(F.silu(y)))
        if self.branch1 is not None and self.bn_1 is not None:
            x = self.bn_1(self.branch1(x))
        return F.relu(x + y)


class X3D(Backbone):
    """X3D trunk; every second block of a stage, from the first, carries a squeeze-and-excitation gate."""

    def __init__(self, spec: X3DSpec) -> None:
        super().__init__()
        self.stem_xy = nn.Conv3d(3, STEM_CHANNELS, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
        self.stem_t = nn.Conv3d(
            STEM_CHANNELS, STEM_CHANNELS, (5, 1, 1), padding=(2, 0, 0), groups=STEM_CHANNELS, bias=False
        )
        self.stem_bn = nn.BatchNorm3d(STEM_CHANNELS, BN_EPS)
        stages = []
        in_channels = STEM_CHANNELS
        for out_channels, depth in zip(STAGE_CHANNELS, spec.depths, strict=True):
            blocks = []
            for index in range(depth):
                stride = 2 if index == 0 else 1
                blocks.append(X3DBlock(in_channels, out_channels, stride, gated=index % 2 == 0))
                in_channels = out_channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.channels = int(in_channels * BOTTLENECK_FACTOR)
        self.stride = 2 ** (1 + len(stages))
        self.per_frame = False
        self.head_conv = nn.Conv3d(in_channels, self.channels, 1, bias=False)
        self.head_bn = nn.BatchNorm3d(self.channels, BN_EPS)

    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(B, T, 3, H, W)`` into ``(B, T, C, h, w)``; time is never strided."""
        x = F.relu(self.stem_bn(self.stem_t(self.stem_xy(frames.transpose(1, 2)))))
        for stage in self.stages:
            x = stage(x)
        return F.relu(self.head_bn(self.head_conv(x))).transpose(1, 2)


def x3d_s(shift_div: int | None = None) -> X3D:
    """Build X3D-XS, -S or -M: one trunk (depth factor 2.2), meant for 4 frames of 160, 13 of 160 and 16 of 224 px.

    ``shift_div`` has no meaning here: the trunk mixes frames itself.
    """
    return X3D(X3DSpec.of_depth_factor(2.2))


def x3d_l(shift_div: int | None = None) -> X3D:
    """Build X3D-L (depth factor 5.0), meant for 16 frames of 312 px."""
    return X3D(X3DSpec.of_depth_factor(5.0))
