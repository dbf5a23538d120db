"""Measure how long the stages of real clips keep a processor busy, for the simulation of a measurement.

    python -m benchmarks.energy.clip_times BUNDLE --clips clips.csv --out results/energy_clip_times.json

Every clip is decoded, glanced at, looked at in full and stopped early in turn, as in ``adafocus energy``, and several
times. Other programs may be at work: what is counted is the processor time of each clip, split over the stages
as their time by the clock was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.commands import options
from adafocus.edge.device.host import read_facts
from adafocus.edge.energy.measuring.workloads import never, table_of
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import read_clip
from benchmarks.harness import PATH, Benchmark, clips_of, clips_option, console, option, split_option

DIGITS = 3
OF_GLANCE = ("pixels", "glance")


def phases(prediction: Prediction) -> list[float]:
    """Return milliseconds of decoding, of the glance and of everything after it."""
    spent = prediction.timing_ms
    decode = spent["decode"] + spent.get("resize", 0.0)
    glance = sum(spent.get(name, 0.0) for name in OF_GLANCE)
    if prediction.exit_stage == "glance":
        return [decode, spent["total"] - decode, 0.0]
    return [decode, glance, spent["total"] - decode - glance]


def busy(work: Callable[[], list[float]]) -> list[float]:
    """Return milliseconds of processor time of each phase.

    Args:
        work: does it, and returns how its time by the clock was split.
    """
    began = time.process_time()
    parts = work()
    spent_ms = 1e3 * (time.process_time() - began)
    return [round(spent_ms * part / sum(parts), DIGITS) for part in parts]


def works(recognizer: Recognizer, video: Path) -> dict[str, Callable[[], list[float]]]:
    """Return what runs a clip as each workload, and returns how long its phases took by the clock."""
    geometry = recognizer.bundle.manifest.geometry
    rows = table_of(recognizer.bundle.manifest.exits.budgets)

    def decode() -> list[float]:
        read_clip(video, geometry)
        return [1.0, 0.0, 0.0]

    def glance() -> list[float]:
        recognizer.thresholds = None
        began = time.perf_counter()
        return phases(recognizer.recognize_clip(read_clip(video, geometry), stop_after="glance", started=began))

    def full() -> list[float]:
        recognizer.thresholds = never(recognizer)
        return phases(recognizer.recognize(video))

    def exits() -> list[float]:
        recognizer.thresholds = rows[len(rows) // 2].thresholds
        return phases(recognizer.recognize(video))

    return {"decode": decode, "glance": glance, "full": full, "exits": exits}


@click.command(cls=Benchmark)
@click.argument("bundle", type=PATH)
@clips_option
@split_option
@option("--max-clips", default=30, type=click.IntRange(1), help="Take at most this many clips, spread over the list.")
@option("--passes", default=20, type=click.IntRange(2), help="Run every workload on every clip this often.")
@click.option("--out", type=PATH, required=True, help="Write the times to this file.")
@options.runtime
@options.threads
def main(
    bundle: Path, clip_list: Path, split: str, max_clips: int, passes: int, out: Path, runtime: str, threads: int
) -> None:
    """Measure how long the stages of real clips keep a processor busy with BUNDLE."""
    recognizer = Recognizer.open(bundle, runtime, threads)
    videos = clips_of(clip_list, split, max_clips)
    ms: dict[str, list[list[list[float]]]] = {}
    for number in track(range(passes + 1), "passes", console=console):
        for place, video in enumerate(videos):
            for name, work in works(recognizer, video).items():
                found = busy(work)
                # the first pass warms up
                if number:
                    ms.setdefault(name, [[] for _ in videos])[place].append(found)
    facts = read_facts()
    content: dict[str, Any] = {
        "command": f"python -m benchmarks.energy.clip_times BUNDLE --clips CLIPS.csv --max-clips {max_clips} "
        f"--passes {passes} --out {out.name}",
        "bundle": recognizer.bundle.manifest.name,
        "runtime": runtime,
        "threads": threads,
        "processor": facts.processor,
        "processors": facts.processors,
        "clips": len(videos),
        "passes": passes,
        "phases": ["decode", "glance", "focus"],
        "ms": ms,
    }
    with replacing_file(out) as beside:
        beside.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
