"""What a calibration found, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from adafocus.edge.exits import ALWAYS, NEVER

if TYPE_CHECKING:
    from adafocus.calibration.exits.calibrate import Calibrated

# thresholds of more exits are told by their range
MAX_LISTED = 3


def as_dict(found: Calibrated) -> dict[str, Any]:
    """Plain values: everything that the manifest holds, and what was tried."""
    return {
        "criterion": found.exits.criterion,
        "temperature": found.exits.temperature,
        "calibration": None if found.exits.calibration is None else found.exits.calibration.model_dump(),
        "without_exits": {"gmac": found.full[0], "accuracy": found.full[1]},
        "glance_alone": {"gmac": found.glance[0], "accuracy": found.glance[1]},
        "tried": [
            {**asdict(trial.choice), "accuracy": trial.accuracy, "mean_absolute_error": trial.error}
            for trial in found.trials
        ],
        "budgets": [
            {**row.model_dump(), "realized": expected.cost, "exit_shares": list(expected.exit_shares)}
            for row, expected in zip(found.exits.budgets, found.unseen, strict=True)
        ],
    }


def show(found: Calibrated, console: Console) -> None:
    """Print what was tried and a row for each budget."""
    tried = Table("criterion", "thresholds", "accuracy %", "budget error %", title="tried on unseen groups")
    for trial in found.trials:
        chosen = trial.choice.criterion == found.exits.criterion
        cells = (trial.choice.criterion, trial.choice.family, f"{100 * trial.accuracy:.2f}", f"{100 * trial.error:.2f}")
        tried.add_row(*cells, style="bold" if chosen and trial.choice.family == _family(found) else "")
    console.print(tried)
    title = f"{found.exits.criterion}, temperature {found.exits.temperature:.3g}; on unseen groups"
    table = Table("budget", "thresholds", "leave at each exit %", "accuracy %", "realized", "error %", title=title)
    for row, expected in zip(found.exits.budgets, found.unseen, strict=True):
        table.add_row(
            str(expected.budget),
            _thresholds(row.thresholds),
            _shares(expected.exit_shares),
            f"{100 * expected.accuracy:.1f}",
            f"{expected.cost:.4g}",
            f"{100 * expected.error:+.1f} ± {100 * expected.spread:.1f}",
        )
    console.print(table)
    for name, (gmac, accuracy) in (("glance alone", found.glance), ("never stopping early", found.full)):
        console.print(f"{name}: {100 * accuracy:.1f} % at {gmac:.4g} GMAC")
    console.print("error: of the mean cost, ± its standard deviation over groups that were left out", style="dim")


def _family(found: Calibrated) -> str | None:
    return None if found.exits.calibration is None else found.exits.calibration.family


def _thresholds(values: tuple[float, ...]) -> str:
    if len(values) <= MAX_LISTED:
        return ", ".join(_threshold(value) for value in values)
    inside = [value for value in values if ALWAYS < value < NEVER]
    return f"{_threshold(min(inside))} to {_threshold(max(inside))}" if inside else "never"


def _threshold(value: float) -> str:
    return "never" if value >= NEVER else f"{value:.4g}"


def _shares(shares: tuple[float, ...]) -> str:
    return " ".join(str(round(100 * share)) for share in np.asarray(shares))
