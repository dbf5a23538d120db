"""Measure whether a budget in joules holds on a device whose power is known, while its profile is wrong or gets wrong.

    python -m benchmarks.energy.budget BUNDLE --clips clips.csv --out results/energy.yaml

The clips are real, and so are the predictions, the exits, the controller, and the integration of the meter's samples.
The same clip gives the same prediction at the same exit, so each is made once and played again from memory.
Made up are the device's power and how long its stages take, those of a small board: so it is known what every clip
really took, and the running mean of that is set against the budget.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np
from rich.progress import track

from adafocus.calibration.report_file import put_result
from adafocus.edge.budget.controller import WINDOW_CLIPS, Controller
from adafocus.edge.budget.costs import Budget
from adafocus.edge.budget.joules import EnergyCosts, EnergyProfile
from adafocus.edge.commands import options
from adafocus.edge.exits import NEVER
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip, read_clip
from benchmarks.energy.known_device import KnownDevice
from benchmarks.harness import (
    PATH,
    SEED,
    Benchmark,
    clips_of,
    clips_option,
    console,
    option,
    rounded,
    split_option,
)

BUDGET = Budget(0.4, "J")
IDLE_W, NOISE_W, REST_S = 2.7, 0.05, 0.05
# seconds and W above idle: of decoding a clip, of the glance, and of everything after it
DECODE, GLANCE, FOCUS = (0.030, 1.5), (0.060, 3.2), (0.110, 3.6)
# spread of the time of one stage, as of a board with fixed clocks
JITTER = 0.02


def above_idle_j(part: tuple[float, float]) -> float:
    """Return the joules of seconds at a power."""
    return part[0] * part[1]


@dataclass(frozen=True)
class Experiment:
    """One playlist under the budget.

    Attributes:
        name: what is wrong with the profile, or becomes wrong.
        meter: whether there is one.
        settled_at: clip from which on the running mean is judged: the 50th, or 50 clips after the first window of the
            meter that came after the change.
        worst_percent: largest deviation of the running mean of what clips really took from the budget, from then on.
        mean_j: what a clip really took, the mean of all.
        stopped_percent: share of clips that stopped after the glance.
        source: where the joules came from in the end.
        correction: of the profile, in the end.
        windows: of the meter.
        lost_windows: in which it gave no joules.
        announced: sentences on the meter.
    """

    name: str
    meter: bool
    settled_at: int
    worst_percent: float
    mean_j: float
    stopped_percent: float
    source: str
    correction: float
    windows: int
    lost_windows: int
    announced: tuple[str, ...]


def profile_of_device(scale: float = 1.0) -> EnergyProfile:
    """Return what ``adafocus energy`` would find, times a factor by which it is wrong."""
    decode = above_idle_j(DECODE)
    glance = decode + above_idle_j(GLANCE)
    full = glance + above_idle_j(FOCUS)
    return EnergyProfile(scale * decode, scale * glance, scale * full, IDLE_W, "measured", "board input")


class Remembered:
    """A recognizer that makes every prediction once, for each exit of each clip.

    Attributes:
        recognizer: of the bundle.
        clips: the different ones.
    """

    def __init__(self, recognizer: Recognizer, clips: Sequence[Clip]) -> None:
        self.recognizer, self.clips = recognizer, clips
        self._made: dict[tuple[int, int], Prediction] = {}

    def recognize(self, number: int, thresholds: tuple[float, ...]) -> Prediction:
        """Return the prediction for a clip with these thresholds."""
        last = len(thresholds)
        never = (NEVER,) * last
        full = self._made.get((number, last)) or self._make(number, never)
        taken = next((place for place in range(last) if full.confidences[place] >= thresholds[place]), last)
        return self._made.get((number, taken)) or self._make(number, thresholds)

    def _make(self, number: int, thresholds: tuple[float, ...]) -> Prediction:
        self.recognizer.thresholds = thresholds
        found = self.recognizer.recognize_clip(self.clips[number])
        self._made[number, found.exit_index] = found
        return found


def spend(device: KnownDevice, prediction: Prediction, exit_macs: tuple[int, ...], rng: random.Random) -> float:
    """Let the device take what a clip takes, and rest; return the joules above idle."""
    after_glance = (prediction.macs - exit_macs[0]) / (exit_macs[-1] - exit_macs[0])
    parts = ((*DECODE, 1.0), (*GLANCE, 1.0), (*FOCUS, after_glance))
    spent_j = 0.0
    for seconds, watts, share in parts:
        if share > 0.0:
            spent_j += device.work(share * seconds * rng.lognormvariate(0.0, JITTER), watts)
    device.work(REST_S)
    return spent_j


def play(
    name: str,
    remembered: Remembered,
    order: Sequence[int],
    profile: EnergyProfile,
    *,
    metered: bool = True,
    change_at: int | None = None,
    change: Callable[[KnownDevice], None] = lambda device: None,
) -> Experiment:
    """Recognize clips under the budget.

    Args:
        name: of the experiment.
        remembered: the bundle's recognizer and clips.
        order: numbers of clips.
        profile: what the budget is told.
        metered: whether the meter is read.
        change_at: clip before which something happens.
        change: what.
    """
    recognizer = remembered.recognizer
    device, rng = KnownDevice(IDLE_W, noise_w=NOISE_W, seed=SEED), random.Random(SEED)
    announced: list[str] = []
    meter = device if metered else None
    costs = EnergyCosts(profile, recognizer.exit_macs, meter, meter, announced.append)
    controller = Controller.start(BUDGET, recognizer, remembered.clips[order[0]], costs)
    spent_j, stopped, windows = [], [], []
    for place, number in enumerate(track(order, name, console=console, transient=True)):
        if place == change_at:
            change(device)
        prediction = remembered.recognize(number, controller.thresholds)
        spent_j.append(spend(device, prediction, recognizer.exit_macs, rng))
        stopped.append(prediction.exit_stage == "glance")
        controller.observe(prediction)
        windows.append(costs.about()["energy"]["windows"])
    about = costs.about()["energy"]
    settled = _settled(profile, windows, change_at)
    means = np.convolve(spent_j, np.full(WINDOW_CLIPS, 1 / WINDOW_CLIPS), "valid")[settled - WINDOW_CLIPS :]
    return Experiment(
        name,
        metered,
        settled,
        100 * float(np.abs(means / BUDGET.value - 1).max()),
        float(np.mean(spent_j)),
        100 * float(np.mean(stopped)),
        about["source"],
        about["correction"],
        about["windows"],
        about["lost_windows"],
        tuple(announced),
    )


def _settled(profile: EnergyProfile, windows: list[int], change_at: int | None) -> int:
    """Return the number of clips from which on the running mean must hold."""
    wrong = profile.full_j != profile_of_device().full_j
    if change_at is None and not wrong:
        return WINDOW_CLIPS
    # the meter's windows that the change has met in full, and as many as outvote those before it
    before = 0 if change_at is None else windows[change_at] + 1
    needed = before + (1 if change_at is None else 2)
    first = next((number for number, count in enumerate(windows) if count >= needed), None)
    return WINDOW_CLIPS if first is None else first + 1 + WINDOW_CLIPS


def hotter(device: KnownDevice) -> None:
    """Let everything above idle take a fifth more power."""
    device.factor = 1.2


def experiments(remembered: Remembered, order: Sequence[int]) -> list[Experiment]:
    """Play the same clips with a right profile, a wrong one, a device that changes, and a meter that dies."""
    right, half = profile_of_device(), len(order) // 2
    return [
        play("the profile is right, without a meter", remembered, order, right, metered=False),
        play("the profile is right", remembered, order, right),
        play("the profile says a fifth too little", remembered, order, profile_of_device(1 / 1.2)),
        play("the device takes a fifth more from half-way on", remembered, order, right, change_at=half, change=hotter),
        play("the meter dies half-way", remembered, order, right, change_at=half, change=KnownDevice.kill_meter),
    ]


@click.command(cls=Benchmark)
@click.argument("bundle", type=PATH)
@clips_option
@split_option
@click.option("--max-clips", type=click.IntRange(1), help="Take at most this many clips, spread over the list.")
@option("--plays", default=600, type=click.IntRange(4 * WINDOW_CLIPS), help="Recognize this many clips in all.")
@click.option("--out", type=PATH, required=True, help="Put the figures into this file of results, under budget.")
@options.runtime
@options.threads
def main(
    bundle: Path,
    clip_list: Path,
    split: str,
    max_clips: int | None,
    plays: int,
    out: Path,
    runtime: str,
    threads: int,
) -> None:
    """Measure how well 0.4 J a clip is held by BUNDLE on a device whose power is known."""
    recognizer = Recognizer.open(bundle, runtime, threads)
    videos = clips_of(clip_list, split, max_clips)
    geometry = recognizer.bundle.manifest.geometry
    decoded = [read_clip(video, geometry) for video in track(videos, "decoding", console=console)]
    clips = [replace(clip, decode_ms=0.0, resize_ms=0.0) for clip in decoded]
    shuffled, order = random.Random(SEED), list[int]()
    while len(order) < plays:
        order += shuffled.sample(range(len(clips)), len(clips))
    found = experiments(Remembered(recognizer, clips), order[:plays])
    content = {
        "command": "python -m benchmarks.energy.budget BUNDLE --clips CLIPS.csv --out results/energy.yaml",
        "note": "the device and its meter are made up, clips, predictions and controller are real",
        "bundle": recognizer.bundle.manifest.name,
        "different_clips": len(decoded),
        "plays": plays,
        "budget": str(BUDGET),
        "range_j": [profile_of_device().glance_j, profile_of_device().full_j],
        "window_clips": WINDOW_CLIPS,
        "experiments": [asdict(one) for one in found],
    }
    put_result(out, "budget", rounded(content))
    for one in found:
        console.print(
            f"{one.name}: from clip {one.settled_at} on the running mean was at most {one.worst_percent:.2f} % away; "
            f"{one.source}, correction {one.correction:.3f}, {one.windows} windows, {one.lost_windows} lost"
        )


if __name__ == "__main__":
    main()
