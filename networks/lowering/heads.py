"""Classifiers as static 2-D graphs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.heads import LinearHead, X3DHead
from adafocus.networks.lowering.rules import conv2d, time_mean


class Copy(nn.Module):
    """One convolution that changes nothing, ``(n, C, 1, 1)``.

    In integer kernels a mean has a scale that is no power of two, so that none of its results is a tie. A layer that
    answers in float32 needs the power of two, in which its sums are exact; the convolution gives it back.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer("moves", torch.ones(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same numbers."""
        return F.conv2d(x, self.moves, groups=self.channels)


class LoweredX3DHead(nn.Module):
    """The classifier without dropout, on ``(n, C, 1, 1)``."""

    def __init__(self, head: X3DHead, float_logits: bool) -> None:
        super().__init__()
        self.copy = Copy(head.fc.in_features) if float_logits else None
        self.lin = conv2d(head.lin.weight[:, :, None, None], head.lin.bias, 1, 0, 1)
        self.fc = conv2d(head.fc.weight[:, :, None, None], head.fc.bias, 1, 0, 1)

    def forward(self, pooled: Tensor) -> Tensor:
        """Map ``(n, C, 1, 1)`` to ``(n, K, 1, 1)``."""
        return self.fc(F.relu(self.lin(pooled)))

    def mean_of(self, pooled: Tensor) -> Tensor:
        """Average the logits of the frames: ``(T, C, 1, 1)`` to ``(1, K, 1, 1)``.

        What the last layer reads is averaged before it where that layer answers in float32; it is linear.
        """
        if self.copy is None:
            return time_mean(self(pooled))
        return self.fc(self.copy(time_mean(F.relu(self.lin(pooled)))))


class LoweredLinearHead(nn.Module):
    """One linear layer on ``(n, C, 1, 1)``."""

    def __init__(self, head: LinearHead, float_logits: bool) -> None:
        super().__init__()
        self.copy = Copy(head.fc.in_features) if float_logits else nn.Identity()
        self.fc = conv2d(head.fc.weight[:, :, None, None], head.fc.bias, 1, 0, 1)

    def forward(self, pooled: Tensor) -> Tensor:
        """Map ``(n, C, 1, 1)`` to ``(n, K, 1, 1)``."""
        return self.fc(self.copy(pooled))

    def mean_of(self, pooled: Tensor) -> Tensor:
        """Classify the mean frame, which equals the mean over frames: ``(T, C, 1, 1)`` to ``(1, K, 1, 1)``."""
        return self(time_mean(pooled))


def lower_head(head: X3DHead | LinearHead, float_logits: bool) -> LoweredX3DHead | LoweredLinearHead:
    """Return the lowered form of either head; ``float_logits``: its quantized form answers in float32."""
    if isinstance(head, X3DHead):
        return LoweredX3DHead(head, float_logits)
    return LoweredLinearHead(head, float_logits)
