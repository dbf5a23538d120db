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


def confidences(logits: ArrayLike, criterion: Criterion, temperature: float = 1.0) -> NDArray[np.float64]:
    """How sure exits are; larger is surer.

    Args:
        logits: ``(..., K)``.
        criterion: ``softmax``: largest probability after temperature scaling; ``logit``: largest raw logit (as in the
            official Uni-AdaFocus code); ``entropy``: sum of p log p, at most 0. A probability that is too small for a
            number adds nothing to it, where the official code answers NaN.
        temperature: of the softmax.

    Returns:
        ``(...)``.
    """
    values = np.asarray(logits, dtype=np.float64)
    if criterion == "logit":
        return values.max(-1)
    if criterion == "softmax":
        return 1.0 / _sum_of_powers(values, temperature)
    probabilities = softmax(values, temperature)
    return np.sum(probabilities * np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)), axis=-1)


def _sum_of_powers(values: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """The powers of the softmax summed along the last axis, where the largest of them is 1.

    In place and in few operations: between two runtime calls each of them runs once, from cold caches.
    """
    powers = values - np.maximum.reduce(values, axis=-1, keepdims=True)
    if temperature != 1.0:
        powers /= temperature
    return np.add.reduce(np.exp(powers, out=powers), axis=-1)


def confidence(logits: ArrayLike, criterion: Criterion, temperature: float = 1.0) -> float:
    """:func:`confidences` of one exit, whose logits are ``(K,)``."""
    if criterion == "softmax":
        return 1.0 / float(_sum_of_powers(np.asarray(logits, dtype=np.float64), temperature))
    return float(confidences(logits, criterion, temperature))
