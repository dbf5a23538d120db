"""Classifiers of the X3D variant."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class X3DHead(nn.Module):
    """432 -> 2048, ReLU, dropout, -> K, on one pooled vector: ``(..., C)`` to ``(..., K)``."""

    def __init__(self, channels: int, hidden: int, num_classes: int, *, bias: bool, dropout: float) -> None:
        super().__init__()
        self.lin = nn.Linear(channels, hidden, bias=bias)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden, num_classes)

    def forward(self, pooled: Tensor) -> Tensor:
        """Classify pooled features."""
        return self.fc(self.dropout(F.relu(self.lin(pooled))))
