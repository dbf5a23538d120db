"""Rewrites of single layers: 3-D to 2-D with frames as the batch dimension, batch norm folded away.

Every rule is exact up to float rounding. Inputs and outputs are ``(T, C, H, W)`` with T fixed; nothing has more than
four dimensions, and nothing depends on a value at run time.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn

Norm: TypeAlias = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def norm_scale_and_bias(norm: Norm) -> tuple[Tensor, Tensor]:
    """Per-channel factor and offset that an evaluated batch norm applies."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def fold_norm(weight: Tensor, bias: Tensor | None, norm: Norm | None) -> tuple[Tensor, Tensor | None]:
    """Fold an evaluated batch norm into the weight (first axis: output channels) and bias before it."""
    if norm is None:
        return weight, bias
    scale, offset = norm_scale_and_bias(norm)
    folded = weight * scale.reshape(-1, *[1] * (weight.dim() - 1))
    return folded, offset if bias is None else bias * scale + offset


def conv2d(weight: Tensor, bias: Tensor | None, stride: int, padding: int, groups: int) -> nn.Conv2d:
    """A square 2-D convolution that owns copies of the given values."""
    layer = nn.Conv2d(
        weight.shape[1] * groups,
        weight.shape[0],
        weight.shape[-1],
        stride,
        padding,
        groups=groups,
        bias=bias is not None,
    )
    layer.weight.data.copy_(weight.detach())
    if layer.bias is not None and bias is not None:
        layer.bias.data.copy_(bias.detach())
    return layer


def linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A linear layer that owns copies of the given values."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data.copy_(weight.detach())
    if layer.bias is not None and bias is not None:
        layer.bias.data.copy_(bias.detach())
    return layer


def framewise_conv(conv: nn.Conv3d, norm: nn.BatchNorm3d | None = None) -> nn.Conv2d:
    """``1 x k x k`` convolution -> the same 2-D convolution on every frame."""
    weight, bias = fold_norm(conv.weight, conv.bias, norm)
    return conv2d(weight[:, :, 0], bias, conv.stride[-1], int(conv.padding[-1]), conv.groups)


class TemporalTaps(nn.Module):
    """Depth-wise ``kt x k x k`` convolution as kt depth-wise 2-D convolutions whose results are shifted and added.

    A tap runs only on the frames whose result is kept; the frames it leaves open are zeros from a constant buffer.
    The bias stands in the centre tap.
    """

    def __init__(self, conv: nn.Conv3d, norm: nn.BatchNorm3d | None, frames: int, out_side_px: int) -> None:
        super().__init__()
        weight, bias = fold_norm(conv.weight, conv.bias, norm)
        self.frames = frames
        self.centre = weight.shape[2] // 2
        self.offsets = [o for o in range(-self.centre, self.centre + 1) if abs(o) < frames]
        stride, padding = conv.stride[-1], int(conv.padding[-1])
        self.taps = nn.ModuleList(
            conv2d(weight[:, :, self.centre + o], bias if o == 0 else None, stride, padding, conv.groups)
            for o in self.offsets
        )
        for gap in range(1, max(self.offsets) + 1):
            silence = torch.zeros(gap, weight.shape[0], out_side_px, out_side_px)
            self.register_buffer(f"silence_{gap}", silence, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(T, C, H, W)`` over time and space."""
        total = self.taps[self.offsets.index(0)](x)
        for offset, tap in zip(self.offsets, self.taps, strict=True):
            if offset == 0:
                continue
            silence = self.get_buffer(f"silence_{abs(offset)}")
            parts = (silence, tap(x[:offset])) if offset < 0 else (tap(x[offset:]), silence)
            total = total + torch.cat(parts, dim=0)
        return total


class NeighbourConv(nn.Module):
    """Dense ``3 x k x k`` convolution as one 2-D convolution on the channels of the frames t-1, t and t+1."""

    def __init__(self, conv: nn.Conv3d, norm: nn.BatchNorm3d | None, in_side_px: int) -> None:
        super().__init__()
        weight, bias = fold_norm(conv.weight, conv.bias, norm)
        stacked = weight.transpose(1, 2).flatten(1, 2)
        self.conv = conv2d(stacked, bias, conv.stride[-1], int(conv.padding[-1]), conv.groups)
        self.register_buffer("silence", torch.zeros(1, weight.shape[1], in_side_px, in_side_px), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(T, C, H, W)`` over time and space."""
        before = torch.cat((self.silence, x[:-1]), dim=0)
        after = torch.cat((x[1:], self.silence), dim=0)
        return self.conv(torch.cat((before, x, after), dim=1))


class NeighbourLinear(nn.Module):
    """Convolution of kernel 3 over time on vectors ``(T, C)`` as one linear layer on t-1, t and t+1."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> None:
        super().__init__()
        weight, bias = fold_norm(conv.weight, conv.bias, norm)
        self.linear = linear(weight[..., 0].transpose(1, 2).flatten(1), bias)
        self.register_buffer("silence", torch.zeros(1, weight.shape[1]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(T, C)`` to ``(T, C')``."""
        before = torch.cat((self.silence, x[:-1]), dim=0)
        after = torch.cat((x[1:], self.silence), dim=0)
        return self.linear(torch.cat((before, x, after), dim=1))


class FullExtentLinear(nn.Module):
    """Convolution whose kernel covers all of ``(T, C, H, W)`` as one linear layer on the flattened tensor."""

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        self.linear = linear(conv.weight.transpose(1, 2).flatten(1), conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(T, C, H, W)`` to ``(1, C')``."""
        return self.linear(x.reshape(1, -1))


def frame_mean(x: Tensor) -> Tensor:
    """Mean over space: ``(T, C, H, W)`` to ``(T, C, 1, 1)``."""
    return x.mean((2, 3), keepdim=True)


def time_mean(x: Tensor) -> Tensor:
    """Mean over time: ``(T, C, 1, 1)`` to ``(1, C, 1, 1)``.

    A mean over the batch axis splits the XNNPACK delegate, so the frames are laid along the height first.
    """
    return x.permute(2, 1, 0, 3).mean((2, 3), keepdim=True)


def clip_mean(x: Tensor) -> Tensor:
    """Mean over time and space: ``(T, C, H, W)`` to ``(1, C, 1, 1)``."""
    return time_mean(frame_mean(x))
