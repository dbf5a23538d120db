"""When an answer is sure enough to stop.

An exit is taken where the confidence reaches its threshold. Thresholds are finite numbers, so that they can be stored
and interpolated; no confidence lies beyond :data:`ALWAYS` and :data:`NEVER` (the official Uni-AdaFocus code uses the
same two).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Criterion = Literal["softmax", "logit", "entropy"]

ALWAYS, NEVER = -1e8, 1e8


def softmax(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities along the last axis; safe for logits of any size."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def confidence(logits: ArrayLike, criterion: Criterion, temperature: float = 1.0) -> float:
    """How sure an exit is; larger is surer.

    Args:
        logits: ``(K,)``.
        criterion: ``softmax``: largest probability after temperature scaling; ``logit``: largest raw logit (as in the
            official Uni-AdaFocus code); ``entropy``: sum of p log p, at most 0.
        temperature: of the softmax.
    """
    values = np.asarray(logits, dtype=np.float64).reshape(-1)
    if criterion == "logit":
        return float(values.max())
    if criterion == "softmax":
        # the largest of the powers is 1
        return 1.0 / float(np.exp((values - values.max()) / temperature).sum())
    probabilities = softmax(values, temperature)
    return float(np.sum(probabilities * np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))))
