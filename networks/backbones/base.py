"""What every backbone offers."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class Backbone(nn.Module):
    """A video encoder without a classifier.

    Attributes:
        channels: C of the feature map.
        stride: input pixels per cell of the feature map.
    """

    channels: int
    stride: int

    @abstractmethod
    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(B, T, 3, H, W)`` float32 into ``(B, T, C, ceil(H/stride), ceil(W/stride))``."""

    def map_size(self, side_px: int) -> int:
        """Side of the feature map for a square input of ``side_px``, in cells."""
        return -(-side_px // self.stride)
