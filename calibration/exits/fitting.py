"""Thresholds for any budget, from what every exit said of some clips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from adafocus.calibration.exits.official import official_thresholds, target_shares
from adafocus.calibration.exits.paths import FAMILIES, CostCurve, ThresholdPath
from adafocus.calibration.exits.temperature import fit_temperature
from adafocus.edge.curves import bounds
from adafocus.edge.exits import NEVER, Criterion, confidences

OFFICIAL = "official"
# what a float32 power can hold
LARGEST_EXPONENT = 80.0


@dataclass(frozen=True)
class Choice:
    """How thresholds are found: by which measure of sureness, and along which family of thresholds."""

    criterion: Criterion
    family: str

    def __str__(self) -> str:
        return f"{self.criterion}, {self.family}"


class Fitted:
    """Thresholds fitted to clips.

    Attributes:
        choice: how.
        temperature: of the softmax; 1 for other criteria.
    """

    def __init__(
        self, choice: Choice, logits: NDArray[np.float32], truth: NDArray[np.int64], macs: NDArray[np.int64]
    ) -> None:
        """Fit to n clips.

        Args:
            choice: how.
            logits: ``(n, exits, K)``.
            truth: ``(n,)`` classes, for the temperature.
            macs: ``(exits,)``; an exit that costs as much as the next one is never taken, as nothing is saved there.
        """
        self.choice = choice
        self.temperature = fit_temperature(logits, truth) if choice.criterion == "softmax" else 1.0
        self._sure = confidences(logits, choice.criterion, self.temperature)
        self._classes = logits.shape[-1]
        self._useful = np.diff(macs) > 0

    def thresholds(self, budget: float, exit_costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Thresholds of all exits but the last, ``(exits - 1,)``, at which other clips should cost the budget.

        Args:
            budget: mean cost of a clip.
            exit_costs: ``(exits,)`` in the budget's unit.
        """
        if self.choice.family == OFFICIAL:
            return self._official(budget, exit_costs)
        # a clip that reaches an exit which is never taken goes on to the next one, at its cost
        reached = exit_costs[np.append(self._useful, True)]
        found = np.full(len(self._useful), NEVER)
        found[self._useful] = self._path.at(CostCurve(self._left, reached).position(budget))
        return found

    @property
    def _early(self) -> NDArray[np.float64]:
        return self._sure[:, :-1][:, self._useful]

    @cached_property
    def _path(self) -> ThresholdPath:
        low, high = bounds(self.choice.criterion, self._classes, self._sure)
        return FAMILIES[self.choice.family](self._early, low, high)

    @cached_property
    def _left(self) -> NDArray[np.float64]:
        return self._path.left(self._early)

    def _official(self, budget: float, exit_costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The official routine at the q whose prescribed shares cost the budget."""
        exits = len(exit_costs)
        limit = LARGEST_EXPONENT / (exits - 1)

        def excess(log_q: float) -> float:
            return float(target_shares(float(np.exp(log_q)), exits) @ exit_costs) - budget

        if excess(-limit) >= 0 or excess(limit) <= 0:
            q = float(np.exp(-limit if excess(-limit) >= 0 else limit))
        else:
            q = float(np.exp(brentq(excess, -limit, limit)))
        return official_thresholds(self._sure, target_shares(q, exits))[:-1].astype(np.float64)


def exits_taken(sure: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The exit at which each clip leaves, ``(n,)``, as on the device.

    Args:
        sure: ``(n, exits)``.
        thresholds: ``(exits - 1,)``.
    """
    return np.column_stack([sure[:, :-1] >= thresholds, np.ones(len(sure), bool)]).argmax(1)
