"""``adafocus bench``: how long a clip takes, part by part, several bundles side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from adafocus.edge.bench.comparison import compare, read_report
from adafocus.edge.bench.protocol import Bench, Clips, Contestant, Protocol
from adafocus.edge.bench.report import Surroundings, make_report
from adafocus.edge.bench.tables import show_comparison, show_report
from adafocus.edge.bundle.bundle import Bundle, is_bundle
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.manifest import Stage
from adafocus.edge.commands import options
from adafocus.edge.device.host import peak_memory_bytes, read_facts, read_state
from adafocus.edge.exits import ALWAYS, NEVER
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

# the library has one pool of threads for the whole process
ONE_POOL = "executorch"


def _seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Seconds from ``2``, ``2s``, ``500ms`` or ``1min``."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+\.?\d*)\s*(ms|s|min)?", value.strip())
    seconds = float(found.group(1)) * {"ms": 1e-3, "min": 60.0}.get(found.group(2), 1.0) if found else 0.0
    if seconds <= 0:
        raise AdafocusError(f"--every is {value!r}, expected a time such as 2s, 500ms or 1min.")
    return seconds


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--clips", default=30, show_default=True, type=click.IntRange(1), help="At least so many clips of each.")
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(0), help="And so much time of each.")
@click.option("--warm-up", default=5, show_default=True, type=click.IntRange(0), help="Clips before, not counted.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Sustained load: so long, minute by minute.")
@click.option("--every", "every_s", callback=_seconds, help="A clip starts every 2s (or 500ms) and rests between.")
@click.option("--duty", type=click.FloatRange(0, 1, min_open=True), help="Share of time worked, for example 0.25.")
@click.option("--without-decoding", is_flag=True, help="Decode all clips before; time only what follows.")
@click.option("--exit-threshold", type=float, help="Stop at an exit that is this sure.")
@click.option("--stop-after", type=click.Choice(["glance", "focus"]), help="Answer from the glance alone.")
@click.option("--exits", is_flag=True, help="Clips that stop at the glance and full ones, in turn.")
@click.option("--runtime", "runtimes", multiple=True, default=("litert",), show_default=True, help="Repeatable.")
@click.option("--threads", multiple=True, type=int, default=(2,), show_default=True, help="Repeatable.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the report as JSON.")
@click.option("--compare", "compared", nargs=2, type=click.Path(path_type=Path), help="Set two reports side by side.")
@options.as_json
def bench(
    paths: tuple[Path, ...],
    clips: int,
    seconds: float,
    warm_up: int,
    minutes: float | None,
    every_s: float | None,
    duty: float | None,
    without_decoding: bool,
    exit_threshold: float | None,
    stop_after: Stage | None,
    exits: bool,
    runtimes: tuple[str, ...],
    threads: tuple[int, ...],
    out: Path | None,
    compared: tuple[Path, Path] | None,
    as_json: bool,
) -> None:
    """Time BUNDLES on VIDEOS: folders with a manifest are bundles, the rest of PATHS are videos.

    Bundles, runtimes and numbers of threads take turns clip by clip in one process, so that a busy moment of the
    machine meets all of them. Ctrl-C ends it and prints what was measured so far. Two reports are set side by side by
    adafocus bench --compare A.json B.json.
    """
    if compared:
        _compare(compared, paths, as_json)
        return
    bundles = [path for path in paths if is_bundle(path)]
    videos = [path for path in paths if path not in bundles]
    if not bundles or not videos:
        raise AdafocusError(
            f"found {len(bundles)} bundles and {len(videos)} videos, expected at least one of each: "
            "adafocus bench BUNDLE [BUNDLE ...] VIDEO [VIDEO ...]"
        )
    if exits and (exit_threshold is not None or stop_after is not None):
        raise AdafocusError("--exits stops every other clip by itself. Leave out --exit-threshold and --stop-after.")
    if out is not None and out.is_dir():
        raise AdafocusError(f"--out is the folder {out}, expected the name of a file such as {out / 'bench.json'}.")
    protocol = Protocol(warm_up, clips, seconds, minutes, every_s, duty, not without_decoding)
    contestants = _contestants(bundles, runtimes, threads, exit_threshold, stop_after or "focus", exits)
    # the file is opened before, so that half an hour is not measured for a place that cannot be written to
    with replacing_file(out) if out else nullcontext() as beside:
        report, interrupt = _measure(contestants, videos, protocol)
        if beside is not None:
            beside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if as_json:
        options.print_json(report)
    else:
        console = Console(highlight=False)
        show_report(report, console)
        again = f"adafocus bench {bundles[0]} {videos[0]} --out before.json"
        following = f"adafocus bench --compare {out} OTHER.json" if out else again
        console.print(f"\nnext: {following}", style="dim", soft_wrap=True)
    if interrupt is not None:
        raise interrupt


def _contestants(
    bundles: Sequence[Path],
    runtimes: Sequence[str],
    threads: Sequence[int],
    exit_threshold: float | None,
    stop_after: Stage,
    exits: bool,
) -> list[Contestant]:
    """Every bundle in every runtime with every number of threads; with ``exits`` each of them twice."""
    runtimes, threads = tuple(dict.fromkeys(runtimes)), tuple(dict.fromkeys(threads))
    if ONE_POOL in runtimes and len(threads) > 1:
        raise AdafocusError(
            f"{ONE_POOL} has one pool of threads for the whole process, so numbers of threads cannot take turns. "
            "Measure each by itself with --out, then use --compare."
        )
    found = []
    for path in bundles:
        bundle = Bundle.open(path)
        for runtime in runtimes:
            for number in threads:
                recognizer = Recognizer.open(bundle, runtime, number, exit_threshold)
                name = f"{path} {runtime}" + (f" {number} threads" if len(threads) > 1 else "")
                found += _ways(name, bundle.manifest.name, str(path), recognizer, stop_after, exits)
    return found


def _ways(
    name: str, bundle: str, path: str, recognizer: Recognizer, stop_after: Stage, exits: bool
) -> list[Contestant]:
    if not exits:
        given = recognizer.thresholds
        words = "never" if given is None else f"at {given[0]:g}"
        stops = "after the glance" if stop_after == "glance" else words
        return [Contestant(name, bundle, path, recognizer, given, stop_after, stops)]
    count = len(recognizer.exit_macs) - 1
    # in both every exit on the way is asked, as in use; only the answer differs
    return [
        Contestant(f"{name} {title}", bundle, path, recognizer, (threshold,) * count, "focus", stops)
        for title, threshold, stops in (("full", NEVER, "in no clip"), ("stopped", ALWAYS, "in every clip"))
    ]


def _measure(
    contestants: list[Contestant], videos: list[Path], protocol: Protocol
) -> tuple[dict[str, Any], KeyboardInterrupt | None]:
    """The report, and what stopped it early."""
    geometries = [contestant.recognizer.bundle.manifest.geometry for contestant in contestants]
    clips = Clips(videos, protocol.decoding, geometries)
    facts, before = read_facts(), read_state()
    measured = Bench(contestants, clips, protocol).run()
    around = Surroundings(facts, before, read_state(), peak_memory_bytes())
    return make_report(contestants, clips.videos, protocol, measured, around), measured.interrupted


def _compare(compared: tuple[Path, Path], paths: Sequence[Path], as_json: bool) -> None:
    if paths:
        raise AdafocusError(f"--compare measures nothing, found {paths[0]} as well. Give the two reports only.")
    first, second = (read_report(path) for path in compared)
    names = (compared[0].name, compared[1].name)
    comparison = compare(first, second, names)
    if as_json:
        options.print_json({"first": str(compared[0]), "second": str(compared[1]), **asdict(comparison)})
        return
    console = Console(highlight=False)
    show_comparison(comparison, names, console)
    console.print(f"\nnext: adafocus bench BUNDLE VIDEO --out {compared[1]}", style="dim", soft_wrap=True)
