"""Thresholds for any budget, from what every exit said of some clips; what clips cost by exit; temperature scaling."""

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
from adafocus.calibration.predictions.collect import Answers
from adafocus.edge.budget.costs import MACS_PER_GMAC, Budget, Unit
from adafocus.edge.budget.threshold_curves import bounds
from adafocus.edge.exits import NEVER, Criterion, confidences
from adafocus.errors import AdafocusError

TABLE_ROWS = 9
TABLE_DIGITS = 4


def exit_costs(answers: Answers, unit: Unit) -> NDArray[np.float64]:
    """Cost of a clip that leaves at each exit, ``(exits,)``.

    In ms it is the median over all clips: that is what an exit takes here, while the time of a single clip also tells
    what else the machine did at that moment.

    Raises:
        AdafocusError: joules, which nothing here measures.
    """
    refuse_joules(unit)
    return np.median(answers.ms, axis=0) if unit == "ms" else answers.macs / MACS_PER_GMAC


def refuse_joules(unit: Unit) -> None:
    """Refuse the unit that needs a meter.

    Raises:
        AdafocusError: the unit is J.
    """
    if unit == "J":
        raise AdafocusError(
            "Budgets in joules need a meter that runs while the clips are asked, and there is none here. Give "
            "budgets in GMAC, which hold on every machine, or in ms: --budget 1.2GMAC --budget 30ms"
        )


def budget_table(exit_macs: Sequence[int]) -> tuple[Budget, ...]:
    """Budgets in GMAC, evenly between the glance and the full path, in digits that can be typed.

    Args:
        exit_macs: multiply-accumulates of a clip that leaves at each exit.
    """
    steps = np.linspace(exit_macs[0], exit_macs[-1], TABLE_ROWS + 2)[1:-1] / MACS_PER_GMAC
    return tuple(Budget(float(f"{step:.{TABLE_DIGITS}g}"), "GMAC") for step in steps)


LOWEST, HIGHEST = 0.05, 20.0
TOLERANCE = 0.005


def fit_temperature(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The temperature with the smallest negative log-likelihood over all exits (Guo et al., arXiv 1706.04599).

    Args:
        logits: ``(n, exits, K)`` of clips that the network did not learn from.
        truth: ``(n,)`` classes.
    """
    values = logits.astype(np.float64)
    right = np.take_along_axis(values, truth[:, None, None], axis=2)[..., 0]

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        return float(np.mean(logsumexp(values * sharpness, axis=-1) - right * sharpness))

    limits = (float(np.log(LOWEST)), float(np.log(HIGHEST)))
    found = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": TOLERANCE})
    return float(np.exp(found.x))


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
