"""Every rewrite rule against the layer it replaces."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from adafocus.networks.backbones import build_backbone
from adafocus.networks.backbones.backbone import ConvNorm
from adafocus.networks.backbones.shift import TemporalShift, look_back_only
from adafocus.networks.cost import count_macs
from adafocus.networks.heads import NormedLinear
from adafocus.networks.lowering import rules
from adafocus.networks.lowering.encoders import lower_encoder
from adafocus.networks.policy import box_track

FRAMES, SIDE = 4, 8


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def lively(norm: nn.Module) -> nn.Module:
    """Return a batch norm that does something."""
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


@pytest.mark.parametrize("frames", [2, 4, 16])
@pytest.mark.parametrize("stride", [1, 2])
def test_winograd_conv_equals_a_dense_3d_convolution(frames: int, stride: int) -> None:
    conv = nn.Conv3d(5, 7, 3, (1, stride, stride), padding=1, bias=False)
    norm = lively(nn.BatchNorm3d(7))
    x = torch.randn(frames, 5, SIDE, SIDE)
    plain = rules.NeighbourConv(conv, norm, SIDE)
    fewer = rules.with_fewer_products(nn.Sequential(plain, nn.ReLU()), frames)
    assert isinstance(fewer[0], rules.WinogradConv)
    assert_same(fewer(x), as_frames(norm(conv(as_clip(x)))).relu())
    products = [count_macs(layers, lambda layers=layers: layers(x)) for layers in (plain, fewer)]  # type: ignore[misc]
    assert products[1] * 3 == products[0] * 2


def test_a_winograd_conv_wants_pairs_of_frames() -> None:
    conv = nn.Conv3d(5, 7, 3, padding=1, bias=False)
    layers = nn.Sequential(rules.NeighbourConv(conv, None, SIDE))
    assert rules.with_fewer_products(layers, 5) is layers


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


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("divisor", [2, 8, 40])
def test_channel_shift_equals_the_temporal_shift(frames: int, divisor: int) -> None:
    shift = TemporalShift(16, divisor)
    shift.frames = frames
    x = torch.randn(frames, 16, SIDE, SIDE)
    wanted = shift(x)
    if shift.fold == 0:
        assert isinstance(rules.lower_shift(shift, 16, SIDE), nn.Identity)
        return
    assert torch.equal(rules.ChannelShift(shift.fold, SIDE)(x), wanted)
    assert torch.equal(rules.ChannelShiftByConvolution(shift.fold, 16)(x), wanted)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_shift_that_looks_back_takes_the_first_channels_from_the_frame_before(frames: int) -> None:
    shift = TemporalShift(16, 8)
    shift.frames = frames
    look_back_only(shift)
    clips = torch.randn(2, frames, 16, SIDE, SIDE)
    wanted = clips.clone()
    for clip in wanted:
        for frame in reversed(range(frames)):
            clip[frame, :2] = clip[frame - 1, :2] if frame else 0.0
    assert torch.equal(shift(clips.flatten(0, 1)), wanted.flatten(0, 1))
    for channels in (16, 256):
        lowered = rules.lower_shift(shift, channels, SIDE)
        assert isinstance(lowered, rules.ChannelShiftByConvolution)
    assert torch.equal(rules.lower_shift(shift, 16, SIDE)(clips[0]), wanted[0])


def test_wide_and_narrow_shifts_take_their_own_form() -> None:
    assert isinstance(rules.lower_shift(TemporalShift(24, 8), 24, SIDE), rules.ChannelShiftByConvolution)
    assert isinstance(rules.lower_shift(TemporalShift(256, 8), 256, SIDE), rules.ChannelShift)
    assert isinstance(rules.lower_shift(nn.Identity(), 24, SIDE), nn.Identity)


@pytest.mark.parametrize("side", [8, 11, 48])
def test_a_pooling_padded_with_zeros_equals_its_own_padding_above_a_relu(side: int) -> None:
    pool = nn.MaxPool2d(3, 2, 1)
    x = torch.randn(FRAMES, 5, side, side).relu()
    assert torch.equal(rules.PaddedMaxPool(pool, side)(x), pool(x))


def test_folded_conv_equals_convolution_and_norm() -> None:
    layer = ConvNorm(4, 8, 3, 2, groups=4)
    lively(layer.bn)
    x = torch.randn(FRAMES, 4, SIDE, SIDE)
    layer.eval()
    assert_same(rules.folded_conv(layer)(x), layer(x))


def test_normed_linear_equals_linear_and_norm() -> None:
    layer = NormedLinear(5, 7)
    lively(layer.bn)
    layer.eval()
    x = torch.randn(FRAMES, 5)
    assert_same(nn.functional.relu(rules.normed_linear(layer)(x)), layer(x))


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 16])
def test_time_max_equals_the_maximum(frames: int) -> None:
    x = torch.randn(frames, 6)
    assert torch.equal(rules.time_max(x), x.amax(0, keepdim=True))


def test_the_chosen_linear_layer_answers_alone() -> None:
    layers = [nn.Linear(5, 3) for _ in range(4)]
    chosen = rules.ChosenLinear(layers)
    x = torch.randn(1, 5)
    for index, layer in enumerate(layers):
        assert_same(chosen(x, torch.eye(4)[index : index + 1]), layer(x))


@pytest.mark.parametrize(("frames", "moments"), [(16, 48), (4, 7), (1, 3)])
def test_time_interpolation_equals_the_box_track(frames: int, moments: int) -> None:
    raw = torch.rand(1, frames, 4)
    assert_same(rules.time_interpolation(frames, moments) @ raw[0], box_track(raw, moments)[0])


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_lite0", "resnet50", "x3d_xs"])
@pytest.mark.parametrize("shift_div", [None, 8])
def test_every_lowered_encoder_equals_its_backbone(name: str, shift_div: int | None) -> None:
    encoder = build_backbone(name, shift_div)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            lively(module)
    encoder.eval()
    frames = torch.randn(3, 3, 45, 45)
    lowered = lower_encoder(encoder, 3, 45)
    with torch.no_grad():
        wanted = encoder(frames[None])[0]
        given = lowered(frames)
    assert given.shape == wanted.shape == (3, lowered.channels, lowered.map_size, lowered.map_size)
    assert encoder.map_size(45) == lowered.map_size
    assert (given - wanted).abs().max() <= 1e-4 * wanted.abs().max()
