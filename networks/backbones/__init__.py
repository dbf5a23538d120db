"""Backbones, one table: name -> builder. A backbone maps ``(B, T, 3, H, W)`` to ``(B, T, C, H/stride, W/stride)``."""

from __future__ import annotations

from collections.abc import Callable

from networks.backbones.base import Backbone
from networks.backbones.x3d import x3d_xs

BACKBONES: dict[str, Callable[[], Backbone]] = {
    "x3d_xs": x3d_xs,
}


def build_backbone(name: str) -> Backbone:
    """Build a backbone with fresh weights.

    Raises:
        ValueError: the name is not in the table.
    """
    if name not in BACKBONES:
        raise ValueError(f"there is no backbone {name!r}; expected one of {', '.join(sorted(BACKBONES))}.")
    return BACKBONES[name]()


__all__ = ["BACKBONES", "Backbone", "build_backbone"]
