"""The rest of the official Uni-AdaFocus exit routine: its confidences, its sweeps, and clips that leave by thresholds.

Where a softmax underflows, the official entropy is NaN; here such a probability adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

# of 17 exits, and of two
LONG_SWEEP = tuple(step / 20 for step in range(1, 20))
SHORT_SWEEP = (*(step / 100 for step in range(1, 400)), 40.0, 400.0, 4000.0, 40000.0)


def confidences32(logits: NDArray[np.float32], criterion: str) -> NDArray[np.float32]:
    """Compute the confidence of exits in the float32 of the official code.

    Args:
        logits: ``(n, exits, K)`` float32.
        criterion: ``logit``, its "confidence": largest raw logit; ``entropy``: sum of p log p.
    """
    values = torch.from_numpy(logits)
    if criterion == "logit":
        return values.max(-1).values.numpy()
    shares = torch.softmax(values, -1)
    return (shares * torch.log(shares.clamp_min(torch.finfo(torch.float32).tiny))).sum(-1).numpy()


@dataclass(frozen=True)
class Outcome:
    """What one set of thresholds does to clips.

    Attributes:
        counts: clips that leave at each exit.
        top1_percent: of the predictions made there.
        mean_gmac: a clip, summed in float32 as in the official code.
    """

    counts: tuple[int, ...]
    top1_percent: float
    mean_gmac: float


def simulate(
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
    thresholds: NDArray[np.floating],
    exit_gmac: Sequence[float],
) -> Outcome:
    """Let clips leave at the first exit whose confidence reaches its threshold.

    Args:
        confidence: ``(n, exits)``.
        correct: ``(n, exits)``, whether each exit's prediction is right.
        thresholds: ``(exits,)``.
        exit_gmac: cost of a clip that leaves at each exit.
    """
    taken = (confidence >= thresholds).argmax(1)
    counts = np.bincount(taken, minlength=len(thresholds))
    mean = np.float32(0)
    for count, gmac in zip(counts, exit_gmac, strict=True):
        mean += np.float32(count) / np.float32(len(confidence)) * np.float32(gmac)
    hits = int(correct[np.arange(len(taken)), taken].sum())
    return Outcome(tuple(counts.tolist()), 100.0 * hits / len(confidence), float(mean))
