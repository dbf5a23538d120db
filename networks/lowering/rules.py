"""Rewrites of single layers: 3-D to 2-D with frames as the batch dimension, batch norm folded away.

Every rule is exact up to float rounding. Inputs and outputs are ``(T, C, H, W)`` with T fixed; nothing has more than
four dimensions, and nothing depends on a value at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.backbones.backbone import ConvNorm
from adafocus.networks.backbones.shift import TemporalShift
from adafocus.networks.heads import NormedLinear
from adafocus.networks.policy import box_track

# measured on MobileNetV2 (24 to 160 channels) and ResNet-50 (256 to 2048)
WIDE_CHANNELS = 256

Norm: TypeAlias = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def norm_scale_and_bias(norm: Norm) -> tuple[Tensor, Tensor]:
    """Return the per-channel factor and offset that an evaluated batch norm applies."""
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
    """Build a square 2-D convolution that owns copies of the given values."""
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
    """Build a linear layer that owns copies of the given values."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data.copy_(weight.detach())
    if layer.bias is not None and bias is not None:
        layer.bias.data.copy_(bias.detach())
    return layer


def framewise_conv(conv: nn.Conv3d, norm: nn.BatchNorm3d | None = None) -> nn.Conv2d:
    """Turn a ``1 x k x k`` convolution into the same 2-D convolution on every frame."""
    weight, bias = fold_norm(conv.weight, conv.bias, norm)
    return conv2d(weight[:, :, 0], bias, conv.stride[-1], int(conv.padding[-1]), conv.groups)


def folded_conv(layer: ConvNorm) -> nn.Conv2d:
    """Build a 2-D convolution with its batch norm folded in."""
    return normed_conv(layer.conv, layer.bn)


