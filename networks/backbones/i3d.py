"""I3D, the RGB stream (Carreira and Zisserman 2017, arXiv 1705.07750): Inception-v1 with filters inflated in time.

Its published Kinetics weights make it a teacher. Its convolutions and pools pad as TensorFlow's SAME does. It has no
batch norms here: published ones have no scale, and are folded into the convolutions before them.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.backbones.backbone import Backbone

Triple = tuple[int, int, int]
# block -> channels of its four branches: 1x1x1; the two layers of the 3x3x3; those of the second one; after the pool
BLOCKS: dict[str, tuple[int, int, int, int, int, int]] = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}
# block -> kernel of the pool before it, with a stride of 2 in time and space
POOLS = {"4b": 3, "5b": 2}
STEM_CHANNELS, SECOND_CHANNELS = 64, 192


def same_padding(shape: Iterable[int], kernel: Triple, stride: Triple) -> list[int]:
    """Return what TensorFlow's SAME adds before and after each axis, in the order of ``torch.nn.functional.pad``.

    Args:
        shape: T, H, W of the input.
        kernel: its extent in time, height and width.
        stride: likewise.
    """
    padding: list[int] = []
    for extent, size, step in zip(shape, kernel, stride, strict=True):
        total = max(size - step if extent % step == 0 else size - extent % step, 0)
        padding = [total // 2, total - total // 2, *padding]
    return padding


class SameConv(nn.Conv3d):
    """A convolution of ``(B, C, T, H, W)`` that pads like SAME, and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, C', ceil(T / stride), ...)``."""
        return F.relu(super().forward(F.pad(x, same_padding(x.shape[2:], self.kernel_size, self.stride))))


def same_pool(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Return the maximum over each kernel of ``(B, C, T, H, W)``; what SAME adds at the edges never is the maximum."""
    padded = F.pad(x, same_padding(x.shape[2:], kernel, stride), value=-torch.inf)
    return F.max_pool3d(padded, kernel, stride)


class Inception(nn.Module):
    """Four branches side by side; their channels are joined."""

    def __init__(self, inputs: int, channels: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        plain, narrow_a, wide_a, narrow_b, wide_b, pooled = channels
        self.b0 = SameConv(inputs, plain)
        self.b1a, self.b1b = SameConv(inputs, narrow_a), SameConv(narrow_a, wide_a, 3)
        self.b2a, self.b2b = SameConv(inputs, narrow_b), SameConv(narrow_b, wide_b, 3)
        self.b3 = SameConv(inputs, pooled)
        self.channels = plain + wide_a + wide_b + pooled

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T, H, W)`` to ``(B, C', T, H, W)``."""
        pooled = same_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat((self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3(pooled)), 1)


class I3D(Backbone):
    """I3D up to its last block. Time is halved three times, so it is no encoder of a glance or a focus."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_1a = SameConv(3, STEM_CHANNELS, 7, 2)
        self.conv_2b = SameConv(STEM_CHANNELS, STEM_CHANNELS)
        self.conv_2c = SameConv(STEM_CHANNELS, SECOND_CHANNELS, 3)
        self.mixed = nn.ModuleDict()
        channels = SECOND_CHANNELS
        for name, branches in BLOCKS.items():
            block = Inception(channels, branches)
            self.mixed[name] = block
            channels = block.channels
        self.channels = channels
        self.stride = 32
        self.per_frame = False
        self.keeps_time = False

    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(B, T, 3, H, W)``, pixels / 127.5 - 1, into ``(B, ceil(T / 8), C, h, w)``."""
        x = same_pool(self.conv_1a(frames.transpose(1, 2)), (1, 3, 3), (1, 2, 2))
        x = same_pool(self.conv_2c(self.conv_2b(x)), (1, 3, 3), (1, 2, 2))
        for name, block in self.mixed.items():
            if name in POOLS:
                x = same_pool(x, (POOLS[name],) * 3, (2, 2, 2))
            x = block(x)
        return x.transpose(1, 2)


def i3d(shift_div: int | None = None) -> I3D:
    """Build I3D, meant for 64 consecutive frames of 224 px at 25 frames a second.

    ``shift_div`` has no meaning here: the network mixes frames itself.
    """
    return I3D()
