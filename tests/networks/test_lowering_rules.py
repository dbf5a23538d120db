"""Every rewrite rule against the layer it replaces."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from networks.lowering import rules

FRAMES, SIDE = 4, 8


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def lively(norm: nn.Module) -> nn.Module:
    """A batch norm that does something."""
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(norm.bias)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2.0)
    return norm.eval()


def as_clip(x: Tensor) -> Tensor:
    """``(T, C, H, W)`` as ``(1, C, T, H, W)``."""
    return x.transpose(0, 1)[None]


def as_frames(x: Tensor) -> Tensor:
    return x[0].transpose(0, 1)


def assert_same(given: Tensor, wanted: Tensor) -> None:
    assert given.shape == wanted.shape
    assert (given - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3])
def test_framewise_conv_equals_a_3d_convolution_of_temporal_size_one(stride: int, kernel: int) -> None:
    conv = nn.Conv3d(5, 6, (1, kernel, kernel), (1, stride, stride), (0, kernel // 2, kernel // 2), bias=False)
    norm = lively(nn.BatchNorm3d(6))
    x = torch.randn(FRAMES, 5, SIDE, SIDE)
    assert_same(rules.framewise_conv(conv, norm)(x), as_frames(norm(conv(as_clip(x)))))


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(("kernel", "stride"), [((3, 3, 3), 1), ((3, 3, 3), 2), ((5, 1, 1), 1)])
def test_temporal_taps_equal_a_depthwise_3d_convolution(frames: int, kernel: tuple[int, int, int], stride: int) -> None:
    padding = tuple(size // 2 for size in kernel)
    conv = nn.Conv3d(6, 6, kernel, (1, stride, stride), padding, groups=6, bias=False)
    norm = lively(nn.BatchNorm3d(6))
    x = torch.randn(frames, 6, SIDE, SIDE)
    lowered = rules.TemporalTaps(conv, norm, frames, SIDE // stride)
    assert_same(lowered(x), as_frames(norm(conv(as_clip(x)))))


def test_neighbour_conv_equals_a_dense_3d_convolution() -> None:
    conv = nn.Conv3d(5, 7, 3, padding=1, bias=False)
    norm = lively(nn.BatchNorm3d(7))
    x = torch.randn(FRAMES, 5, SIDE, SIDE)
    assert_same(rules.NeighbourConv(conv, norm, SIDE)(x), as_frames(norm(conv(as_clip(x)))))


def test_neighbour_linear_equals_a_convolution_over_time() -> None:
    conv = nn.Conv2d(5, 7, (3, 1), padding=(1, 0), bias=False)
    norm = lively(nn.BatchNorm2d(7))
    x = torch.randn(FRAMES, 5)
    wanted = norm(conv(x.T[None, :, :, None]))[0, :, :, 0].T
    assert_same(rules.NeighbourLinear(conv, norm)(x), wanted)


def test_full_extent_linear_equals_a_convolution_over_everything() -> None:
    conv = nn.Conv3d(5, 4, (FRAMES, SIDE, SIDE), bias=False)
    x = torch.randn(FRAMES, 5, SIDE, SIDE)
    assert_same(rules.FullExtentLinear(conv)(x), conv(as_clip(x)).flatten(1))


def test_means_equal_means() -> None:
    x = torch.randn(FRAMES, 5, SIDE, SIDE)
    assert_same(rules.frame_mean(x), x.mean((2, 3), keepdim=True))
    assert_same(rules.clip_mean(x), x.mean((0, 2, 3), keepdim=True))


def test_folding_scales_an_existing_bias_too() -> None:
    conv = nn.Conv2d(3, 4, 1)
    norm = lively(nn.BatchNorm2d(4))
    weight, bias = rules.fold_norm(conv.weight, conv.bias, norm)
    x = torch.randn(2, 3, SIDE, SIDE)
    assert_same(nn.functional.conv2d(x, weight, bias), norm(conv(x)))
