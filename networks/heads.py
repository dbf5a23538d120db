"""Classifiers of the three variants."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class X3DHead(nn.Module):
    """C -> hidden, ReLU, dropout, -> K, on one pooled vector: ``(..., C)`` to ``(..., K)``."""

    def __init__(self, channels: int, hidden: int, num_classes: int, *, bias: bool, dropout: float) -> None:
        super().__init__()
        self.lin = nn.Linear(channels, hidden, bias=bias)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden, num_classes)

    def forward(self, pooled: Tensor) -> Tensor:
        """Classify pooled features."""
        return self.fc(self.dropout(self.hidden(pooled)))

    def hidden(self, pooled: Tensor) -> Tensor:
        """Return what the last layer takes, ``(..., hidden)``."""
        return F.relu(self.lin(pooled))


class LinearHead(nn.Module):
    """Dropout and one linear layer: ``(..., C)`` to ``(..., K)``; its mean over frames is that of the mean frame."""

    def __init__(self, channels: int, num_classes: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, pooled: Tensor) -> Tensor:
        """Classify pooled features."""
        return self.fc(self.dropout(self.hidden(pooled)))

    def hidden(self, pooled: Tensor) -> Tensor:
        """Return what the last layer takes: the pooled features themselves."""
        return pooled


class NormedLinear(nn.Module):
    """Linear, batch norm, ReLU on vectors ``(..., C)``."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.lin = nn.Linear(channels, hidden)
        self.bn = nn.BatchNorm1d(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., C)`` to ``(..., hidden)``."""
        return F.relu(self.bn(self.lin(x).flatten(0, -2))).unflatten(0, x.shape[:-1])


class CumulativeClassifier(nn.Module):
    """Max-pooling classifier with a head of its own after every frame (after FrameExit, arXiv 2104.13400).

    Global head t sees the running maximum of the glance frames' features up to t; local head k sees that of the local
    frames' features up to k beside the maximum over all glance frames.
    """

    def __init__(
        self,
        global_channels: int,
        local_channels: int,
        hidden: int,
        glance_frames: int,
        focus_frames: int,
        num_classes: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.global_mlp = NormedLinear(global_channels, hidden)
        self.local_mlp = NormedLinear(local_channels, hidden)
        self.global_heads = nn.ModuleList(
            LinearHead(hidden, num_classes, dropout=dropout) for _ in range(glance_frames)
        )
        self.local_heads = nn.ModuleList(
            LinearHead(2 * hidden, num_classes, dropout=dropout) for _ in range(focus_frames)
        )

    def glance_maximum(self, pooled: Tensor) -> Tensor:
        """Return the running maximum ``(B, T_G, hidden)`` of pooled glance features ``(B, T_G, C)``."""
        return self.global_mlp(pooled).cummax(1).values

    def glance_logits(self, maximum: Tensor) -> Tensor:
        """Return the logits of the exit after the last glance frame: ``(B, T_G, hidden)`` to ``(B, K)``."""
        return self.global_heads[-1](maximum[:, -1])

    def all_glance_logits(self, maximum: Tensor) -> Tensor:
        """Run every global head, ``(B, T_G, hidden)`` to ``(B, T_G, K)``; all but the last matter in training only."""
        return torch.stack([head(maximum[:, t]) for t, head in enumerate(self.global_heads)], dim=1)

    def local_logits(self, local: Tensor, maximum: Tensor) -> Tensor:
        """Run every local head: pooled local features ``(B, T_L, C)`` to ``(B, T_L, K)``."""
        running = self.local_mlp(local).cummax(1).values
        beside = maximum[:, -1]
        joined = [torch.cat((running[:, k], beside), dim=1) for k in range(len(self.local_heads))]
        return torch.stack([head(x) for head, x in zip(self.local_heads, joined, strict=True)], dim=1)
