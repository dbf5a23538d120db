"""Fit thresholds for any budget to the predictions of every exit; temperature scaling; what clips cost by exit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import logsumexp

from adafocus.calibration.exits.official import official_thresholds, target_shares
from adafocus.calibration.exits.threshold_paths import FAMILIES, CostCurve, ThresholdPath
from adafocus.calibration.predictions.collect import Predictions
from adafocus.edge.budget.costs import MACS_PER_GMAC, Budget, Unit
from adafocus.edge.budget.threshold_curves import bounds
from adafocus.edge.exits import NEVER, Criterion, confidences
from adafocus.errors import AdafocusError

# the family whose thresholds the official routine finds; the others are FAMILIES
OFFICIAL = "official"
TABLE_ROWS = 9
TABLE_DIGITS = 4
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
LOG_TEMPERATURE_TOLERANCE = 0.005
# what a float32 power can hold
MAX_EXPONENT = 80.0


def exit_costs(predictions: Predictions, unit: Unit) -> NDArray[np.float64]:
    """Return the cost of a clip that leaves at each exit, ``(exits,)``.

    In ms it is the median over all clips: that is what an exit takes here, while the time of a single clip also tells
    what else the machine did at that moment.

    Raises:
        AdafocusError: joules, which nothing here measures.
    """
    refuse_joules(unit)
    return np.median(predictions.exit_ms, axis=0) if unit == "ms" else predictions.exit_macs / MACS_PER_GMAC


def refuse_joules(unit: Unit) -> None:
    """Refuse the unit that has no rows of its own.

    Raises:
        AdafocusError: the unit is J.
    """
    if unit == "J":
        raise AdafocusError(
            "A table has no budgets in joules: run and stream keep those with the thresholds of rows in GMAC, which "
            "hold on every machine. Give budgets in GMAC or in ms: --budget 1.2GMAC --budget 30ms"
        )


def budget_table(exit_macs: Sequence[int]) -> tuple[Budget, ...]:
    """Return budgets in GMAC, evenly between the glance and the full path, in digits that can be typed.

    Args:
        exit_macs: multiply-accumulates of a clip that leaves at each exit.
    """
    steps = np.linspace(exit_macs[0], exit_macs[-1], TABLE_ROWS + 2)[1:-1] / MACS_PER_GMAC
    return tuple(Budget(float(f"{step:.{TABLE_DIGITS}g}"), "GMAC") for step in steps)


def exits_taken(confidence: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the exit at which each clip leaves, ``(n,)``, as on the device.

    Args:
        confidence: ``(n, exits)``.
        thresholds: ``(exits - 1,)``.
    """
    return np.column_stack([confidence[:, :-1] >= thresholds, np.ones(len(confidence), bool)]).argmax(1)


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Find the temperature with the smallest negative log-likelihood over all exits (Guo et al., arXiv 1706.04599).

    Args:
        logits: ``(n, exits, K)`` of clips that the network was not trained on.
        targets: ``(n,)`` classes.
    """
    values = logits.astype(np.float64)
    of_target = np.take_along_axis(values, targets[:, None, None], axis=2)[..., 0]

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        return float(np.mean(logsumexp(values * sharpness, axis=-1) - of_target * sharpness))

    limits = (float(np.log(MIN_TEMPERATURE)), float(np.log(MAX_TEMPERATURE)))
    found = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": LOG_TEMPERATURE_TOLERANCE})
    return float(np.exp(found.x))


@dataclass(frozen=True)
class ThresholdRule:
    """How thresholds are found: by which measure of confidence, and along which family of thresholds."""

    criterion: Criterion
    family: str

    def __str__(self) -> str:
        return f"{self.criterion}, {self.family}"


class FittedThresholds:
    """Thresholds fitted to clips.

    Attributes:
        rule: how.
        temperature: of the softmax; 1 for other criteria.
    """

    def __init__(
        self,
        rule: ThresholdRule,
        logits: NDArray[np.float32],
        targets: NDArray[np.int64],
        exit_macs: NDArray[np.int64],
    ) -> None:
        """Fit to n clips.

        Args:
            rule: how.
            logits: ``(n, exits, K)``.
            targets: ``(n,)`` classes, for the temperature.
            exit_macs: ``(exits,)``; an exit that costs as much as the next one is never taken, as it saves nothing.
        """
        self.rule = rule
        self.temperature = fit_temperature(logits, targets) if rule.criterion == "softmax" else 1.0
        self._confidence = confidences(logits, rule.criterion, self.temperature)
        self._classes = logits.shape[-1]
        self._useful = np.diff(exit_macs) > 0

    def thresholds(self, budget: float, exit_costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return thresholds of all exits but the last, ``(exits - 1,)``, at which other clips should cost the budget.

        Args:
            budget: mean cost of a clip.
            exit_costs: ``(exits,)`` in the budget's unit.
        """
        if self.rule.family == OFFICIAL:
            return self._official(budget, exit_costs)
        # a clip that reaches an exit which is never taken goes on to the next one, at its cost
        reached = exit_costs[np.append(self._useful, True)]
        found = np.full(len(self._useful), NEVER)
        found[self._useful] = self._path.at(CostCurve(self._leaving_positions, reached).position(budget))
        return found

    @property
    def _early(self) -> NDArray[np.float64]:
        """Confidence of the exits that save something, ``(n, useful)``."""
        return self._confidence[:, :-1][:, self._useful]

    @cached_property
    def _path(self) -> ThresholdPath:
        """Thresholds along the rule's family."""
        low, high = bounds(self.rule.criterion, self._classes, self._confidence)
        return FAMILIES[self.rule.family](self._early, low, high)

    @cached_property
    def _leaving_positions(self) -> NDArray[np.float64]:
        """Positions on the path at which the clips leave."""
        return self._path.leaving_positions(self._early)

    def _official(self, budget: float, exit_costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Run the official routine at the q whose prescribed shares cost the budget."""
        exits = len(exit_costs)
        limit = MAX_EXPONENT / (exits - 1)

        def excess(log_q: float) -> float:
            return float(target_shares(float(np.exp(log_q)), exits) @ exit_costs) - budget

        if excess(-limit) >= 0 or excess(limit) <= 0:
            q = float(np.exp(-limit if excess(-limit) >= 0 else limit))
        else:
            q = float(np.exp(brentq(excess, -limit, limit)))
        return official_thresholds(self._confidence, target_shares(q, exits))[:-1].astype(np.float64)
