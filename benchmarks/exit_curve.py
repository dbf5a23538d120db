"""What an exit saves, measured: the host's share, the price of stopping at the glance, and time along the exit curve.

    python -m benchmarks.exit_curve BUNDLE [BUNDLE ...] --clips clips.csv --out exits.json --plot exits.png

Where the time of a clip goes is measured on video files, as ``adafocus run`` answers them. Then the clips are held, and
three things take turns on them: the glance by itself (its pixel table and its graph, nothing else), whole clips that
stop at the glance, and whole clips that never stop early, one of these before either of the others. The curve sets the
threshold so that more and more of the clips stop at the glance, and plays all of them at every threshold.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import track

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.manifest import STAGES
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.errors import AdafocusError
from benchmarks.harness import figure, read_list

HOST = ("pixels", "select", "crop", "other")
WARM_UP_TURNS, TURNS = 1, 6
SHARES = tuple(step / 8 for step in range(9))

console = Console(highlight=False)


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
        exit_ms: a clip that stops at the glance, from decoded frames to the answer.
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


def measure(recognizer: Recognizer, videos: Sequence[Path]) -> Figures:
    """Time a bundle on video files."""
    read = _read_and_play(recognizer, videos)
    geometry = recognizer.bundle.manifest.geometry
    clips = [read_clip(video, geometry) for video in track(videos, "reading", console=console, transient=True)]
    alone: list[float] = []
    call: list[float] = []
    early: list[float] = []
    full: list[float] = []
    for turn in range(WARM_UP_TURNS + TURNS):
        for clip in track(clips, "exits", console=console, transient=True):
            # a whole clip before either: what ran last decides what is in the caches
            _play(recognizer, clip, np.inf)
            spent = _glance_alone(recognizer, clip)
            whole, short = (_play(recognizer, clip, threshold) for threshold in (np.inf, -np.inf))
            if turn >= WARM_UP_TURNS:
                call.append(spent[1])
                alone.append(sum(spent))
                early.append(short.ms)
                full.append(whole.ms)
    curve = _curve(recognizer, clips)
    return Figures(
        bundle=recognizer.bundle.manifest.name,
        clips=len(clips),
        stages_ms={stage: _median([one.parts_ms[stage] for one in read]) for stage in STAGES},
        host_ms={part: _median([one.parts_ms[part] for one in read]) for part in HOST},
        resize_ms=_median([one.parts_ms["resize"] for one in read]),
        host_share=_share(read, HOST),
        host_share_with_resizing=_share(read, (*HOST, "resize")),
        crop_ms_per_patch=_median([one.parts_ms["crop"] / one.patches for one in read]),
        glance_call_ms=_median(call),
        glance_alone_ms=_median(alone),
        exit_ms=_median(early),
        full_ms=_median(full),
        exit_over_glance_percent=_percent_over(early, alone),
        exit_over_call_percent=_percent_over(early, call),
        largest_departure_from_a_line_percent=_departure(curve),
        curve=curve,
    )


def _read_and_play(recognizer: Recognizer, videos: Sequence[Path]) -> list[Played]:
    """Every video read from its file and answered without stopping early, several times."""
    recognizer.thresholds = None
    played: list[Played] = []
    for turn in range(WARM_UP_TURNS + TURNS):
        for video in track(videos, "from files", console=console, transient=True):
            answer = recognizer.recognize(video)
            spent = answer.timing_ms
            if turn >= WARM_UP_TURNS:
                played.append(Played(spent["total"], spent, len(answer.patches), answer.exit_index, answer.macs))
    return played


def _glance_alone(recognizer: Recognizer, clip: Clip) -> tuple[float, float]:
    """Milliseconds of the glance's pixel table and of its runtime call, and nothing else."""
    started = time.perf_counter()
    pixels = recognizer.glance_pixels.apply(clip.glance)
    ready = time.perf_counter()
    recognizer.graphs["glance"].run({"frames": pixels})
    return 1e3 * (ready - started), 1e3 * (time.perf_counter() - ready)


@dataclass(frozen=True)
class Played:
    """What is kept of a clip that was played; its arrays are let go, so that their memory is used again."""

    ms: float
    parts_ms: dict[str, float]
    patches: int
    exit_index: int
    macs: int


def _play(recognizer: Recognizer, clip: Clip, threshold: float) -> Played:
    """From decoded frames to the answer."""
    recognizer.thresholds = (threshold,) * (len(recognizer.exit_macs) - 1)
    started = time.perf_counter()
    answer = recognizer.recognize_clip(clip)
    ms = 1e3 * (time.perf_counter() - started)
    return Played(ms, answer.timing_ms, len(answer.patches), answer.exit_index, answer.macs)


