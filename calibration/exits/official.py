"""The official Uni-AdaFocus routine for exit thresholds (method.md 4), to the float32 operation.

It prescribes which share of the calibration clips leaves at each exit, lets the surest leave there, and takes the least
sure of them for the threshold. Where a softmax underflows, its entropy criterion answers NaN; here such a probability
adds nothing.

Machines differ in the last place of a float32 exponential or logarithm, so shares and entropies agree with another
machine's to one unit in that place; how many clips leave follows from ``floor(n * share)`` in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from adafocus.edge.exits import ALWAYS, NEVER

# of 17 exits, and of two
LONG_SWEEP = tuple(step / 20 for step in range(1, 20))
SHORT_SWEEP = (*(step / 100 for step in range(1, 400)), 40.0, 400.0, 4000.0, 40000.0)


def target_shares(q: float, exits: int) -> NDArray[np.float32]:
    """Share of clips that is to leave at each exit: ``q ** k``, normalized, ``(exits,)`` float32."""
    powers = torch.exp(torch.log(torch.tensor([q], dtype=torch.float32)) * torch.arange(exits))
    for _ in range(2):
        # twice, as the official code does: the second changes the last place
        powers = powers / powers.sum()
    return powers.numpy()


def confidences32(logits: NDArray[np.float32], criterion: str) -> NDArray[np.float32]:
    """How sure exits are, in the float32 of the official code.

    Args:
        logits: ``(n, exits, K)`` float32.
        criterion: ``logit``, its "confidence": largest raw logit; ``entropy``: sum of p log p.
    """
    values = torch.from_numpy(logits)
    if criterion == "logit":
        return values.max(-1).values.numpy()
    shares = torch.softmax(values, -1)
    return (shares * torch.log(shares.clamp_min(torch.finfo(torch.float32).tiny))).sum(-1).numpy()


def official_thresholds(sure: NDArray[np.floating], shares: NDArray[np.float32]) -> NDArray[np.floating]:
    """One threshold per exit, in the type of ``sure``; of the last, which takes every clip, ``ALWAYS``.

    Args:
        sure: ``(n, exits)``, how sure each exit is of calibration clips.
        shares: ``(exits,)`` from :func:`target_shares`.
    """
    clips, exits = sure.shape
    thresholds = np.full(exits, NEVER, sure.dtype)
    remaining = np.ones(clips, bool)
    for place in range(exits - 1):
        wanted = int(np.floor(np.float32(clips) * shares[place]))
        surest_first = np.sort(sure[remaining, place])[::-1]
        if 0 < wanted <= len(surest_first):
            thresholds[place] = surest_first[wanted - 1]
        remaining &= sure[:, place] < thresholds[place]
    thresholds[-1] = ALWAYS
    return thresholds


@dataclass(frozen=True)
class Outcome:
    """What one set of thresholds does to clips.

    Attributes:
        counts: clips that leave at each exit.
        top1_percent: of the answers given there.
        mean_gmac: a clip, summed in float32 as in the official code.
    """

    counts: tuple[int, ...]
    top1_percent: float
    mean_gmac: float


def play(
    sure: NDArray[np.floating],
    right: NDArray[np.bool_],
    thresholds: NDArray[np.floating],
    exit_gmac: Sequence[float],
) -> Outcome:
    """Let clips leave at the first exit that is sure enough.

    Args:
        sure: ``(n, exits)``.
        right: ``(n, exits)``, whether each exit's answer is right.
        thresholds: ``(exits,)``.
        exit_gmac: cost of a clip that leaves at each exit.
    """
    taken = (sure >= thresholds).argmax(1)
    counts = np.bincount(taken, minlength=len(thresholds))
    mean = np.float32(0)
    for count, gmac in zip(counts, exit_gmac, strict=True):
        mean += np.float32(count) / np.float32(len(sure)) * np.float32(gmac)
    hits = int(right[np.arange(len(taken)), taken].sum())
    return Outcome(tuple(counts.tolist()), 100.0 * hits / len(sure), float(mean))
