"""Lowered encoders, one table: type of the float backbone -> its static 2-D form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from adafocus.networks.backbones.inverted_residual import InvertedResidualNet
from adafocus.networks.backbones.resnet import ResNet
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.lowering.images import LoweredInvertedResidualNet, LoweredResNet
from adafocus.networks.lowering.x3d import LoweredX3D

LOWERED: dict[type[nn.Module], Callable[[Any, int, int], nn.Module]] = {
    X3D: LoweredX3D,
    InvertedResidualNet: LoweredInvertedResidualNet,
    ResNet: LoweredResNet,
}


def lower_encoder(encoder: nn.Module, frames: int, side_px: int) -> Any:
    """Rewrite an encoder for ``frames`` square frames of ``side_px``.

    Returns:
        a module that maps ``(T, 3, S, S)`` to ``(T, C, h, w)``, with the attributes ``channels`` and ``map_size``.

    Raises:
        TypeError: there is no lowering for this type.
    """
    if type(encoder) not in LOWERED:
        raise TypeError(f"{type(encoder).__name__} has no lowering; expected one of {[t.__name__ for t in LOWERED]}.")
    return LOWERED[type(encoder)](encoder, frames, side_px)
