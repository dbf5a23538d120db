"""Measure what an exit saves: the host's share, the price of stopping at the glance, and time along the exit curve.

    python -m benchmarks.exit_curve BUNDLE [BUNDLE ...] --clips clips.csv --out exits.json --plot exits.png

Where the time of a clip goes is measured on video files, as ``adafocus run`` reads them. Then the clips are held, and
three things take turns on them: the glance by itself (its pixel table and its graph, nothing else), whole clips that
stop at the glance, and whole clips that never stop early, one of these before either of the others. The curve sets the
threshold so that more and more of the clips stop at the glance, and plays all of them at every threshold.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from adafocus.edge.bundle.manifest import STAGES
from adafocus.edge.commands import options
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip, read_clip
from benchmarks.harness import (
    PATH,
    Benchmark,
    canvas,
    clips_of,
    clips_option,
    console,
    machine,
    median,
    option,
    out_option,
    plot_option,
    rounded,
    split_option,
    take_turns,
    write,
)

HOST = ("pixels", "select", "crop", "other")
WARM_UP_TURNS, TURNS = 1, 6
SHARES = tuple(step / 8 for step in range(9))


@dataclass(frozen=True)
class Point:
    """All clips played at one threshold; means per clip, without reading."""

    threshold: float
    stopped_at_glance: float
    gmac: float
    ms: float


@dataclass(frozen=True)
class Figures:
    """What was measured with one bundle.

    Attributes:
        stages_ms: medians of the runtime calls of a clip that is read from its file and never stops early.
        host_ms: medians of the host's parts of such a clip.
        resize_ms: resizing of the frames that the glance and the focus see, median.
        host_share: all host work over host work and runtime calls together, median.
        host_share_with_resizing: likewise, where resizing counts as host work.
        crop_ms_per_patch: median.
        glance_call_ms: the glance's runtime call by itself, median.
        glance_alone_ms: with the pixel table that feeds it.
        exit_ms: a clip that stops at the glance, from decoded frames to the prediction.
        full_ms: a clip that never stops early, likewise.
        exit_over_glance_percent: median of the ratio to ``glance_alone_ms`` in the same turn, less 100.
        exit_over_call_percent: likewise over ``glance_call_ms``.
        largest_departure_from_a_line_percent: of the curve's times from the line in GMAC through its ends.
    """

    bundle: str
    clips: int
    stages_ms: dict[str, float]
    host_ms: dict[str, float]
    resize_ms: float
    host_share: float
    host_share_with_resizing: float
    crop_ms_per_patch: float
    glance_call_ms: float
    glance_alone_ms: float
    exit_ms: float
    full_ms: float
    exit_over_glance_percent: float
    exit_over_call_percent: float
    largest_departure_from_a_line_percent: float
    curve: tuple[Point, ...]


@dataclass(frozen=True)
class Played:
    """What is kept of a clip that was played; its arrays are let go, so that their memory is used again."""

    ms: float
    parts_ms: dict[str, float]
    patches: int
    exit_index: int
    macs: int

    @classmethod
    def of(cls, prediction: Prediction, ms: float) -> Played:
        """Keep the figures of a prediction."""
        return cls(ms, prediction.timing_ms, len(prediction.patches), prediction.exit_index, prediction.macs)


@dataclass(frozen=True)
class Exits:
    """Milliseconds of one clip: the glance by itself, and whole clips with and without stopping at it."""

    table_ms: float
    call_ms: float
    early_ms: float
    full_ms: float


def measure(recognizer: Recognizer, videos: Sequence[Path]) -> Figures:
    """Time a bundle on video files."""
    recognizer.thresholds = None
    read = take_turns({"": partial(_from_file, recognizer)}, videos, WARM_UP_TURNS, TURNS, "from files")[""]
    geometry = recognizer.bundle.manifest.geometry
    clips = [read_clip(video, geometry) for video in track(videos, "reading", console=console, transient=True)]
    exits = take_turns({"": partial(_exits, recognizer)}, clips, WARM_UP_TURNS, TURNS, "exits")[""]
    call = [one.call_ms for one in exits]
    alone = [one.table_ms + one.call_ms for one in exits]
    early = [one.early_ms for one in exits]
    curve = _curve(recognizer, clips)
    return Figures(
        bundle=recognizer.bundle.manifest.name,
        clips=len(clips),
        stages_ms={stage: median([one.parts_ms[stage] for one in read]) for stage in STAGES},
        host_ms={part: median([one.parts_ms[part] for one in read]) for part in HOST},
        resize_ms=median([one.parts_ms["resize"] for one in read]),
        host_share=_share(read, HOST),
        host_share_with_resizing=_share(read, (*HOST, "resize")),
        crop_ms_per_patch=median([one.parts_ms["crop"] / one.patches for one in read]),
        glance_call_ms=median(call),
        glance_alone_ms=median(alone),
        exit_ms=median(early),
        full_ms=median([one.full_ms for one in exits]),
        exit_over_glance_percent=_percent_over(early, alone),
        exit_over_call_percent=_percent_over(early, call),
        largest_departure_from_a_line_percent=_departure(curve),
        curve=curve,
    )


def _from_file(recognizer: Recognizer, video: Path) -> Played:
    """Read a video from its file and recognize it."""
    prediction = recognizer.recognize(video)
    return Played.of(prediction, prediction.timing_ms["total"])


def _exits(recognizer: Recognizer, clip: Clip) -> Exits:
    """Time the glance by itself, then the whole clip without and with stopping at the glance."""
    # a whole clip before either: what ran last decides what is in the caches
    _play(recognizer, np.inf, clip)
    started = time.perf_counter()
    pixels = recognizer.glance_pixels.apply(clip.glance)
    ready = time.perf_counter()
    recognizer.graphs["glance"].run({"frames": pixels})
    table_ms, call_ms = 1e3 * (ready - started), 1e3 * (time.perf_counter() - ready)
    full = _play(recognizer, np.inf, clip)
    return Exits(table_ms, call_ms, _play(recognizer, -np.inf, clip).ms, full.ms)


def _play(recognizer: Recognizer, threshold: float, clip: Clip) -> Played:
    """Time a clip from decoded frames to the prediction."""
    recognizer.thresholds = (threshold,) * (len(recognizer.exit_macs) - 1)
    started = time.perf_counter()
    prediction = recognizer.recognize_clip(clip)
    return Played.of(prediction, 1e3 * (time.perf_counter() - started))


def _curve(recognizer: Recognizer, clips: Sequence[Clip]) -> tuple[Point, ...]:
    """Play all clips at every threshold; the thresholds take turns on a clip before the next clip comes."""
    confidences = [recognizer.recognize_clip(clip, stop_after="glance").confidences[0] for clip in clips]
    thresholds = [float(np.quantile(confidences, 1 - share, method="higher")) if share else np.inf for share in SHARES]
    calls = {number: partial(_play, recognizer, threshold) for number, threshold in enumerate(thresholds)}
    played = take_turns(calls, clips, 0, TURNS, "curve")
    return tuple(
        Point(
            threshold=threshold,
            stopped_at_glance=float(np.mean([one.exit_index == 0 for one in played[number]])),
            gmac=float(np.mean([one.macs for one in played[number]])) / 1e9,
            ms=float(np.mean([one.ms for one in played[number]])),
        )
        for number, threshold in enumerate(thresholds)
    )


def _departure(curve: Sequence[Point]) -> float:
    """Return the largest distance of a time from the line through both ends of the curve, in percent of the line."""
    first, last = curve[0], curve[-1]
    slope = (first.ms - last.ms) / (first.gmac - last.gmac)
    lines = [last.ms + slope * (point.gmac - last.gmac) for point in curve]
    return 100 * max(abs(point.ms / line - 1) for point, line in zip(curve, lines, strict=True))


def _share(played: Sequence[Played], parts: Sequence[str]) -> float:
    """Return the median of these parts over them and the runtime calls together."""
    shares = []
    for one in played:
        spent, calls = (sum(one.parts_ms[name] for name in names) for names in (parts, STAGES))
        shares.append(spent / (spent + calls))
    return median(shares)


def _percent_over(values: Sequence[float], base: Sequence[float]) -> float:
    """Return the median of ratios as percent above 1."""
    return 100 * (float(np.median(np.array(values) / np.array(base))) - 1)


def draw(found: Sequence[Figures], path: Path) -> None:
    """Draw mean time against mean GMAC along each curve, with the line through its ends."""
    with canvas(path, figsize=(5.2 * len(found), 4.2)) as figure:
        for axis, one in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
            gmac, ms = ([getattr(point, name) for point in one.curve] for name in ("gmac", "ms"))
            ends = [0, -1]
            line = [gmac[i] for i in ends], [ms[i] for i in ends]
            axis.plot(*line, "--", color="#999999", label="line through both ends")
            axis.plot(gmac, ms, "o", color="#1f5fa8", label="measured, mean of all clips")
            for point in one.curve[:: len(one.curve) // 4]:
                axis.annotate(
                    f"{100 * point.stopped_at_glance:.0f} % stop", (point.gmac, point.ms), (8, -12),
                    textcoords="offset points", fontsize=8,
                )  # fmt: skip
            axis.set(title=one.bundle, xlabel="mean GMAC a clip", ylabel="mean ms a clip, without reading it")
            axis.set_ylim(0, None)
            axis.margins(x=0.25)
            axis.legend(fontsize=8)


def report(found: Sequence[Figures], runtime: str, threads: int) -> dict[str, Any]:
    """Return everything that was measured, and where."""
    return {
        "command": "python -m benchmarks.exit_curve BUNDLE ... --clips clips.csv",
        "runtime": runtime,
        "threads": threads,
        "machine": machine(),
        "turns": TURNS,
        "torch_imported": "torch" in sys.modules,
        "bundles": [rounded(asdict(one)) for one in found],
    }


@click.command(cls=Benchmark)
@click.argument("bundles", nargs=-1, required=True, type=PATH)
@clips_option
@split_option
@option("--max-clips", "--most", default=30, type=click.IntRange(2), help="Take at most this many clips of the list.")
@out_option
@plot_option
@options.runtime
@options.threads
def main(
    bundles: tuple[Path, ...],
    clip_list: Path,
    split: str,
    max_clips: int,
    out: Path | None,
    plot: Path | None,
    runtime: str,
    threads: int,
) -> None:
    """Measure what exits cost and save with BUNDLES on real clips."""
    videos = clips_of(clip_list, split, max_clips)
    found = [measure(Recognizer.open(bundle, runtime, threads), videos) for bundle in bundles]
    write(out, report(found, runtime, threads))
    if plot is not None:
        draw(found, plot)
    for one in found:
        console.print(
            f"{one.bundle}: host {100 * one.host_share:.1f} % of the time, crop {one.crop_ms_per_patch:.3f} "
            f"ms a patch; a clip that stops at the glance costs {one.exit_over_glance_percent:+.1f} % over the glance; "
            f"times are at most {one.largest_departure_from_a_line_percent:.1f} % off the line in GMAC"
        )


if __name__ == "__main__":
    main()
