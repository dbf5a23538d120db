"""What clips cost by exit, in the unit of a budget, and which budgets there can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.answers import Answers
from edge.budget import MACS_PER_GMAC, Budget, Unit
from edge.errors import AdafocusError

TABLE_ROWS = 9
TABLE_DIGITS = 4


def clip_costs(answers: Answers, unit: Unit) -> NDArray[np.float64]:
    """Cost of every clip that leaves at each exit, ``(n, exits)``.

    Raises:
        AdafocusError: joules, which nothing here measures.
    """
    if unit == "J":
        raise AdafocusError(
            "Budgets in joules need a meter of energy, and none was running while the clips were asked. Give budgets "
            "in GMAC, which hold on every machine, or in ms: --budget 1.2GMAC --budget 30ms"
        )
    if unit == "ms":
        return answers.ms
    return np.tile(answers.macs / MACS_PER_GMAC, (len(answers.clips), 1))


def budget_table(answers: Answers) -> tuple[Budget, ...]:
    """Budgets in GMAC, evenly between the glance and the full path, in digits that can be typed."""
    low, high = answers.macs[0] / MACS_PER_GMAC, answers.macs[-1] / MACS_PER_GMAC
    steps = np.linspace(low, high, TABLE_ROWS + 2)[1:-1]
    return tuple(Budget(float(f"{step:.{TABLE_DIGITS}g}"), "GMAC") for step in steps)


def refuse_out_of_range(answers: Answers, budgets: Sequence[Budget]) -> None:
    """Refuse budgets that no thresholds can meet.

    Raises:
        AdafocusError: one is in joules, not above the cost of the glance, or not below the cost of the full path.
    """
    for budget in budgets:
        costs = clip_costs(answers, budget.unit).mean(0)
        low, high = float(costs[0]), float(costs[-1])
        if not low < budget.value < high:
            where = "not above the glance alone" if budget.value <= low else "not below the full path"
            raise AdafocusError(
                f"The budget {budget} is {where}: a clip costs {low:.4g} {budget.unit} after the glance and "
                f"{high:.4g} {budget.unit} at most. Choose between: --budget {(low + high) / 2:.3g}{budget.unit}"
            )
