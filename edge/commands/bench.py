"""``adafocus bench``: how long a clip takes, part by part, several bundles side by side."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from edge.bundle import Bundle, is_bundle
from edge.commands import options
from edge.errors import AdafocusError
from edge.recognizer import Recognizer

PARTS = ("decode", "glance", "policy", "focus")
HOST = ("resize", "pixels", "select", "crop", "other")
WARM_UP = 5


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--clips", default=30, show_default=True, type=click.IntRange(1), help="At least so many clips.")
@click.option("--seconds", default=10.0, show_default=True, help="And at least so long, per bundle.")
@click.option("--runtime", "runtimes", multiple=True, default=("litert",), show_default=True, help="Repeatable.")
@options.threads
@options.as_json
def bench(
    paths: tuple[Path, ...], clips: int, seconds: float, runtimes: tuple[str, ...], threads: int, as_json: bool
) -> None:
    """Time BUNDLES on VIDEOS: folders with a manifest are bundles, the rest of PATHS are videos.

    Bundles and runtimes take turns clip by clip, so that a busy moment of the machine meets all of them.
    """
    bundles = [path for path in paths if is_bundle(path)]
    videos = [path for path in paths if path not in bundles]
    if not bundles or not videos:
        raise AdafocusError(
            f"found {len(bundles)} bundles and {len(videos)} videos, expected at least one of each: "
            "adafocus bench BUNDLE [BUNDLE ...] VIDEO [VIDEO ...]"
        )
    recognizers = {
        f"{path} {runtime}": Recognizer.open(Bundle.open(path), runtime, threads)
        for path in bundles
        for runtime in dict.fromkeys(runtimes)
    }
    spent = measure(recognizers, videos, clips, seconds * len(recognizers))
    report = {
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "threads": threads,
        "clips": len(next(iter(spent.values()))["total"]),
        "median_ms": {name: _medians(parts) for name, parts in spent.items()},
        "p90_total_ms": {name: round(float(np.percentile(parts["total"], 90)), 3) for name, parts in spent.items()},
    }
    if as_json:
        options.print_json(report)
    else:
        _show(report)


def measure(
    recognizers: dict[str, Recognizer], videos: list[Path], clips: int, seconds: float
) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of every part of every clip, by bundle."""
    spent: dict[str, dict[str, list[float]]] = {name: {} for name in recognizers}
    for turn in range(WARM_UP):
        for recognizer in recognizers.values():
            recognizer.recognize(videos[turn % len(videos)])
    started, turn = time.perf_counter(), 0
    while turn < clips or time.perf_counter() - started < seconds:
        for name, recognizer in recognizers.items():
            timing = recognizer.recognize(videos[turn % len(videos)]).timing_ms
            parts = {part: timing.get(part, 0.0) for part in (*PARTS, *HOST)}
            parts["host"] = sum(parts[part] for part in HOST)
            parts["total"] = timing["total"]
            for part, value in parts.items():
                spent[name].setdefault(part, []).append(value)
        turn += 1
    return spent


def _medians(parts: dict[str, list[float]]) -> dict[str, float]:
    return {part: round(float(np.median(values)), 3) for part, values in parts.items()}


def _show(report: dict[str, Any]) -> None:
    medians: dict[str, dict[str, float]] = report["median_ms"]
    table = Table("median ms", *[Path(name).name for name in medians], title=f"{report['clips']} clips each")
    if len(medians) > 1:
        table.add_column("ratio to the first")
    first = next(iter(medians.values()))
    for part in (*PARTS, "host", "total"):
        row = [f"{values[part]:.2f}" for values in medians.values()]
        ratios = [f"{values[part] / first[part]:.2f}" if first[part] else "-" for values in medians.values()]
        table.add_row(part, *row, *([", ".join(ratios[1:])] if len(medians) > 1 else []))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{report['threads']} threads, {report['machine']['processor']}", style="dim")
    console.print("host: resizing, pixel tables, frame selection, crop and Python", style="dim")
