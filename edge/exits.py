"""The confidence of an exit, and when it is high enough to stop there.

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
    """Return probabilities along the last axis; safe for logits of any size."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def confidences(logits: ArrayLike, criterion: Criterion, temperature: float = 1.0) -> NDArray[np.float64]:
    """Measure the confidence of exits; larger is more certain.

    Args:
        logits: ``(..., K)``.
        criterion: ``softmax``: largest probability after temperature scaling; ``logit``: largest raw logit (as in the
            official Uni-AdaFocus code); ``entropy``: sum of p log p, at most 0. A probability that is too small for a
            number adds nothing to it, where the official code gives NaN.
        temperature: of the softmax.

    Returns:
        ``(...)``.
    """
    values = np.asarray(logits, dtype=np.float64)
    if criterion == "logit":
        return values.max(-1)
    if criterion == "softmax":
        # the largest of the powers is 1
        return 1.0 / np.exp((values - values.max(-1, keepdims=True)) / temperature).sum(-1)
    probabilities = softmax(values, temperature)
    return np.sum(probabilities * np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)), axis=-1)


def confidence(logits: ArrayLike, criterion: Criterion, temperature: float = 1.0) -> float:
    """Measure the confidence of one exit, whose logits are ``(K,)``, as :func:`confidences` does for many."""
    if criterion == "softmax":
        # in place and in few operations: between two runtime calls each of them runs once, from cold caches
        powers = np.array(logits, dtype=np.float64)
        powers -= powers[powers.argmax()]
        if temperature != 1.0:
            powers /= temperature
        return 1.0 / float(np.exp(powers, out=powers).sum())
    return float(confidences(logits, criterion, temperature))
