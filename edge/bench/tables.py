"""Show a report of ``adafocus bench``, and the comparison of two, as tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adafocus.edge.bench.comparison import FIGURES, Comparison
from adafocus.edge.bench.protocol import HOST, SUMS
from adafocus.edge.bundle.manifest import STAGES
from adafocus.edge.device.host import State
from adafocus.edge.runtimes.graph import places_in_words

STAGE_PARTS = ("decode", *STAGES)
MEGABYTE = 1e6


def show_report(report: dict[str, Any], console: Console) -> None:
    """Show the tables of one measurement, with the machine and what spoils the figures below."""
    for entry in report["entries"]:
        _show_entry(entry, report, console)
    if len(report["entries"]) > 1:
        _show_side_by_side(report["entries"], console)
    for stop in report["exits"]:
        console.print(
            f"{escape(_short(stop['name']))}: {stop['stopped_ms']:.2f} ms without decoding, "
            f"{_times(stop['stopped_to_glance'])} its glance ({stop['glance_ms']:.2f} ms), "
            f"{_times(stop['stopped_to_full'])} a full clip ({stop['full_ms']:.2f} ms)",
            soft_wrap=True,
        )
    if report["minutes"]:
        _show_minutes(report, console)
    if "energy" in report:
        _show_joules(report["energy"], console)
    _show_surroundings(report, console)


def _show_entry(entry: dict[str, Any], report: dict[str, Any], console: Console) -> None:
    """Show the times of one configuration, part by part."""
    threads = f"{entry['threads']} thread{'s' if entry['threads'] > 1 else ''}"
    version = entry["runtime_version"] or ""
    title = f"{entry['bundle']}, {entry['runtime']} {version}, {threads}, n = {entry['n']}"
    shown = (*FIGURES, "mean")
    table = _figures(title, "ms", *shown)
    held = not report["protocol"]["decoding"]
    for part in (*STAGE_PARTS, "host", *HOST, "compute", "total"):
        if held and part in ("decode", "compute"):
            continue
        figures = entry["ms"][part]
        name = f"  {part}" if part in HOST else part
        style = "bold" if part == "total" else "dim" if part in HOST else None
        table.add_row(name, *(f"{figures[figure]:.2f}" for figure in shown), style=style)
    console.print(table)
    places = entry.get("ran_on", {})
    if set(places.values()) - {"CPU"}:
        console.print(f"ran on: {escape(places_in_words(places))}")
    stopped = entry["exits"]["glance"]
    if stopped and stopped < entry["n"]:
        console.print(f"stopped at the glance: {stopped} of {entry['n']}, {entry['mean_gmac']:.3f} GMAC on average")
    console.print(f"host share of the time without decoding: {100 * entry['host_share_of_compute']:.1f} %", style="dim")
    if "back_to_back_ms" in entry:
        console.print(
            f"after a rest: median {entry['ms']['total']['median']:.2f} ms, "
            f"{_times(entry['after_rest_to_back_to_back'])} the clips without rests "
            f"({entry['back_to_back_ms']['median']:.2f} ms)"
        )


def _show_side_by_side(entries: list[dict[str, Any]], console: Console) -> None:
    """Show the medians of all configurations."""
    first = entries[0]["ms"]
    parts = (*STAGE_PARTS, *SUMS)
    table = _figures("median ms, in turns", "configuration", *parts, "ratio of compute")
    for entry in entries:
        medians = [entry["ms"][part]["median"] for part in parts]
        ratio = entry["ms"]["compute"]["median"] / first["compute"]["median"]
        table.add_row(escape(_short(entry["name"])), *(f"{value:.2f}" for value in medians), f"{ratio:.2f}")
    console.print(table)


def _show_minutes(report: dict[str, Any], console: Console) -> None:
    """Show sustained load, minute by minute."""
    names = list(report["minutes"][0]["ms"])
    table = Table("minute", *(f"{_short(name)}: median, p90, p99" for name in names), "°C", "MHz")
    for record in report["minutes"]:
        cells = []
        for name in names:
            found = record["ms"].get(name)
            cells.append(f"{found['median']:.1f} {found['p90']:.1f} {found['p99']:.1f}" if found else "-")
        whole = "" if record["seconds"] >= 60 else f" ({record['seconds']:.0f} s)"
        table.add_row(f"{record['minute']}{whole}", *cells, _or_dash(record["hottest_c"]), _or_dash(record["mean_mhz"]))
    console.print(table)
    for name, ratio in report["last_to_first_minute"].items():
        console.print(f"{escape(_short(name))}: last minute to first, median: {_times(ratio)}")


def _show_joules(energy: dict[str, Any], console: Console) -> None:
    """Show what a clip of each configuration takes, and what was lost."""
    title = f"J a clip, {energy['source']}: {energy['meter']} ({energy['scope']})"
    table = _figures(title, "configuration", "J", "95 %", "J above idle", "95 %", "windows")
    lost: dict[str, None] = {}
    for name, figures in energy["per_clip"].items():
        cells = [cell for kind in ("gross", "net") for cell in _joules(figures[kind])]
        table.add_row(escape(_short(name)), *cells, str(figures["windows"]))
        lost |= dict.fromkeys(figures["lost"])
    console.print(table)
    idle = ", ".join("-" if watts is None else f"{watts:.3g}" for watts in energy["idle_w"])
    console.print(f"idle before and after: {idle} W", style="dim")
    for reason in lost:
        console.print(escape(f"A window was lost. {reason}"), style="yellow", soft_wrap=True)


def _joules(interval: dict[str, float | None] | None) -> tuple[str, str]:
    """Return a figure and its interval."""
    if interval is None:
        return "-", "-"
    ends = "-" if interval["low"] is None else f"{interval['low']:.3g} to {interval['high']:.3g}"
    return f"{interval['median']:.4g}", ends


def _show_surroundings(report: dict[str, Any], console: Console) -> None:
    """Show the machine, its state before and after, and what spoils the figures."""
    machine, states = report["machine"], [State(**report[when]) for when in ("before", "after")]
    title = machine["board"] or machine["processor"] or machine["architecture"]
    lines = [
        f"{title}, {machine['processors']} processors, {machine['architecture']}, Python {machine['python']}",
        f"before and after: {_join(state.hottest_c for state in states)} °C, "
        f"{_join(state.mean_mhz for state in states)} MHz, load {_join(state.load for state in states)}, "
        f"throttled: {', '.join(map(_throttled, states))}",
    ]
    if report["peak_memory_bytes"]:
        most = max(report["peak_memory_bytes"].values())
        lines.append(f"peak memory of the process: {most / MEGABYTE:.0f} MB")
    for line in lines:
        console.print(escape(line), style="dim", soft_wrap=True)
    for note in report["notes"]:
        console.print(escape(note), style="yellow", soft_wrap=True)
    console.print("host: resizing, pixel tables, frame selection, crop and Python", style="dim")


def show_comparison(comparison: Comparison, names: tuple[str, str], console: Console) -> None:
    """Show the ratios, second over first, of every part."""
    for pair in comparison.pairs:
        title = f"{names[1]} over {names[0]}: {_short(pair.first)}"
        if pair.second != pair.first:
            title += f" -> {_short(pair.second)}"
        table = _figures(title, "ratio", *FIGURES)
        for part, ratios in pair.ratios.items():
            values = ["-" if ratios[figure] is None else f"{ratios[figure]:.3f}" for figure in FIGURES]
            table.add_row(part, *values, style="bold" if part == "total" else None)
        console.print(table)
    for warning in comparison.warnings:
        console.print(f"differs or disturbed: {escape(warning)}", style="yellow", soft_wrap=True)


def _figures(title: str, name: str, *columns: str) -> Table:
    """Return a table with names on the left and figures on the right of their columns."""
    table = Table(name, title=escape(title))
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _short(name: str) -> str:
    """Return a configuration's name without the folders of its bundle."""
    path, _, rest = name.partition(" ")
    return f"{Path(path).name} {rest}".strip()


def _join(values: Iterable[float | None]) -> str:
    """Return figures, separated by commas."""
    return ", ".join(map(_or_dash, values))


def _or_dash(value: float | None) -> str:
    """Return a figure with at most one decimal place; a dash where it is unknown."""
    return "-" if value is None else f"{value:g}" if value == round(value) else f"{value:.1f}"


def _times(ratio: float | None) -> str:
    """Return a ratio in words."""
    return "-" if ratio is None else f"{ratio:.3f} times"


def _throttled(state: State) -> str:
    """Return what slows the machine down."""
    return "unknown" if state.throttled is None else " and ".join(state.throttled) or "no"
