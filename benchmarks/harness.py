"""What the benchmarks share: clips from a list, calls that take turns, and a plot's canvas."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np

from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.runtimes.base import Arrays
from adafocus.errors import AdafocusError

SEED = 7
PATH = click.Path(path_type=Path)


def program(command: click.Command) -> None:
    """Run a benchmark's command; an error that a user can act on ends it with one sentence and exit code 2."""
    try:
        command()
    except AdafocusError as error:
        click.echo(f"{Path(sys.argv[0]).stem}: {error}", err=True)
        raise SystemExit(2) from error


def medians(
    calls: Mapping[str, Callable[[], object]],
    warm_up: int,
    turns: int,
    *,
    fewest: int | None = None,
    seconds: float = float("inf"),
) -> dict[str, float]:
    """Median milliseconds of each call after ``warm_up`` turns.

    Args:
        calls: what to time, by name.
        warm_up: turns that do not count.
        turns: turns that count, at most.
        fewest: and at least, where ``seconds`` are over.
        seconds: after which no further turn begins.
    """
    spent: dict[str, list[float]] = {name: [] for name in calls}
    began = time.perf_counter()
    for turn in range(warm_up + turns):
        if fewest is not None and turn >= warm_up + fewest and time.perf_counter() - began > seconds:
            break
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if turn >= warm_up:
                spent[name].append(1e3 * (time.perf_counter() - started))
    return {name: round(float(np.median(values)), 3) for name, values in spent.items()}


def random_inputs(record: GraphFile) -> Arrays:
    """Random numbers of the right kind for every input of a graph."""
    rng = np.random.default_rng(SEED)
    return {
        spec.name: rng.integers(-100, 100, spec.shape).astype(spec.dtype)
        if spec.scale is not None
        else rng.standard_normal(spec.shape).astype(spec.dtype)
        for spec in record.inputs
    }


def read_list(path: Path, split: str) -> list[Path]:
    """Videos of one split of a clip list.

    Raises:
        AdafocusError: no such list, or nothing in it.
    """
    if not path.is_file():
        raise AdafocusError(f"There is no clip list at {path}. Give the path of a CSV with the columns path and split.")
    with path.open(newline="", encoding="utf-8") as file:
        found = [path.parent / row["path"] for row in csv.DictReader(file) if row["split"] == split]
    if not found:
        raise AdafocusError(f"{path} lists no clip of split {split!r}. Check the split column.")
    return found


def figure(**settings: Any) -> Any:
    """An empty matplotlib figure.

    Raises:
        AdafocusError: matplotlib is not installed.
    """
    try:
        return import_module("matplotlib.figure").Figure(**settings)
    except ModuleNotFoundError as error:
        raise AdafocusError('the plot needs matplotlib. Install it: pip install "matplotlib==3.10.*"') from error
