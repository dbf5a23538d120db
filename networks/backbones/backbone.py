"""What every backbone offers, and the pieces that several share."""

from __future__ import annotations

from abc import abstractmethod
from itertools import accumulate, repeat

from torch import Tensor, nn


class Backbone(nn.Module):
    """A video encoder without a classifier.

    Attributes:
        channels: C of the feature map.
        stride: input pixels per cell of the feature map.
        per_frame: whether every frame is encoded by itself, so that frames may come in any grouping.
        keeps_time: whether T stays T; what does not is a teacher only, as a policy looks at every frame's features.
    """

    channels: int
    stride: int
    per_frame: bool
    keeps_time: bool = True

    @abstractmethod
    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(B, T, 3, H, W)`` float32 into ``(B, T, C, h, w)``."""

    def map_size(self, side_px: int) -> int:
        """Return the side in cells of the map of a ``side_px`` input: halved, rounding up, at each stride."""
        halvings = self.stride.bit_length() - 1
        return [*accumulate(repeat(side_px, halvings + 1), lambda side, _: -(-side // 2))][-1]


class ConvNorm(nn.Module):
    """A bias-free 2-D convolution with "same" padding for odd kernels, and its batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and normalize ``(n, C, H, W)``."""
        return self.bn(self.conv(x))
