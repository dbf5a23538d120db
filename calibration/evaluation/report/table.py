"""Print the figures of an evaluation on the terminal; its sentences also stand in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from adafocus.calibration.predictions.ablations import LEARNED


def print_evaluation(figures: Mapping[str, Any], console: Console) -> None:
    """Print the ablations with their differences, the exits, and the calibration of the score."""
    on = figures["measured_on"]
    console.print(_ablations(figures))
    if figures["curve"]["budgets"]:
        console.print(_budgets(figures["curve"]))
        console.print(fitted_on_sentence(figures), soft_wrap=True)
    learned = figures["ways"][LEARNED]
    console.print(f"{LEARNED}: top-5 {learned['top5_percent']:.1f} %, mAP {learned['map_percent']:.1f} %")
    console.print(policy_sentence(figures), soft_wrap=True)
    calibration = figures["calibration"]
    error = f"expected calibration error {calibration['before']['error_percent']:.1f} %"
    if calibration["temperature"] != 1.0:
        error += f", {calibration['after']['error_percent']:.1f} % at temperature {calibration['temperature']:.3g}"
    console.print(f"{error}; {on['runtime']}, {on['threads']} threads, {on['machine']['processor']}", soft_wrap=True)
    if on["broken"]:
        console.print(f"left out, as they cannot be read: {', '.join(on['broken'])}", soft_wrap=True)
    if figures["few_groups"]:
        console.print(few_groups_sentence(figures), soft_wrap=True)
    if "compared" in figures:
        console.print(comparison_sentence(figures["compared"]), soft_wrap=True)


def fitted_on_sentence(figures: Mapping[str, Any]) -> str:
    """Say where the thresholds come from: on the clips that they were fitted to, budgets are met by themselves."""
    fitted, on = figures["curve"]["fitted_on"], figures["measured_on"]
    if fitted is None:
        return "the bundle does not say on which clips its thresholds were found"
    where = f"thresholds were found on {fitted['n']} clips of {fitted['dataset']} {fitted['split']}"
    if (fitted["dataset"], fitted["split"]) != (on["clip_list"], on["split"]):
        return where
    return f"{where}, the ones measured here: what they do on others stands in the output of adafocus calibrate"


def few_groups_sentence(figures: Mapping[str, Any]) -> str:
    """Say that intervals of so few groups are rough."""
    text = f"The clips come from only {figures['groups']} groups, so the intervals are rough."
    if not figures["measured_on"]["groups_within_labels"]:
        text += " If groups are numbered within each label, as in UCF-101, use --groups-within-labels."
    return text


def policy_sentence(figures: Mapping[str, Any]) -> str:
    """Say in a sentence what the policy does."""
    found = figures["looks"]
    return (
        f"the policy's boxes have {found['sides_percent']:.0f} % of the frame's sides (the smallest side is "
        f"{found['smallest_side_percent']:.0f} %) and lie {found['off_centre_percent']:.0f} % off its middle; "
        f"{found['frame_sets']} different choices of frames on {figures['clips']} clips"
    )


def comparison_sentence(found: Mapping[str, Any]) -> str:
    """Say in a sentence how one evaluation compares with another."""
    text = (
        f"against {found['with']} ({found['with_precision']}, {found['with_runtime']}) on the same {found['clips']} "
        f"clips: {points(found)} points{bracketed(found)}, {found['gained']} gained and {found['lost']} lost; the same "
        f"label for {found['same_label_percent']:.1f} % of the clips"
    )
    same = found["same_frames_percent"]
    return text if same is None else f"{text}, {same:.1f} % of the selected frames are the same"


def points(found: Mapping[str, Any]) -> str:
    """Show a difference with its sign."""
    return f"{found['points']:+.1f}"


def bracketed(found: Mapping[str, Any], key: str = "interval") -> str:
    """Show an interval in brackets; nothing where there is none."""
    return f" ({found[key][0]:+.1f}, {found[key][1]:+.1f})" if found[key] else ""


def off_budget(row: Mapping[str, Any]) -> str:
    """Show how far the mean cost is off the budget; nothing where it cannot be told, as of joules."""
    return "" if row["off_budget_percent"] is None else f"{row['off_budget_percent']:+.1f} %"


def _ablations(figures: Mapping[str, Any]) -> Table:
    """Make the table of accuracy and cost, a row for each ablation."""
    on = figures["measured_on"]
    title = f"{on['model']} on {figures['clips']} clips of {figures['groups']} groups, {on['clip_list']} {on['split']}"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("ablation", no_wrap=True)
    for name in ("top-1", "95 %", "policy ahead by", "GMAC", "ms"):
        table.add_column(name, justify="right", no_wrap=name != "policy ahead by")
    ahead = {row["against"]: f"{points(row)}{bracketed(row)}" for row in figures["differences"]}
    for name, found in figures["ways"].items():
        low_high = found["top1_interval"]
        table.add_row(
            name,
            f"{found['top1_percent']:.1f}",
            f"{low_high[0]:.1f}-{low_high[1]:.1f}" if low_high else "",
            ahead.get(name, ""),
            f"{found['gmac']:.3f}",
            f"{found['ms']:.1f}",
        )
    return table


def _budgets(curve: Mapping[str, Any]) -> Table:
    """Make the table of the exits, a row for each budget and one without exits."""
    table = Table("budget", title=f"exits, {curve['criterion']}", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("GMAC", "ms", "off budget", "at glance", "top-1", "against full path"):
        table.add_column(name, justify="right")
    full = curve["without_exits"]
    rows = [(f"{row['budget']:g} {row['unit']}", row) for row in curve["budgets"]]
    for name, row in (*rows, ("none", full)):
        table.add_row(
            name,
            f"{row['gmac']:.3f}",
            f"{row['ms']:.1f}",
            off_budget(row) if row is not full else "",
            f"{row['stop_at_glance_percent']:.0f} %",
            f"{row['top1_percent']:.1f}",
            f"{row['against_full']:+.1f}{bracketed(row, 'against_full_interval')}" if row is not full else "",
        )
    return table
