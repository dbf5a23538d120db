"""Accuracy against cost where clips stop early: at the budgets of a bundle, and over a sweep of one threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.evaluation.evaluation_input import EvaluationInput
from adafocus.calibration.evaluation.metrics import DIGITS, GroupBootstrap, difference, percent, percents, top_k_correct
from adafocus.calibration.exits.fitting import exits_taken
from adafocus.calibration.predictions.collect import Predictions
from adafocus.edge.budget.costs import MACS_PER_GMAC
from adafocus.edge.exits import ALWAYS, NEVER

SWEEP_STEPS = 40
WITHOUT_EXITS = "without exits"


@dataclass(frozen=True)
class OperatingPoint:
    """All clips at one set of thresholds.

    Attributes:
        taken: ``(n,)`` exit of each clip.
        gmac: mean.
        ms: mean, from the decoded frames.
        at_glance: share of the clips that stops there.
    """

    taken: NDArray[np.int64]
    gmac: float
    ms: float
    at_glance: float

    def hits(self, correct: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return whether each clip is right at the exit that it takes, ``(n,)``, from ``(n, exits)``."""
        return correct[np.arange(len(correct)), self.taken]


def operating_point(
    predictions: Predictions, confidence: NDArray[np.float64], thresholds: Sequence[float]
) -> OperatingPoint:
    """Let clips leave at the first exit whose confidence reaches its threshold.

    Args:
        predictions: of n clips.
        confidence: ``(n, exits)``.
        thresholds: of all exits but the last.
    """
    taken = exits_taken(confidence, np.asarray(thresholds, np.float64))
    return OperatingPoint(
        taken,
        float(predictions.exit_macs[taken].mean()) / MACS_PER_GMAC,
        float(predictions.exit_ms[np.arange(len(taken)), taken].mean()),
        float((taken == 0).mean()),
    )


def threshold_sweep(predictions: Predictions, confidence: NDArray[np.float64]) -> list[OperatingPoint]:
    """Sweep one threshold for all exits from always stopping to never; the cheapest point first."""
    early = confidence[:, :-1]
    steps = np.unique(np.quantile(early, np.linspace(0, 1, SWEEP_STEPS)))
    points = [operating_point(predictions, confidence, [step] * early.shape[1]) for step in (ALWAYS, *steps, NEVER)]
    return sorted({point.gmac: point for point in points}.values(), key=lambda point: point.gmac)


def full_path(given: EvaluationInput) -> OperatingPoint:
    """Return the point at which no clip stops early."""
    return operating_point(given.own, given.confidence, [NEVER] * (given.own.logits.shape[1] - 1))


def budget_points(given: EvaluationInput) -> dict[str, OperatingPoint]:
    """Return the points of the manifest's budgets, by their names."""
    return {
        f"{budget.budget:g} {budget.unit}": operating_point(given.own, given.confidence, budget.thresholds)
        for budget in given.exits.budgets
    }


def exit_hits(given: EvaluationInput) -> NDArray[np.float64]:
    """Return whether each clip is right at each exit, ``(n, exits)``."""
    return np.column_stack([top_k_correct(logits, given.truth, 1) for logits in given.own.logits.swapaxes(0, 1)])


def curve_figures(given: EvaluationInput, bootstrap: GroupBootstrap) -> dict[str, Any]:
    """Return accuracy against cost: at the manifest's budgets, over a sweep of one threshold, and never stopping."""
    exits, correct = given.exits, exit_hits(given)

    def row(point: OperatingPoint) -> dict[str, Any]:
        hits = point.hits(correct)
        found = difference(hits, correct[:, -1], bootstrap)
        return {
            "gmac": round(point.gmac, DIGITS),
            "ms": round(point.ms, 2),
            "stop_at_glance_percent": percent(point.at_glance),
            "top1_percent": percent(float(hits.mean())),
            "top1_interval": percents(bootstrap.interval(hits)),
            "against_full": found["points"],
            "against_full_interval": found["interval"],
        }

    budgets: list[dict[str, Any]] = []
    for budget, point in zip(exits.budgets, budget_points(given).values(), strict=True):
        spent = {"GMAC": point.gmac, "ms": point.ms}.get(budget.unit)
        off = None if spent is None else percent(spent / budget.budget - 1)
        budgets.append({"budget": budget.budget, "unit": budget.unit, "off_budget_percent": off, **row(point)})
    return {
        "criterion": exits.criterion,
        "fitted_on": None if exits.calibration is None else exits.calibration.model_dump(exclude={"clips"}),
        "without_exits": row(full_path(given)),
        "budgets": budgets,
        "sweep": [row(point) for point in threshold_sweep(given.own, given.confidence)],
    }
