"""Differentiable crop: bilinear samples of a box, half-pixel centres, zeros outside the image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def crop(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut one box from each image and resample it to ``size`` x ``size``.

    Args:
        images: ``(B, C, H, W)`` float.
        boxes: ``(B, 4)`` as y, x, height, width, fractions of the image; gradients flow through them.
        size: side of the result in pixels.

    Returns:
        ``(B, C, size, size)``.
    """
    steps = (torch.arange(size, dtype=boxes.dtype, device=boxes.device) + 0.5) / size
    y = boxes[:, 0:1] + steps * boxes[:, 2:3]
    x = boxes[:, 1:2] + steps * boxes[:, 3:4]
    grid = torch.stack((x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)), dim=-1)
    return F.grid_sample(images, 2.0 * grid - 1.0, mode="bilinear", padding_mode="zeros", align_corners=False)


def resize_frames(frames: Tensor, size: int) -> Tensor:
    """Resize square ``(B, T, C, S, S)`` to ``size``: bilinear, half-pixel centres, no antialiasing."""
    if frames.shape[-1] == size:
        return frames
    resized = F.interpolate(frames.flatten(0, 1), (size, size), mode="bilinear", align_corners=False)
    return resized.unflatten(0, frames.shape[:2])


def crop_frames(frames: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut ``(B, T, C, H, W)`` with boxes ``(B, 1 or T, 4)`` into ``(B, T, C, size, size)``."""
    per_frame = boxes.expand(-1, frames.shape[1], -1)
    return crop(frames.flatten(0, 1), per_frame.flatten(0, 1), size).unflatten(0, frames.shape[:2])
