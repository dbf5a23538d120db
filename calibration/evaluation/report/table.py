"""Print the figures of an evaluation on the terminal; its sentences also stand in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


def print_evaluation(figures: Mapping[str, Any], console: Console) -> None:
    """Print the ablations with their differences, the plain network at equal cost, the exits, and what else counts."""
    on = figures["measured_on"]
    console.print(_ablations(figures))
    console.print(_plain(figures["plain"]))
    if figures["curve"]["budgets"]:
        console.print(_budgets(figures["curve"]))
        console.print(fitted_on_sentence(figures), soft_wrap=True)
    if "detection" in figures:
        console.print(_detection(figures["detection"]))
        console.print(detection_sentence(figures["detection"]), soft_wrap=True)
    own = figures["ways"][figures["policy"]]
    console.print(f"{figures['policy']}: top-5 {own['top5_percent']:.1f} %, mAP {own['map_percent']:.1f} %")
    for sentence in sentences(figures):
        console.print(sentence, soft_wrap=True)
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


def sentences(figures: Mapping[str, Any]) -> list[str]:
    """Return what is said of every evaluation: protocol, ties, policy, and the two parts of the last exit."""
    found = [protocol_sentence(figures["protocol"]), ties_sentence(figures), policy_sentence(figures)]
    least = figures["plain"]["least_ahead_points"]
    if least:
        by_unit = " and ".join(f"{ahead:+.1f} points at equal {unit}" for unit, ahead in least.items())
        found.append(f"whatever the thresholds, it is ahead of the plain network by at least {by_unit}")
    if figures["classes_shown"] == 1:
        found.append(f"all clips show one class, {figures['by_class'][0]['label']}: this says nothing of the others")
    if "fusion" in figures:
        found.append(fusion_sentence(figures["fusion"]))
    return found


def protocol_sentence(found: Mapping[str, Any]) -> str:
    """Say what the clips are for, and of a test how often they were looked at."""
    if found["kind"] != "test":
        return f"these are {found['kind']} clips (split {found['split']}), no test"
    times = "for the first time" if found["touched"] == 1 else f"{found['touched']} times so far"
    with_this = "" if found["touched"] == 1 else f", {found['by_this_model']} with this model"
    return f"a test of {found['date']}, commit {found['commit'][:12]}; these clips were tested on {times}{with_this}"


def ties_sentence(figures: Mapping[str, Any]) -> str:
    """Say how many predictions the order of the labels decides."""
    ties, clips = figures["ties"], figures["clips"]
    return f"two best labels are equal in {ties['final']} of {clips} clips ({ties['glance']} after the glance)"


def fusion_sentence(found: Mapping[str, Any]) -> str:
    """Say whether glance and focus together are better than either of them."""
    ahead = " and ".join(f"{points(row)}{bracketed(row)} on the {row['against']}" for row in found["final_ahead"])
    return (
        f"glance alone {found['glance_percent']:.1f} %, focus alone {found['focus_percent']:.1f} %, both "
        f"{found['final_percent']:.1f} %: {ahead}"
    )


def detection_sentence(found: Mapping[str, Any]) -> str:
    """Say what a recall at one false alarm an hour rests on."""
    if found["hours_of_others"] is None:
        return "how long the clips last is not known, so there is no recall at one false alarm an hour"
    allowed = found["false_alarms_allowed"]
    return (
        f"{found['positive']} in {found['clips']} clips, none in {found['others']}; every clip is one decision, "
        f"{found['hours_of_others']:.2f} h without {found['positive']} allow {allowed or 'no'} false alarm"
        f"{'s' if allowed > 1 else ''}"
    )


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
    same, overlap = found["same_frames_percent"], found.get("box_overlap_percent")
    text += "" if same is None else f", {same:.1f} % of the selected frames are the same"
    return text if overlap is None else f"{text}, boxes overlap by {overlap:.1f} %"


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
    ahead_by = f"{figures['policy']} ahead by"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("where it looks", no_wrap=True)
    for name in ("top-1", "95 %", ahead_by, "GMAC", "ms"):
        table.add_column(name, justify="right", no_wrap=name != ahead_by)
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


def _plain(found: Mapping[str, Any]) -> Table:
    """Make the table of the bundle against the plain network, a row for each cost at which there is one as cheap."""
    table = Table("at", title="against the plain network at equal cost", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("cost", "top-1", "plain top-1", "ahead by"):
        table.add_column(name, justify="right")
    for row in found["against"]:
        table.add_row(
            row["at"],
            f"{row['cost']:.4g} {row['unit']}",
            f"{row['top1_percent']:.1f}",
            f"{row['plain_percent']:.1f}",
            f"{points(row)}{bracketed(row)}",
        )
    return table


def _detection(found: Mapping[str, Any]) -> Table:
    """Make the table of detecting one label, a row for each ablation."""
    title = f"detecting {found['positive']}; recall at one false alarm an hour"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("where it looks", no_wrap=True)
    for name in ("balanced", "ahead by", "ROC AUC", "recall"):
        table.add_column(name, justify="right")
    for name, row in found["ways"].items():
        balanced, recall = row.get("balanced_percent"), row["recall_percent"]
        ahead = {"points": row.get("ahead_points"), "interval": row.get("ahead_interval")}
        table.add_row(
            name,
            "" if balanced is None else f"{balanced:.1f}",
            "" if ahead["points"] is None else f"{points(ahead)}{bracketed(ahead)}",
            f"{row['auc']:.3f}" if "auc" in row else "",
            "" if recall is None else f"{recall:.1f} %",
        )
    return table
