"""Temporal shift (TSM, Lin et al. 2019, arXiv 1811.08383): some channels look one frame ahead, some one frame back.

The form for online video looks back alone, so that a frame can be encoded as soon as it is there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TemporalShift(nn.Module):
    """Shift ``C // divisor`` channels from frame t+1 and as many from t-1; zeros enter at the ends.

    Where ``past_only`` is set, the first ``C // divisor`` channels come from t-1 and nothing from t+1.

    Works on ``(B * T, C, H, W)``; ``frames`` (T) is set by the backbone before each pass.
    """

    def __init__(self, channels: int, divisor: int) -> None:
        super().__init__()
        self.fold = channels // divisor
        self.frames = 1
        self.past_only = False

    def forward(self, x: Tensor) -> Tensor:
        """Return the shifted tensor; the input is left as it is."""
        clips, fold = x.unflatten(0, (-1, self.frames)), self.fold
        nothing = torch.zeros_like(clips[:, :1, :fold])
        if self.past_only:
            back = torch.cat((nothing, clips[:, :-1, :fold]), dim=1)
            return torch.cat((back, clips[:, :, fold:]), dim=2).flatten(0, 1)
        ahead = torch.cat((clips[:, 1:, :fold], nothing), dim=1)
        back = torch.cat((nothing, clips[:, :-1, fold : 2 * fold]), dim=1)
        return torch.cat((ahead, back, clips[:, :, 2 * fold :]), dim=2).flatten(0, 1)


def shift_or_pass(channels: int, divisor: int | None) -> nn.Module:
    """Build a temporal shift, or an identity where the network has none."""
    return nn.Identity() if divisor is None else TemporalShift(channels, divisor)


def set_frames(module: nn.Module, frames: int) -> None:
    """Set the number of frames of a clip in every temporal shift inside."""
    for part in module.modules():
        if isinstance(part, TemporalShift):
            part.frames = frames


def look_back_only(module: nn.Module) -> None:
    """Let every temporal shift inside take channels from t-1 alone."""
    for part in module.modules():
        if isinstance(part, TemporalShift):
            part.past_only = True
