"""ResNet-50 (He et al. 2015, arXiv 1512.03385; stride on the 3x3 convolution), with or without temporal shift."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.backbones.backbone import Backbone
from adafocus.networks.backbones.shift import set_frames, shift_or_pass

STEM_CHANNELS = 64
STAGE_WIDTHS = (64, 128, 256, 512)
EXPANSION = 4
STRIDE_PX = 32
RESNET50_BLOCKS = (3, 4, 6, 3)


class Bottleneck(nn.Module):
    """[shift,] 1x1, 3x3, 1x1, plus the input or its projection, ReLU; the shortcut is not shifted."""

    def __init__(self, inputs: int, width: int, stride: int, shift_div: int | None) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.shift = shift_or_pass(inputs, shift_div)
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, C, H, W)`` to ``(n, C', H/stride, W/stride)``."""
        y = F.relu(self.bn1(self.conv1(self.shift(x))))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(Backbone):
    """Stem with max pooling, four stages of bottlenecks."""

    def __init__(self, blocks: tuple[int, ...], shift_div: int | None) -> None:
        super().__init__()
        self.channels, self.stride, self.per_frame = STAGE_WIDTHS[-1] * EXPANSION, STRIDE_PX, shift_div is None
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.pool = nn.MaxPool2d(3, 2, 1)
        stages = []
        inputs = STEM_CHANNELS
        for stage, (width, count) in enumerate(zip(STAGE_WIDTHS, blocks, strict=True)):
            parts = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                parts.append(Bottleneck(inputs, width, stride, shift_div))
                inputs = width * EXPANSION
            stages.append(nn.Sequential(*parts))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def stages(self) -> tuple[nn.Sequential, ...]:
        """Return the four stages in order."""
        return self.layer1, self.layer2, self.layer3, self.layer4

    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(B, T, 3, H, W)`` into ``(B, T, 2048, h, w)``."""
        set_frames(self, frames.shape[1])
        x = self.pool(F.relu(self.bn1(self.conv1(frames.flatten(0, 1)))))
        for stage in self.stages():
            x = stage(x)
        return x.unflatten(0, frames.shape[:2])


def resnet50(shift_div: int | None = None) -> ResNet:
    """Build ResNet-50: 1.3346 GMAC for a patch of 128 px."""
    return ResNet(RESNET50_BLOCKS, shift_div)
