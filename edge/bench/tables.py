"""A report of `adafocus bench`, and the comparison of two, as tables for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adafocus.edge.bench.comparison import FIGURES, Comparison
from adafocus.edge.bench.protocol import HOST

STAGE_PARTS = ("decode", "glance", "policy", "focus")
TOTALS = ("host", "compute", "total")
SHOWN = ("median", "p90", "p99", "min")
MEGABYTE = 1e6


def show_report(report: dict[str, Any], console: Console) -> None:
    """Tables of one measurement, with the machine and what spoils the figures below."""
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
    _show_surroundings(report, console)


def _show_entry(entry: dict[str, Any], report: dict[str, Any], console: Console) -> None:
    threads = f"{entry['threads']} thread{'s' if entry['threads'] > 1 else ''}"
    version = entry["runtime_version"] or ""
    title = f"{entry['bundle']}, {entry['runtime']} {version}, {threads}, n = {entry['n']}"
    table = Table("ms", *SHOWN, "mean", title=escape(title))
    for column in table.columns[1:]:
        column.justify = "right"
    held = not report["protocol"]["decoding"]
    for part in (*STAGE_PARTS, "host", *HOST, "compute", "total"):
        if held and part in ("decode", "compute"):
            continue
        figures = entry["ms"][part]
        name = f"  {part}" if part in HOST else part
        style = "bold" if part == "total" else "dim" if part in HOST else None
        table.add_row(name, *(f"{figures[figure]:.2f}" for figure in (*SHOWN, "mean")), style=style)
    console.print(table)
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
    first = entries[0]["ms"]
    table = Table("contestant", *STAGE_PARTS, *TOTALS, "ratio of compute", title="median ms, in turns")
    for column in table.columns[1:]:
        column.justify = "right"
    for entry in entries:
        medians = [entry["ms"][part]["median"] for part in (*STAGE_PARTS, *TOTALS)]
        ratio = entry["ms"]["compute"]["median"] / first["compute"]["median"]
        table.add_row(escape(_short(entry["name"])), *(f"{value:.2f}" for value in medians), f"{ratio:.2f}")
    console.print(table)


def _show_minutes(report: dict[str, Any], console: Console) -> None:
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


def _show_surroundings(report: dict[str, Any], console: Console) -> None:
    machine, before, after = report["machine"], report["before"], report["after"]
    title = machine["board"] or machine["processor"] or machine["architecture"]
    heat = [max(state["temperature_c"].values(), default=None) for state in (before, after)]
    clocks = [sum(state["frequency_mhz"]) / max(1, len(state["frequency_mhz"])) or None for state in (before, after)]
    lines = [
        f"{title}, {machine['processors']} processors, {machine['architecture']}, Python {machine['python']}",
        f"before and after: {_two(heat)} °C, {_two(clocks)} MHz, load {_or_dash(before['load'])}, "
        f"{_or_dash(after['load'])}, throttled: {_throttled(before)}, {_throttled(after)}",
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
    """Ratios, second over first, of every part."""
    for pair in comparison.pairs:
        title = f"{names[1]} over {names[0]}: {_short(pair.first)}"
        if pair.second != pair.first:
            title += f" -> {_short(pair.second)}"
        table = Table("ratio", *FIGURES, title=escape(title))
        for column in table.columns[1:]:
            column.justify = "right"
        for part, ratios in pair.ratios.items():
            values = ["-" if ratios[figure] is None else f"{ratios[figure]:.3f}" for figure in FIGURES]
            table.add_row(part, *values, style="bold" if part == "total" else None)
        console.print(table)
    for warning in comparison.warnings:
        console.print(f"differs or disturbed: {escape(warning)}", style="yellow", soft_wrap=True)


def _short(name: str) -> str:
    """A contestant's name without the folders of its bundle."""
    path, _, rest = name.partition(" ")
    return f"{Path(path).name} {rest}".strip()


def _two(values: list[float | None]) -> str:
    return ", ".join(map(_or_dash, values))


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:g}" if value == round(value) else f"{value:.1f}"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.3f} times"


def _throttled(state: dict[str, Any]) -> str:
    if state["throttled"] is None:
        return "unknown"
    return " and ".join(state["throttled"]) or "no"