def normed_conv(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Build the same from a convolution and a batch norm that stand apart."""
    weight, bias = fold_norm(conv.weight, conv.bias, norm)
    return conv2d(weight, bias, conv.stride[0], int(conv.padding[0]), conv.groups)


class ChannelShift(nn.Module):
    """Temporal shift on ``(T, C, H, W)`` by slices and zeros from a constant buffer; best for wide tensors.

    The few channels that move are taken out first, so that no slice copies more than it must.
    """

    def __init__(self, fold: int, side_px: int) -> None:
        super().__init__()
        self.fold = fold
        self.register_buffer("silence", torch.zeros(1, fold, side_px, side_px), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Shift the first channels from t+1, the next from t-1."""
        fold = self.fold
        if x.shape[0] == 1:
            return torch.cat((self.silence, self.silence, x[:, 2 * fold :]), dim=1)
        ahead = torch.cat((x[:, :fold][1:], self.silence), dim=0)
        back = torch.cat((self.silence, x[:, fold : 2 * fold][:-1]), dim=0)
        return torch.cat((ahead, back, x[:, 2 * fold :]), dim=1)


class ChannelShiftByConvolution(nn.Module):
    """The same as one depth-wise convolution over time whose taps are ones and zeros; best for narrow tensors.

    The frames are laid out as an image of T rows and H x W columns. Where channels stand last, as in XNNPACK, that
    moves no data, and one operation takes the place of five slices and three concatenations. A shift that looks back
    alone has this form always.
    """

    def __init__(self, fold: int, channels: int, past_only: bool = False) -> None:
        super().__init__()
        self.fold = fold
        ahead = 0 if past_only else fold
        taps = torch.zeros(channels, 1, 3, 1)
        taps[:ahead, 0, 2] = 1.0
        taps[ahead : ahead + fold, 0, 0] = 1.0
        taps[ahead + fold :, 0, 1] = 1.0
        self.moves = nn.Parameter(taps, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Shift the first channels from t+1, the next from t-1; or the first from t-1."""
        frames, channels, height, width = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(1, frames, height * width, channels).permute(0, 3, 1, 2)
        moved = F.conv2d(rows, self.moves, padding=(1, 0), groups=channels).permute(0, 2, 3, 1)
        return moved.reshape(frames, height, width, channels).permute(0, 3, 1, 2)


def lower_shift(shift: nn.Module, channels: int, side_px: int) -> nn.Module:
    """Return a temporal shift in the form that is faster for so many channels; where nothing moves, an identity."""
    if not isinstance(shift, TemporalShift) or shift.fold == 0:
        return nn.Identity()
    if channels < WIDE_CHANNELS or shift.past_only:
        return ChannelShiftByConvolution(shift.fold, channels, shift.past_only)
    return ChannelShift(shift.fold, side_px)


class PaddedMaxPool(nn.Module):
    """A max pooling of what is never negative, padded with zeros beforehand.

    The padding of a pooling is minus infinity, which splits the delegate; below a ReLU zeros do the same.
    """

    def __init__(self, pool: nn.MaxPool2d, side_px: int) -> None:
        super().__init__()
        kernel, stride, padding = int(pool.kernel_size), int(pool.stride), int(pool.padding)
        out = (side_px + 2 * padding - kernel) // stride + 1
        after = (out - 1) * stride + kernel - padding - side_px
        self.margin = (padding, after, padding, after)
        self.pool = nn.MaxPool2d(kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(T, C, H, W)``, at least 0, to ``(T, C, H', W')``."""
        return self.pool(F.pad(x, self.margin))


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


class WinogradConv(nn.Module):
    """The same as a :class:`NeighbourConv` with a third fewer multiplications, for an even number of frames.

    Two neighbouring frames take four 2-D convolutions on sums and differences of frames, not six on frames: Winograd's
    F(2, 3) over time (Lavin and Gray 2016, arXiv 1509.09308). It rounds no worse, and costs a third more weights.
    """

    def __init__(self, plain: NeighbourConv) -> None:
        super().__init__()
        conv = plain.conv
        before, here, after = conv.weight.detach().double().chunk(3, dim=1)
        kernels = (before, (before + here + after) / 2, (before - here + after) / 2, after)
        # the second kernel alone counts once in either frame of a pair
        self.convs = nn.ModuleList(
            conv2d(kernel, conv.bias if index == 1 else None, conv.stride[0], int(conv.padding[0]), conv.groups)
            for index, kernel in enumerate(kernels)
        )
        self.register_buffer("silence", plain.get_buffer("silence"), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(T, C, H, W)`` over time and space."""
        even, odd = _pairs(x)
        before = torch.cat((self.silence, odd[:-1]), dim=0)
        after = torch.cat((even[1:], self.silence), dim=0)
        parts = (before - odd, even + odd, odd - even, even - after)
        first, both, difference, last = (conv(part) for conv, part in zip(self.convs, parts, strict=True))
        return _in_order(first + both + difference, both - difference - last)


def _pairs(x: Tensor) -> tuple[Tensor, Tensor]:
    """Split into frames 0, 2, ... and 1, 3, ...: a view where channels stand last, as two frames above each other."""
    frames, channels, height, width = x.shape
    pairs = x.permute(0, 2, 3, 1).reshape(frames // 2, 2 * height, width, channels).permute(0, 3, 1, 2)
    return pairs[:, :, :height], pairs[:, :, height:]


def _in_order(even: Tensor, odd: Tensor) -> Tensor:
    """Undo :func:`_pairs`."""
    pairs, channels, height, width = even.shape
    rows = torch.cat((even.permute(0, 2, 3, 1), odd.permute(0, 2, 3, 1)), dim=1)
    return rows.reshape(2 * pairs, height, width, channels).permute(0, 3, 1, 2)


def with_fewer_products(layers: nn.Sequential, frames: int) -> nn.Sequential:
    """Replace every :class:`NeighbourConv` by a :class:`WinogradConv` where the frames come in pairs."""
    if frames % 2:
        return layers
    return nn.Sequential(*(WinogradConv(layer) if isinstance(layer, NeighbourConv) else layer for layer in layers))


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


class ChosenLinear(nn.Module):
    """One of several linear layers, chosen by a one-hot vector without indexing.

    The input is laid out once per layer, multiplied by that layer's share of the choice, and all layers are one: the
    blocks that are not chosen are zeros. The biases are weights of the choice itself, in a layer of their own: int8
    numbers of different ranges are not joined into one tensor.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.count = len(layers)
        biases = torch.stack([layer.bias for layer in layers], dim=1)
        self.linear = linear(torch.cat([layer.weight for layer in layers], dim=1), None)
        self.offsets = linear(biases, None)

    def forward(self, x: Tensor, choice: Tensor) -> Tensor:
        """Map ``(1, C)`` and a one-hot ``(1, count)`` to ``(1, K)``."""
        blocks = [x * choice[:, index : index + 1] for index in range(self.count)]
        return self.linear(torch.cat(blocks, dim=1)) + self.offsets(choice)


def normed_linear(layer: NormedLinear) -> nn.Linear:
    """Build a linear layer with its batch norm folded in; the ReLU stays outside."""
    weight, bias = fold_norm(layer.lin.weight, layer.lin.bias, layer.bn)
    return linear(weight, bias)


def time_max(x: Tensor) -> Tensor:
    """Take the maximum over time, ``(T, C)`` to ``(1, C)``, by halves."""
    while x.shape[0] > 1:
        half = x.shape[0] // 2
        pairs = torch.maximum(x[:half], x[half : 2 * half])
        x = pairs if x.shape[0] % 2 == 0 else torch.cat((pairs, x[2 * half :]), dim=0)
    return x


def time_interpolation(frames: int, moments: int) -> Tensor:
    """Return the matrix ``(moments, frames)`` that spreads values linearly over more moments, half-pixel aligned."""
    return box_track(torch.eye(frames)[None], moments)[0]


def frame_mean(x: Tensor) -> Tensor:
    """Average over space: ``(T, C, H, W)`` to ``(T, C, 1, 1)``."""
    return x.mean((2, 3), keepdim=True)


def time_mean(x: Tensor) -> Tensor:
    """Average over time: ``(T, C, 1, 1)`` to ``(1, C, 1, 1)``.

    A mean over the batch axis splits the XNNPACK delegate, so the frames are laid along the height first.
    """
    return x.permute(2, 1, 0, 3).mean((2, 3), keepdim=True)


def clip_mean(x: Tensor) -> Tensor:
    """Average over time and space: ``(T, C, H, W)`` to ``(1, C, 1, 1)``."""
    return time_mean(frame_mean(x))
