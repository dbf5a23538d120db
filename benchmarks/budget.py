"""Measure whether a budget holds while real clips get harder half-way, and while the machine loses a core half-way.

    python -m benchmarks.budget BUNDLE --clips clips.csv --out budget.json --plot budget.png

The clips of a list are decoded once and ordered by how confident the glance is of them. Experiments in GMAC play the
easier half, then the harder half, each as often as asked. The one in ms plays all of them in a mixed order, and
half-way takes one of two cores away from this process, runtime and all. Nothing is added to a measured time. The clips
lie in memory, so what resizing them took when they were read does not count again.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from adafocus.edge.budget.controller import TOLERANCE, WINDOW_CLIPS, Controller
from adafocus.edge.budget.costs import Budget, TimeCosts
from adafocus.edge.commands import options
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
    option,
    out_option,
    plot_option,
    split_option,
    write,
)

SEED = 7
GMAC_SHARES = (0.25, 0.5, 0.75)
# of the way from the glance to the full path with all cores: what one core can still hold
MS_SHARE = 0.8
CORES = 2
TASKS = Path("/proc/self/task")


@dataclass(frozen=True)
class PlayedClip:
    """One clip of an experiment; costs in the unit of the budget."""

    cost: float
    running_mean: float
    mean: float
    threshold: float
    position: float
    confidence: float
    exit_index: int
    glance_ms: float


@dataclass(frozen=True)
class Experiment:
    """One playlist under one budget.

    Attributes:
        change: what happens at clip ``change_at``.
        range_before: cost of the glance and of the full path at the start.
        range_after: likewise at the end.
        out_for_clips: clips after the change until the running mean is within 5 % and stays there until the full window
            has passed; 0: it never left.
        late_within: share of running means within 5 % from 50 clips after the change on.
        late_worst_percent: the largest deviation among those.
    """

    name: str
    unit: str
    asked: float
    curve: str
    change: str
    change_at: int
    range_before: tuple[float, float]
    range_after: tuple[float, float]
    out_for_clips: int
    late_within: float
    late_worst_percent: float
    clips: tuple[PlayedClip, ...]


def play(
    recognizer: Recognizer, controller: Controller, clips: list[Clip], change: str, at: int, act: Callable[[], None]
) -> Experiment:
    """Play clips under a budget; ``act`` is called before the clip ``at``."""
    budget = controller.budget
    before = controller.state()["range"]
    played = []
    for number, clip in enumerate(track(clips, f"{budget}, {change}", console=console)):
        if number == at:
            act()
        recognizer.thresholds = controller.thresholds
        threshold, position = controller.thresholds[0], controller.position
        prediction = recognizer.recognize_clip(clip)
        cost = controller.observe(prediction)
        state = controller.state()
        played.append(
            PlayedClip(
                round(cost, 5),
                round(state["running_mean"], 5),
                round(state["mean"], 5),
                round(threshold, 5),
                round(position, 4),
                round(prediction.confidences[0], 5),
                prediction.exit_index,
                round(prediction.timing_ms["glance"], 3),
            )
        )
    state = controller.state()
    away = np.array([clip.running_mean for clip in played[at:]]) / budget.value - 1.0
    out = np.flatnonzero(np.abs(away[:WINDOW_CLIPS]) > TOLERANCE)
    late = np.abs(away[WINDOW_CLIPS - 1 :])
    return Experiment(
        name=f"{budget.value:.4g} {budget.unit}: {change}",
        unit=budget.unit,
        asked=budget.value,
        curve=state["curve"],
        change=change,
        change_at=at,
        range_before=tuple(before),
        range_after=tuple(state["range"]),
        out_for_clips=int(out[-1]) + 1 if len(out) else 0,
        late_within=round(float(np.mean(late <= TOLERANCE)), 4),
        late_worst_percent=round(100 * float(late.max()), 2),
        clips=tuple(played),
    )


def on_cores(cores: set[int]) -> None:
    """Keep every thread of this process, the runtime's too, on some cores."""
    for task in TASKS.iterdir():
        os.sched_setaffinity(int(task.name), cores)


def harder_half_way(recognizer: Recognizer, clips: list[Clip], repeats: int) -> list[Experiment]:
    """Play the easier half of the clips, then the harder half, under three budgets in GMAC."""
    halves = np.array_split(most_confident_first(recognizer, clips), 2)
    order = random.Random(SEED)
    playlist = []
    for half in halves:
        indices = half.tolist() * repeats
        order.shuffle(indices)
        playlist += [clips[index] for index in indices]
    low, high = recognizer.exit_macs[0] / 1e9, recognizer.exit_macs[-1] / 1e9
    budgets = [Budget(round(low + share * (high - low), 4), "GMAC") for share in GMAC_SHARES]
    change_at = len(halves[0]) * repeats
    controllers = [Controller.start(budget, recognizer, playlist[0]) for budget in budgets]
    return [play(recognizer, one, playlist, "clips get harder", change_at, lambda: None) for one in controllers]


def most_confident_first(recognizer: Recognizer, clips: list[Clip]) -> list[int]:
    """Return the indices of the clips, first those of which the glance is most confident."""
    found = [recognizer.recognize_clip(clip, stop_after="glance").confidences[0] for clip in clips]
    return np.argsort(-np.array(found), kind="stable").tolist()


