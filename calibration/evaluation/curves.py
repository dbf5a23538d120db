"""Accuracy against cost where clips stop early: what every threshold would have given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.answers import Answers
from adafocus.calibration.exits.fitting import exits_taken
from adafocus.edge.budget import MACS_PER_GMAC
from adafocus.edge.exits import ALWAYS, NEVER

SWEEP = 40


@dataclass(frozen=True)
class Point:
    """All clips at one set of thresholds.

    Attributes:
        taken: ``(n,)`` exit of each clip.
        gmac: mean.
        ms: mean.
        at_glance: share of clips that stop at the glance.
    """

    taken: NDArray[np.int64]
    gmac: float
    ms: float
    at_glance: float


def stop(answers: Answers, confidences: NDArray[np.float64], thresholds: Sequence[float]) -> Point:
    """Let every clip stop at the first exit that is sure enough, as the device does.

    Args:
        answers: of n clips.
        confidences: ``(n, exits)``.
        thresholds: of all exits but the last.
    """
    taken = exits_taken(confidences, np.asarray(thresholds, np.float64))
    return Point(
        taken,
        float(answers.macs[taken].mean()) / MACS_PER_GMAC,
        float(answers.ms[np.arange(len(taken)), taken].mean()),
        float((taken == 0).mean()),
    )


def sweep(answers: Answers, confidences: NDArray[np.float64]) -> list[Point]:
    """One threshold for all exits, from always stopping to never; the cheapest point first."""
    early = confidences[:, :-1]
    steps = np.unique(np.quantile(early, np.linspace(0, 1, SWEEP)))
    points = [stop(answers, confidences, [step] * early.shape[1]) for step in (ALWAYS, *steps, NEVER)]
    return sorted({point.gmac: point for point in points}.values(), key=lambda point: point.gmac)
