"""Print what a calibration found as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from adafocus.edge.exits import ALWAYS, NEVER

if TYPE_CHECKING:
    from adafocus.calibration.exits.calibrate import CalibrationResult

# thresholds of more exits are shown by their range
MAX_LISTED = 3


def print_calibration(found: CalibrationResult, console: Console) -> None:
    """Print what was tried and a row for each budget."""
    tried = Table("criterion", "thresholds", "accuracy %", "budget error %", title="tried on unseen groups")
    for trial in found.trials:
        rule = trial.rule
        cells = (rule.criterion, rule.family, f"{100 * trial.accuracy:.2f}", f"{100 * trial.error:.2f}")
        tried.add_row(*cells, style="bold" if rule == found.rule else "")
    console.print(tried)
    title = f"{found.exits.criterion}, temperature {found.exits.temperature:.3g}; on unseen groups"
    table = Table("budget", "thresholds", "leave at each exit %", "accuracy %", "realized", "error %", title=title)
    for row, unseen in zip(found.exits.budgets, found.unseen, strict=True):
        table.add_row(
            str(unseen.budget),
            _thresholds(row.thresholds),
            " ".join(str(round(100 * share)) for share in unseen.exit_shares),
            f"{100 * unseen.accuracy:.1f}",
            f"{unseen.cost:.4g}",
            f"{100 * unseen.error:+.1f} ± {100 * unseen.spread:.1f}",
        )
    console.print(table)
    for name, (gmac, accuracy) in (("glance alone", found.glance), ("never stopping early", found.full)):
        console.print(f"{name}: {100 * accuracy:.1f} % at {gmac:.4g} GMAC")
    console.print("error: of the mean cost, ± its standard deviation over groups that were left out", style="dim")


def _thresholds(values: tuple[float, ...]) -> str:
    """Show a few thresholds one by one, many by their range."""
    if len(values) <= MAX_LISTED:
        return ", ".join(_threshold(value) for value in values)
    inside = [value for value in values if ALWAYS < value < NEVER]
    return f"{_threshold(min(inside))} to {_threshold(max(inside))}" if inside else "never"


def _threshold(value: float) -> str:
    """Show one threshold."""
    return "never" if value >= NEVER else f"{value:.4g}"
