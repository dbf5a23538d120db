"""The quick form of depth-wise convolutions is the convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from adafocus.networks.backbones.depthwise import DepthwiseConv3d, by_matrices


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 4, 4), (2, 5, 5), (8, 4, 3), (3, 1, 1)])
def test_values_and_gradients_are_those_of_the_convolution(frames: int, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, frames, height, width, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 1, 3, 3, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(2, 6, frames, height, width, generator=generator, dtype=torch.float64)
    wanted = F.conv3d(x, weight, padding=1, groups=6)
    given = by_matrices(x, weight)
    assert torch.allclose(given, wanted, rtol=0.0, atol=1e-12)
    for one, other in zip(
        torch.autograd.grad(given, (x, weight), upstream),
        torch.autograd.grad(wanted, (x, weight), upstream),
        strict=True,
    ):
        assert torch.allclose(one, other, rtol=0.0, atol=1e-12)


def test_inference_large_maps_and_strides_are_left_to_the_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []

    def watched(x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        called.append(1)
        return x

    monkeypatch.setattr("adafocus.networks.backbones.depthwise.by_matrices", watched)
    small, large = torch.zeros(1, 4, 2, 4, 4), torch.zeros(1, 4, 2, 8, 8)
    layer = DepthwiseConv3d(4, 1)
    layer(small)
    assert called == [1]
    layer(large)
    DepthwiseConv3d(4, 2)(small)
    with torch.no_grad():
        layer(small)
    assert called == [1]
