"""Depth-wise 3x3x3 convolution whose gradients are quick on small maps."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# cells of a map up to which matrices are quicker than the convolution's own gradients on a CPU
MAX_CELLS = 25
TAPS = 3


class DepthwiseConv3d(nn.Conv3d):
    """A 3x3x3 convolution of every channel by itself, "same" padding, stride in space.

    PyTorch's gradients of depth-wise 3-D convolutions are slow on CPUs. In training, small maps are multiplied by
    matrices that hold the kernel at every position instead: the same sums in another order, a batched product over
    channels.
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__(channels, channels, TAPS, (1, stride, stride), 1, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(B, C, T, H, W)``."""
        cells, stride = x.shape[3] * x.shape[4], self.stride[1]
        if stride > 1 or cells > MAX_CELLS or not (torch.is_grad_enabled() and self.weight.requires_grad):
            return super().forward(x)
        return by_matrices(x, self.weight)


def by_matrices(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve ``(B, C, T, H, W)`` with ``(C, 1, 3, 3, 3)``, stride 1: a matrix in space, shifts in time."""
    batch, channels, frames, height, width = x.shape
    cells = height * width
    places = tap_places(height, width).to(weight)
    matrices = (weight.reshape(channels * TAPS, TAPS * TAPS) @ places.flatten(1)).reshape(channels, TAPS, cells, cells)
    rows = x.transpose(0, 1).reshape(channels, batch * frames, cells)
    taps = torch.bmm(rows, matrices.permute(0, 2, 1, 3).reshape(channels, cells, TAPS * cells))
    before, here, after = taps.reshape(channels, batch, frames, TAPS, cells).unbind(3)
    total = here + F.pad(before[:, :, :-1], (0, 0, 1, 0)) + F.pad(after[:, :, 1:], (0, 0, 0, 1))
    return total.transpose(0, 1).reshape(x.shape)


@lru_cache
def tap_places(height: int, width: int) -> Tensor:
    """Return ``(9, cells, cells)``: 1 where a tap of a 3x3 kernel carries an input cell into an output cell."""
    identity = torch.eye(height * width).reshape(height * width, 1, height, width)
    taps = torch.eye(TAPS * TAPS).reshape(TAPS * TAPS, 1, TAPS, TAPS)
    return F.conv2d(identity, taps, padding=1).transpose(0, 1).flatten(2)