def slower_half_way(recognizer: Recognizer, clips: list[Clip], repeats: int) -> Experiment:
    """Play clips in a mixed order under a budget in ms, with one core instead of two from half-way on."""
    playlist = clips * repeats
    random.Random(SEED).shuffle(playlist)
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    on_cores(set(cores))
    costs = TimeCosts.measure(recognizer, playlist[0])
    budget = Budget(round(costs.low + MS_SHARE * (costs.high - costs.low), 2), "ms")
    controller = Controller.start(budget, recognizer, playlist[0], costs)
    change = f"{len(cores)} cores, then 1"
    try:
        return play(recognizer, controller, playlist, change, len(playlist) // 2, lambda: on_cores({cores[0]}))
    finally:
        on_cores(set(cores))


def draw(experiments: list[Experiment], path: Path) -> None:
    """Draw the running means over their budgets, and the thresholds that made them so."""
    with canvas(path, 110, figsize=(4.6 * len(experiments), 7.0)) as figure:
        axes = figure.subplots(2, len(experiments), squeeze=False, sharex="col", height_ratios=(3, 2))
        for (top, bottom), experiment in zip(axes.T, experiments, strict=True):
            numbers = np.arange(1, len(experiment.clips) + 1)
            band = experiment.asked * np.array([1 - TOLERANCE, 1 + TOLERANCE])
            top.axhspan(*band, color="#cfe8cf", label="budget ± 5 %")
            top.plot(numbers, [c.cost for c in experiment.clips], ".", ms=2.5, color="#b8b8b8", label="cost of a clip")
            top.plot(numbers, [c.running_mean for c in experiment.clips], color="#1f5fa8", label="mean of the last 50")
            top.plot(numbers, [c.mean for c in experiment.clips], color="#c05a1c", lw=1, label="mean of all so far")
            top.set_title(f"{experiment.asked:.3g} {experiment.unit} a clip: {experiment.change}", fontsize=10)
            top.set_ylabel(f"{experiment.unit} a clip")
            most = 1.1 * np.percentile([clip.cost for clip in experiment.clips], 98)
            top.set_ylim(0, max(most, 1.25 * experiment.asked))
            bottom.plot(
                numbers,
                np.clip([c.threshold for c in experiment.clips], 0, 1),
                lw=0.8,
                color="black",
                label="threshold",
            )
            confidences = [clip.confidence for clip in experiment.clips]
            bottom.plot(numbers, confidences, ".", ms=2.5, color="#c05a1c", label="confidence of the glance")
            bottom.set_ylabel("threshold")
            bottom.set_xlabel("clip")
            bottom.set_ylim(0, 1.02)
            for axis in (top, bottom):
                axis.axvline(experiment.change_at + 0.5, color="black", lw=0.8, ls="--")
                axis.axvline(experiment.change_at + WINDOW_CLIPS + 0.5, color="black", lw=0.8, ls=":")
        lines = [axis.get_legend_handles_labels() for axis in axes[:, 0]]
        figure.legend(
            lines[0][0] + lines[1][0], lines[0][1] + lines[1][1], loc="outside lower center", ncols=5, fontsize=8
        )


def report(recognizer: Recognizer, experiments: list[Experiment], clips: int) -> dict[str, Any]:
    """Return everything that was measured, and where."""
    return {
        "command": "python -m benchmarks.budget BUNDLE --clips clips.csv",
        "bundle": recognizer.bundle.manifest.name,
        "runtime": recognizer.runtime,
        "threads": recognizer.threads,
        "machine": machine(),
        "numpy": version("numpy"),
        "different_clips": clips,
        "window_clips": WINDOW_CLIPS,
        "tolerance": TOLERANCE,
        "experiments": [asdict(experiment) for experiment in experiments],
    }


@click.command(cls=Benchmark)
@click.argument("bundle", type=PATH)
@clips_option
@split_option
@click.option(
    "--max-clips", "--limit", type=click.IntRange(4), help="Take at most this many clips, spread over the list."
)
@option("--repeats", default=2, type=click.IntRange(1), help="Play each clip this many times.")
@out_option
@plot_option
@option(
    "--unit", "units", multiple=True, type=click.Choice(["GMAC", "ms"]), default=("GMAC", "ms"),
    help="Test budgets in this unit, repeatable.",
)  # fmt: skip
@options.runtime
@options.threads
def main(
    bundle: Path,
    clip_list: Path,
    split: str,
    max_clips: int | None,
    repeats: int,
    out: Path | None,
    plot: Path | None,
    units: tuple[str, ...],
    runtime: str,
    threads: int,
) -> None:
    """Measure how well budgets hold on real clips with BUNDLE."""
    recognizer = Recognizer.open(bundle, runtime, threads)
    geometry = recognizer.bundle.manifest.geometry
    videos = clips_of(clip_list, split, max_clips)
    decoded = [read_clip(video, geometry) for video in track(videos, "decoding", console=console)]
    clips = [replace(clip, decode_ms=0.0, resize_ms=0.0) for clip in decoded]
    experiments = harder_half_way(recognizer, clips, repeats) if "GMAC" in units else []
    if "ms" in units and len(os.sched_getaffinity(0)) >= CORES and TASKS.is_dir():
        experiments.append(slower_half_way(recognizer, clips, repeats))
    elif "ms" in units:
        console.print("There is one core, or no Linux: the slowed machine is left out.")
    write(out, report(recognizer, experiments, len(clips)))
    if plot is not None:
        draw(experiments, plot)
    for experiment in experiments:
        console.print(
            f"{experiment.name}: out of 5 % for {experiment.out_for_clips} clips after the change, then within it for "
            f"{100 * experiment.late_within:.1f} % of the clips, at most {experiment.late_worst_percent} % away"
        )


if __name__ == "__main__":
    main()
