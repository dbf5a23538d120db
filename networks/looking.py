"""Where the focus looks: frames and boxes from what the policies say, and what is cut out there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from adafocus.networks.config import NetworkConfig
from adafocus.networks.cropping import crop_frames
from adafocus.networks.temporal import pick_frames, select_frames

Size = tuple[int, int]


class Frames(Protocol):
    """The N candidate frames of one clip as they were decoded, where boxes lie in the whole frame.

    Networks know no pixels of their own size, so what has them cuts them, as the device does.
    """

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        ...

    def densest(self, count: int) -> Tensor:
        """Return the ``(count,)`` consecutive candidates in which most changes."""
        ...

    def cut(self, boxes: Tensor, indices: Tensor) -> Tensor:
        """Cut patches ``(n, 3, P, P)``, normalized, from the candidates ``(n,)``.

        ``boxes`` are ``(1 or n, 4)``: top and left place in 0..1 of the room that the sides leave, then height and
        width as fractions of the short side.
        """
        ...


# (B, N, 3, F, F) where boxes lie in the centre square; one clip each where they lie in the whole frame
Candidates: TypeAlias = Tensor | Sequence[Frames]


def choose_frames(
    config: NetworkConfig, weights: Tensor, candidates: Candidates, levels: Tensor | None = None
) -> Tensor:
    """Choose the focus frames of a batch.

    Args:
        config: of the network; ``focus_span`` says how.
        weights: ``(B, T_G)`` of the temporal policy.
        candidates: of the batch.
        levels: ``(T_L,)`` increasing in (0, 1), random in training; None: the middles of equal segments.

    Returns:
        ``(B, T_L)`` int64.
    """
    count, among = config.focus_frames, config.candidate_frames
    if config.focus_span == "weights":
        middles = (torch.arange(count, dtype=torch.float64) + 0.5) / count
        return select_frames(weights, among, middles if levels is None else levels)
    if config.focus_span == "densest" and not isinstance(candidates, Tensor):
        return torch.stack([clip.densest(count) for clip in candidates]).to(weights.device)
    spread = (2 * torch.arange(count) + 1) * among // (2 * count) if levels is None else (levels * among).long()
    return spread.to(weights.device).expand(len(weights), -1)


def cut_patches(config: NetworkConfig, candidates: Candidates, boxes: Tensor, indices: Tensor) -> Tensor:
    """Cut the patches ``(B, T_L, 3, P, P)`` of the chosen candidates.

    Args:
        config: of the network.
        candidates: of the batch.
        boxes: ``(B, 1 or T_L, 4)`` as :func:`adafocus.networks.policy.decode_boxes` or ``bounded_sides`` gives them.
        indices: ``(B, T_L)``.
    """
    if isinstance(candidates, Tensor):
        return crop_frames(pick_frames(candidates, indices), boxes, config.patch_size)
    patches = [clip.cut(box, chosen) for clip, box, chosen in zip(candidates, boxes, indices, strict=True)]
    return torch.stack(patches).to(boxes.device)


def on_the_glance(config: NetworkConfig, boxes: Tensor, sizes: Sequence[Size]) -> Tensor:
    """Turn boxes in whole frames into fractions of what the glance sees of them; a part may lie outside.

    Args:
        config: of the network.
        boxes: ``(B, n, 4)`` as :class:`Frames` takes them; gradients flow through.
        sizes: height and width of the frames of every clip.

    Returns:
        ``(B, n, 4)`` y, x, height, width.
    """
    extent = torch.tensor(sizes, dtype=boxes.dtype, device=boxes.device)[:, None, :]
    short, long = extent.amin(-1, keepdim=True), extent.amax(-1, keepdim=True)
    sides = boxes[..., 2:] * short
    corners = boxes[..., :2] * (extent - sides)
    seen = {
        "square": (short * config.frame_size / config.short_side_px).expand_as(extent),
        "squeezed": extent,
        "padded": long.expand_as(extent),
    }[config.glance_fit]
    return torch.cat(((corners - (extent - seen) / 2) / seen, sides / seen), dim=-1)
