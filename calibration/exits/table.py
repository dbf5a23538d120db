"""Print what a calibration found as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from adafocus.edge.exits import ALWAYS, NEVER

if TYPE_CHECKING:
    from adafocus.calibration.exits.calibrate import CalibrationResult
    from adafocus.calibration.exits.fusion import FusionResult

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
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("budget", no_wrap=True)
    table.add_column("thresholds", overflow="fold")
    table.add_column("leave at each exit %", overflow="fold")
    for name in ("accuracy %", "loses", "realized", "error %"):
        table.add_column(name, justify="right", no_wrap=name == "error %")
    for row, unseen in zip(found.exits.budgets, found.unseen, strict=True):
        table.add_row(
            str(unseen.budget),
            _thresholds(row.thresholds),
            " ".join(str(round(100 * share)) for share in unseen.exit_shares),
            f"{100 * unseen.accuracy:.1f}",
            f"{100 * (found.full[1] - unseen.accuracy):.1f}",
            f"{unseen.cost:.4g}",
            f"{100 * unseen.error:+.1f} ± {100 * unseen.spread:.1f}",
        )
    console.print(table)
    for name, (gmac, accuracy) in (("glance alone", found.glance), ("never stopping early", found.full)):
        console.print(f"{name}: {100 * accuracy:.1f} % at {gmac:.4g} GMAC")
    if found.fusion is not None:
        console.print(fusion_sentence(found.fusion), soft_wrap=True)
    console.print("loses: points, against never stopping early", style="dim")
    console.print("error: of the mean cost, ± its standard deviation over groups that were left out", style="dim")


def fusion_sentence(found: FusionResult) -> str:
    """Say how good both parts of the last exit are alone, as they are added, and weighted."""
    verdict = "no worse than either alone" if found.never_loses else "worse than the better of both alone"
    return (
        f"glance alone {100 * found.glance:.1f} %, focus alone {100 * found.focus:.1f} %, their sum "
        f"{100 * found.trained:.1f} %; {found.fusion.glance:.2f} x glance + {found.fusion.focus:.2f} x focus: "
        f"{100 * found.unseen:.1f} % on unseen groups, {verdict}"
    )


def _thresholds(values: tuple[float, ...]) -> str:
    """Show a few thresholds one by one, many by their range."""
    if len(values) <= MAX_LISTED:
        return ", ".join(_threshold(value) for value in values)
    inside = [value for value in values if ALWAYS < value < NEVER]
    return f"{_threshold(min(inside))} to {_threshold(max(inside))}" if inside else "never"


def _threshold(value: float) -> str:
    """Show one threshold."""
    return "never" if value >= NEVER else f"{value:.4g}"
