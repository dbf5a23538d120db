"""Classifiers as static 2-D graphs."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.heads import LinearHead, X3DHead
from adafocus.networks.lowering.rules import conv2d, time_mean


class LoweredX3DHead(nn.Module):
    """The classifier without dropout, on ``(n, C, 1, 1)``."""

    def __init__(self, head: X3DHead) -> None:
        super().__init__()
        self.lin = conv2d(head.lin.weight[:, :, None, None], head.lin.bias, 1, 0, 1)
        self.fc = conv2d(head.fc.weight[:, :, None, None], head.fc.bias, 1, 0, 1)

    def forward(self, pooled: Tensor) -> Tensor:
        """Map ``(n, C, 1, 1)`` to ``(n, K, 1, 1)``."""
        return self.fc(F.relu(self.lin(pooled)))

    def mean_of(self, pooled: Tensor) -> Tensor:
        """Average the logits of the frames: ``(T, C, 1, 1)`` to ``(1, K, 1, 1)``."""
        return time_mean(self(pooled))


class LoweredLinearHead(nn.Module):
    """One linear layer on ``(n, C, 1, 1)``."""

    def __init__(self, head: LinearHead) -> None:
        super().__init__()
        self.fc = conv2d(head.fc.weight[:, :, None, None], head.fc.bias, 1, 0, 1)

    def forward(self, pooled: Tensor) -> Tensor:
        """Map ``(n, C, 1, 1)`` to ``(n, K, 1, 1)``."""
        return self.fc(pooled)

    def mean_of(self, pooled: Tensor) -> Tensor:
        """Classify the mean frame, which equals the mean over frames: ``(T, C, 1, 1)`` to ``(1, K, 1, 1)``."""
        return self(time_mean(pooled))


def lower_head(head: X3DHead | LinearHead) -> LoweredX3DHead | LoweredLinearHead:
    """Return the lowered form of either head."""
    return LoweredX3DHead(head) if isinstance(head, X3DHead) else LoweredLinearHead(head)
