"""The two policies of Uni-AdaFocus (arXiv 2412.11228): where to look, and when."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BOX_VALUES = 4


class SpatialPolicy(nn.Module):
    """Raw boxes from the glance features: one per clip, or one per glance frame.

    Three convolutions over time and space, then one whose kernel covers the whole feature map of all ``extent``
    frames, or of one. Features are ``(B, T, C, h, w)``; the result is ``(B, T - extent + 1, 4)`` in (0, 1): top and
    left position, height, width, each relative to the room that is left (see :func:`decode_boxes`).
    """

    def __init__(self, channels: int, extent: int, map_size: int, hidden: int) -> None:
        super().__init__()
        self.per_frame = extent == 1
        self.encoder = nn.Sequential(
            nn.Conv3d(channels, hidden, 1, bias=False),
            nn.BatchNorm3d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv3d(hidden, hidden, 3, padding=1, bias=False),
            nn.BatchNorm3d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv3d(hidden, hidden, 3, padding=1, bias=False),
            nn.BatchNorm3d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv3d(hidden, BOX_VALUES, (extent, map_size, map_size), bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return raw boxes after the sigmoid."""
        return self.encoder(features.transpose(1, 2)).flatten(2).transpose(1, 2).sigmoid()


class TemporalPolicy(nn.Module):
    """Logits ``(B, T)`` of the glance frames' importance from their pooled features ``(B, T, C)``."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, hidden, (3, 1), padding=(1, 0), bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, (3, 1), padding=(1, 0), bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, 1, 1, bias=False),
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """Return logits before the softmax."""
        return self.encoder(pooled.transpose(1, 2).unsqueeze(-1)).flatten(1)


def decode_boxes(raw: Tensor, box_min: float, box_max: float = 1.0) -> Tensor:
    """Turn raw boxes ``(..., 4)`` into ``(y, x, height, width)`` as fractions of the frame.

    Sides lie between ``box_min`` and ``box_max``; positions fill the room that the sides leave, so a box never leaves
    the frame.
    """
    bounded = bounded_sides(raw, box_min, box_max)
    sides = bounded[..., 2:]
    return torch.cat((bounded[..., :2] * (1.0 - sides), sides), dim=-1)


def bounded_sides(raw: Tensor, box_min: float, box_max: float) -> Tensor:
    """Bound the sides of raw boxes ``(..., 4)``; the first two stay places in the room that the sides leave.

    Boxes in whole frames leave the network so, because a frame's aspect is known only where it is decoded.
    """
    return torch.cat((raw[..., :2], box_min + (box_max - box_min) * raw[..., 2:]), dim=-1)


def box_track(raw: Tensor, candidates: int) -> Tensor:
    """Spread raw boxes ``(B, T, 4)`` of the glance frames linearly over ``candidates`` moments, half-pixel aligned."""
    return F.interpolate(raw.transpose(1, 2), candidates, mode="linear", align_corners=False).transpose(1, 2)
