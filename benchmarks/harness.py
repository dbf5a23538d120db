"""What the benchmarks share: clips of a list, calls that take turns, the machine, files of figures and plots."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from adafocus.calibration.datasets import read_clips
from adafocus.calibration.report_file import write_report
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.device.host import read_facts
from adafocus.edge.runtimes.graph import Arrays
from adafocus.errors import AdafocusError

SEED = 7
Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Found = TypeVar("Found")

# figures go to standard output, all else beside it
console = Console(highlight=False, stderr=True)
PATH = click.Path(path_type=Path)
option = partial(click.option, show_default=True)
clips_option = click.option(
    "--clips", "clip_list", required=True, type=PATH, help="Take the clips of this list, such as a CSV."
)
split_option = option("--split", default="val", help="Take this split of the clip list.")
plot_option = click.option("--plot", type=PATH, help="Draw the figures into this PNG.")
out_option = click.option(
    "--out", type=PATH, help="Write the figures to this file, .json or .yaml, instead of printing them."
)


class Benchmark(click.Command):
    """A command that ends with one sentence and exit code 2 where the user can act on an error."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the benchmark."""
        try:
            return super().invoke(ctx)
        except AdafocusError as error:
            click.echo(f"{Path(sys.argv[0]).stem}: {error}", err=True)
            raise SystemExit(2) from error


def clips_of(clip_list: Path, split: str, max_clips: int | None = None) -> list[Path]:
    """Return the videos of one split of a clip list, or so many of them, spread over the list.

    Raises:
        AdafocusError: there is no such list, or nothing in it.
    """
    videos = [clip.path for clip in read_clips(clip_list, split)]
    return videos if max_clips is None else videos[:: max(1, len(videos) // max_clips)][:max_clips]


def take_turns(
    calls: Mapping[Key, Callable[[Item], Found]],
    items: Sequence[Item],
    warm_up: int,
    turns: int,
    label: str = "",
    *,
    min_turns: int = 0,
    max_seconds: float = float("inf"),
) -> dict[Key, list[Found]]:
    """Let calls take turns on every item, so that a busy moment of the machine meets them all.

    Args:
        calls: what to call, by name.
        items: what to call it with.
        warm_up: turns that do not count.
        turns: turns that count, at most.
        label: name of the progress bar; empty: none is shown.
        min_turns: and at least, where the time is over.
        max_seconds: after which no further turn begins.

    Returns:
        what each call returned in the turns that count.
    """
    found: dict[Key, list[Found]] = {name: [] for name in calls}
    began = time.perf_counter()
    for turn in range(warm_up + turns):
        if turn >= warm_up + min_turns and time.perf_counter() - began > max_seconds:
            break
        for item in track(items, label, console=console, transient=True, disable=not label):
            for name, call in calls.items():
                result = call(item)
                if turn >= warm_up:
                    found[name].append(result)
    return found


def medians(
    calls: Mapping[str, Callable[[], object]],
    warm_up: int,
    turns: int,
    *,
    min_turns: int = 0,
    max_seconds: float = float("inf"),
) -> dict[str, float]:
    """Return the median milliseconds of each call; they take turns as in :func:`take_turns`."""
    timed = {name: partial(_spent_ms, call) for name, call in calls.items()}
    spent = take_turns(timed, (None,), warm_up, turns, min_turns=min_turns, max_seconds=max_seconds)
    return {name: round(median(values), 3) for name, values in spent.items()}


def _spent_ms(call: Callable[[], object], _: None) -> float:
    """Return the milliseconds that a call takes."""
    started = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - started)


def median(values: Sequence[float]) -> float:
    """Return the median of some numbers."""
    return float(np.median(values))


def rounded(value: Any) -> Any:
    """Round every float of nested values to five digits."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def random_inputs(record: GraphFile) -> Arrays:
    """Return random numbers of the right kind for every input of a graph."""
    rng = np.random.default_rng(SEED)
    return {
        spec.name: rng.integers(-100, 100, spec.shape).astype(spec.dtype)
        if spec.scale is not None
        else rng.standard_normal(spec.shape).astype(spec.dtype)
        for spec in record.inputs
    }


def machine() -> dict[str, Any]:
    """Describe the machine, as ``adafocus bench`` does."""
    return asdict(read_facts())


def write(out: Path | None, content: dict[str, Any]) -> None:
    """Write figures to a file, JSON or YAML by its name, and say so; without a file print them as JSON."""
    if out is None:
        click.echo(json.dumps(content, indent=1))
        return
    write_report(out, content)
    click.echo(f"wrote {out}")


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], ratios: Mapping[str, float]) -> None:
    """Print a table of times, and how many times faster or slower one is than another."""
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
    for name, ratio in ratios.items():
        console.print(f"{name}: {ratio:.2f}")


@contextmanager
def canvas(path: Path, dpi: int = 120, **settings: Any) -> Iterator[Any]:
    """Yield an empty matplotlib figure, and write it to a PNG when the block succeeds.

    Raises:
        AdafocusError: matplotlib is not installed.
    """
    try:
        figure = import_module("matplotlib.figure").Figure(layout="constrained", **settings)
    except ModuleNotFoundError as error:
        raise AdafocusError('The plot needs matplotlib. Install it: pip install "matplotlib==3.10.*"') from error
    yield figure
    with replacing_file(path) as beside:
        figure.savefig(beside, format="png", dpi=dpi)
