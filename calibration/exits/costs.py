"""What clips cost by exit, in the unit of a budget, and the budgets of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.answers import Answers
from adafocus.edge.budget import MACS_PER_GMAC, Budget, Unit
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
