"""Backbones, one table: name -> builder. A backbone maps ``(B, T, 3, H, W)`` to ``(B, T, C, h, w)``."""

from __future__ import annotations

from collections.abc import Callable

from adafocus.errors import NetworkError
from adafocus.networks.backbones.backbone import Backbone
from adafocus.networks.backbones.i3d import i3d
from adafocus.networks.backbones.inverted_residual import efficientnet_lite0, mobilenet_v2
from adafocus.networks.backbones.resnet import resnet50
from adafocus.networks.backbones.x3d import x3d_l, x3d_s

BACKBONES: dict[str, Callable[[int | None], Backbone]] = {
    "mobilenet_v2": mobilenet_v2,
    "efficientnet_lite0": efficientnet_lite0,
    "resnet50": resnet50,
    "x3d_xs": x3d_s,
    "x3d_s": x3d_s,
    "x3d_m": x3d_s,
    "x3d_l": x3d_l,
    "i3d": i3d,
}


def build_backbone(name: str, shift_div: int | None = None) -> Backbone:
    """Build a backbone with fresh weights.

    Args:
        name: a key of :data:`BACKBONES`.
        shift_div: put a temporal shift of one part in so many into each block; None: no shift. X3D has none.

    Raises:
        NetworkError: the name is not in the table.
    """
    if name not in BACKBONES:
        raise NetworkError(f"There is no backbone {name!r}; expected one of {', '.join(sorted(BACKBONES))}.")
    return BACKBONES[name](shift_div)


__all__ = ["BACKBONES", "Backbone", "build_backbone"]
