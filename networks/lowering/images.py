"""Per-frame encoders (MobileNetV2, EfficientNet-Lite0, ResNet-50), with or without shift, as static 2-D graphs."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.backbones.inverted_residual import InvertedResidual, InvertedResidualNet
from adafocus.networks.backbones.resnet import Bottleneck, ResNet
from adafocus.networks.lowering.rules import PaddedMaxPool, folded_conv, lower_shift, normed_conv


class LoweredInvertedResidual(nn.Module):
    """One inverted residual with its batch norms folded."""

    def __init__(self, block: InvertedResidual, side_px: int) -> None:
        super().__init__()
        self.keeps_shape, self.side_px = block.keeps_shape, side_px
        inputs = (block.expand or block.depthwise).conv.in_channels
        self.shift = lower_shift(block.shift, inputs, side_px)
        self.expand = folded_conv(block.expand) if block.expand is not None else None
        self.depthwise = folded_conv(block.depthwise)
        self.project = folded_conv(block.project)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(T, C, H, W)`` to ``(T, C', H/stride, W/stride)``."""
        return self.after_shift(x, self.shift(x))

    def after_shift(self, x: Tensor, y: Tensor) -> Tensor:
        """Compute the same from its input and that input shifted."""
        if self.expand is not None:
            y = F.relu6(self.expand(y))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.keeps_shape else y


class LoweredInvertedResidualNet(nn.Module):
    """The whole encoder for a fixed square size."""

    def __init__(self, net: InvertedResidualNet, frames: int, side_px: int) -> None:
        super().__init__()
        self.stem = folded_conv(net.stem)
        side = -(-side_px // net.stem.conv.stride[0])
        blocks = []
        for block in net.blocks:
            blocks.append(LoweredInvertedResidual(block, side))
            side = -(-side // block.depthwise.conv.stride[0])
        self.blocks = nn.Sequential(*blocks)
        self.head = folded_conv(net.head)
        self.map_size, self.channels = side, net.channels

    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(T, 3, S, S)`` into ``(T, C, h, w)``."""
        return self.last(self.blocks(self.first(frames)))

    def first(self, frames: Tensor) -> Tensor:
        """Compute what the first block takes."""
        return F.relu6(self.stem(frames))

    def last(self, x: Tensor) -> Tensor:
        """Compute the features from what the last block gives."""
        return F.relu6(self.head(x))


class LoweredBottleneck(nn.Module):
    """One bottleneck with its batch norms folded."""

    def __init__(self, block: Bottleneck, side_px: int) -> None:
        super().__init__()
        self.shift = lower_shift(block.shift, block.conv1.in_channels, side_px)
        self.conv1 = normed_conv(block.conv1, block.bn1)
        self.conv2 = normed_conv(block.conv2, block.bn2)
        self.conv3 = normed_conv(block.conv3, block.bn3)
        self.downsample = normed_conv(*block.downsample) if block.downsample is not None else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(T, C, H, W)`` to ``(T, C', H/stride, W/stride)``."""
        y = self.conv3(F.relu(self.conv2(F.relu(self.conv1(self.shift(x))))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class LoweredResNet(nn.Module):
    """The whole encoder for a fixed square size."""

    def __init__(self, net: ResNet, frames: int, side_px: int) -> None:
        super().__init__()
        self.conv1 = normed_conv(net.conv1, net.bn1)
        side = -(-side_px // net.conv1.stride[0])
        self.pool = PaddedMaxPool(net.pool, side)
        side = -(-side // int(net.pool.stride))
        blocks = []
        for block in (block for stage in net.stages() for block in stage):
            blocks.append(LoweredBottleneck(block, side))
            side = -(-side // block.conv2.stride[0])
        self.blocks = nn.Sequential(*blocks)
        self.map_size, self.channels = side, net.channels

    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(T, 3, S, S)`` into ``(T, C, h, w)``."""
        return self.blocks(self.pool(F.relu(self.conv1(frames))))
