"""The official Uni-AdaFocus routine for exit thresholds (arXiv 2412.11228), to the float32 operation.

It prescribes which share of the calibration clips leaves at each exit, lets the most confident leave there, and takes
the lowest confidence among them for the threshold. Machines differ in the last place of a float32 exponential or
logarithm, so shares agree with another machine's to one unit in that place; how many clips leave follows from
``floor(n * share)`` in float32.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from adafocus.edge.exits import ALWAYS, NEVER


def target_shares(q: float, exits: int) -> NDArray[np.float32]:
    """Return the share of clips that is to leave at each exit: ``q ** k``, normalized, ``(exits,)`` float32."""
    powers = torch.exp(torch.log(torch.tensor([q], dtype=torch.float32)) * torch.arange(exits))
    for _ in range(2):
        # twice, as the official code does: the second changes the last place
        powers = powers / powers.sum()
    return powers.numpy()


def official_thresholds(confidence: NDArray[np.floating], shares: NDArray[np.float32]) -> NDArray[np.floating]:
    """Find one threshold per exit; that of the last exit, which takes every clip, is ``ALWAYS``.

    Args:
        confidence: ``(n, exits)`` of each exit on calibration clips.
        shares: ``(exits,)`` from :func:`target_shares`.

    Returns:
        ``(exits,)`` in the type of ``confidence``.
    """
    clips, exits = confidence.shape
    thresholds = np.full(exits, NEVER, confidence.dtype)
    remaining = np.ones(clips, bool)
    for place in range(exits - 1):
        wanted = int(np.floor(np.float32(clips) * shares[place]))
        descending = np.sort(confidence[remaining, place])[::-1]
        if 0 < wanted <= len(descending):
            thresholds[place] = descending[wanted - 1]
        remaining &= confidence[:, place] < thresholds[place]
    thresholds[-1] = ALWAYS
    return thresholds