def _curve(recognizer: Recognizer, clips: Sequence[Clip]) -> tuple[Point, ...]:
    """Every threshold takes its turn on a clip before the next clip comes."""
    sure = [recognizer.recognize_clip(clip, stop_after="glance").confidences[0] for clip in clips]
    thresholds = [float(np.quantile(sure, 1 - share, method="higher")) if share else np.inf for share in SHARES]
    played: list[list[Played]] = [[] for _ in thresholds]
    for _ in range(TURNS):
        for clip in track(clips, "curve", console=console, transient=True):
            for rows, threshold in zip(played, thresholds, strict=True):
                rows.append(_play(recognizer, clip, threshold))
    return tuple(
        Point(
            threshold=threshold,
            stopped_at_glance=float(np.mean([one.exit_index == 0 for one in rows])),
            gmac=float(np.mean([one.macs for one in rows])) / 1e9,
            ms=float(np.mean([one.ms for one in rows])),
        )
        for threshold, rows in zip(thresholds, played, strict=True)
    )


def _departure(curve: Sequence[Point]) -> float:
    """How far measured times are from the line through both ends of the curve, at most, in percent of the line."""
    first, last = curve[0], curve[-1]
    slope = (first.ms - last.ms) / (first.gmac - last.gmac)
    lines = [last.ms + slope * (point.gmac - last.gmac) for point in curve]
    return 100 * max(abs(point.ms / line - 1) for point, line in zip(curve, lines, strict=True))


def _share(played: Sequence[Played], parts: Sequence[str]) -> float:
    """These parts over them and the runtime calls together, median."""
    shares = []
    for one in played:
        spent, calls = (sum(one.parts_ms[name] for name in names) for names in (parts, STAGES))
        shares.append(spent / (spent + calls))
    return _median(shares)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _percent_over(values: Sequence[float], base: Sequence[float]) -> float:
    return 100 * (float(np.median(np.array(values) / np.array(base))) - 1)


def draw(found: Sequence[Figures], path: Path) -> None:
    """Mean time against mean GMAC along each curve, with the line through its ends."""
    canvas = figure(figsize=(5.2 * len(found), 4.2), layout="constrained")
    for axis, one in zip(canvas.subplots(1, len(found), squeeze=False)[0], found, strict=True):
        gmac, ms = ([getattr(point, name) for point in one.curve] for name in ("gmac", "ms"))
        ends = [0, -1]
        axis.plot([gmac[i] for i in ends], [ms[i] for i in ends], "--", color="#999999", label="line through both ends")
        axis.plot(gmac, ms, "o", color="#1f5fa8", label="measured, mean of all clips")
        for point in one.curve[:: len(one.curve) // 4]:
            axis.annotate(
                f"{100 * point.stopped_at_glance:.0f} % stop", (point.gmac, point.ms), (8, -12),
                textcoords="offset points", fontsize=8,
            )  # fmt: skip
        axis.set(
            title=one.bundle, xlabel="mean GMAC a clip", ylabel="mean ms a clip, without reading it", ylim=(0, None)
        )
        axis.margins(x=0.25)
        axis.legend(fontsize=8)
    with replacing_file(path) as beside:
        canvas.savefig(beside, format="png", dpi=120)


def report(found: Sequence[Figures], recognizer: Recognizer) -> dict[str, Any]:
    """Everything that was measured, and where."""
    return {
        "command": "python -m benchmarks.exit_curve BUNDLE ... --clips ucf6.csv",
        "runtime": recognizer.runtime,
        "threads": recognizer.threads,
        "processor": platform.machine(),
        "turns": TURNS,
        "torch_imported": "torch" in sys.modules,
        "bundles": [_rounded(asdict(one)) for one in found],
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


@click.command()
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--clips", "clip_list", required=True, type=click.Path(path_type=Path), help="CSV with path and split.")
@click.option("--split", default="val", show_default=True)
@click.option("--most", default=30, show_default=True, type=click.IntRange(2), help="At most so many clips of it.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="JSON.")
@click.option("--plot", type=click.Path(path_type=Path), help="PNG.")
@click.option("--runtime", default="litert", show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(
    bundles: tuple[Path, ...],
    clip_list: Path,
    split: str,
    most: int,
    out: Path,
    plot: Path | None,
    runtime: str,
    threads: int,
) -> None:
    """Measure what exits cost and save with BUNDLES on real clips."""
    try:
        videos = read_list(clip_list, split)
        videos = videos[:: max(1, len(videos) // most)][:most]
        found = []
        for path in bundles:
            recognizer = Recognizer.open(Bundle.open(path), runtime, threads)
            found.append(measure(recognizer, videos))
        with replacing_file(out) as beside:
            beside.write_text(json.dumps(report(found, recognizer), indent=1) + "\n", encoding="utf-8")
        if plot is not None:
            draw(found, plot)
    except AdafocusError as error:
        console.print(f"exit_curve: {error}")
        raise SystemExit(2) from error
    for one in found:
        console.print(
            f"{one.bundle}: host {100 * one.host_share:.1f} % of the time, crop {one.crop_ms_per_patch:.3f} "
            f"ms a patch; a clip that stops at the glance costs {one.exit_over_glance_percent:+.1f} % over the glance; "
            f"times are at most {one.largest_departure_from_a_line_percent:.1f} % off the line in GMAC"
        )


if __name__ == "__main__":
    main()
