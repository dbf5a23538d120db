"""Run a stream for a day of simulated time, with everything going wrong that goes wrong with cameras.

    python -m benchmarks.robustness.stream_day BUNDLE CLIP --hours 24 --out stream_day.json

The code is that of ``adafocus stream``: its session, its threads, windows, networks and events. The clock is simulated,
and so is the camera, which shows the frames of a real clip. At moments drawn from a seed the camera restarts, stalls,
sends other sizes or frames that cannot be decoded; the wall clock is set; the process is stopped; computing becomes
slow. What the camera did is held against what the stream says.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from adafocus.edge.budget.costs import Budget
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources import Frame, VideoFile, latest, network
from adafocus.edge.streaming import analyzer, events, feeds, loop, session, window
from adafocus.edge.streaming.settings import Settings
from adafocus.errors import SourceError
from benchmarks.harness import Benchmark, console, machine, option, out_option, write
from benchmarks.robustness.simulated_clock import START_S, SimulatedClock

MODULES = (latest, network, analyzer, events, feeds, loop, session, window)
ADDRESS = "http://simulated/camera"
FPS = 10.0
WINDOW_S, HOP_S = 4.0, 4.0
BUDGET = "0.6GMAC"
COMPUTE_S = (0.01, 0.05)
# seconds that each kind of fault takes, at least and at most; none lasts about as long as a window
FAULTS: dict[str, tuple[float, float]] = {
    "restart": (0.1, 90.0),
    "short stall": (0.5, 2.5),
    "long stall": (6.0, 120.0),
    "other size": (0.0, 0.0),
    "damaged frames": (0.1, 2.5),
    "wall clock": (-86400.0, 86400.0),
    "process stopped": (0.5, 120.0),
    "slow computing": (10.0, 120.0),
}
SLOW_S = (1.0, 3.5)
SIZES = ((320, 240), (640, 480), (160, 120), (240, 320), (322, 181))
MAX_CLIP_FRAMES = 300
SAMPLE_S = 600.0
SETTLED_S = 3600.0
# pauses within this of a window's length may count as outages or not: frames are kept every half a second
UNSURE_S = 0.8
# a frame that is wanted, a poll, and one more frame
SLACK_S = 1.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong, when, on the simulated clock, and for how long."""

    at_s: float
    kind: str
    lasts_s: float


def plan(seed: int, seconds: float, each: int) -> list[Fault]:
    """Draw so many faults of each kind, spread over the time, in order."""
    rng = np.random.default_rng(seed)
    faults = [
        Fault(START_S + rng.uniform(60.0, seconds - 60.0), kind, rng.uniform(*bounds))
        for kind, bounds in FAULTS.items()
        for _ in range(each)
    ]
    return sorted(faults, key=lambda fault: fault.at_s)


class Camera:
    """A camera on the network, what goes wrong with it, and what it knows of itself.

    Attributes:
        shown: faults by kind that have happened.
        ended: connections that gave a frame and ended.
        attempts: times that it was opened.
    """

    def __init__(self, clip: Path, clock: SimulatedClock, faults: Sequence[Fault], seconds: float, seed: int) -> None:
        self.clock, self.rng = clock, np.random.default_rng(seed)
        self._frames, self._faults = frames_of(clip), list(faults)
        # as long as the run from the beginning, so that it does not grow
        self._moments = np.zeros(round(seconds * FPS * 1.2) + 1000)
        self.good = 0
        self.shown: Counter[str] = Counter()
        self.ended = self.attempts = 0
        self.away_until_s = self.stalled_until_s = self.damaged_until_s = self.slow_until_s = 0.0
        self.size = SIZES[0]

    def open(self, address: str, open_s: float, read_s: float) -> Connection:
        """Stand in for the opening of a network stream.

        Raises:
            SourceError: it is away, or stalls for longer than opening may take.
        """
        self.attempts += 1
        self.happen()
        left_s = self.stalled_until_s - self.clock.now_s
        if left_s > open_s:
            self.clock.sleep(open_s)
            raise SourceError("http://simulated/camera does not open.")
        if self.clock.now_s < self.away_until_s:
            raise SourceError("http://simulated/camera does not open.")
        self.clock.sleep(max(left_s, 0.0) + self.rng.uniform(0.05, 0.4))
        return Connection(self, read_s)

    def happen(self) -> bool:
        """Let everything happen whose time has come; return whether a connection breaks by it."""
        broken = False
        while self._faults and self._faults[0].at_s <= self.clock.now_s:
            fault = self._faults.pop(0)
            self.shown[fault.kind] += 1
            until_s = self.clock.now_s + fault.lasts_s
            if fault.kind == "restart":
                self.away_until_s, broken = max(self.away_until_s, until_s), True
            elif fault.kind.endswith("stall"):
                self.stalled_until_s = max(self.stalled_until_s, until_s)
            elif fault.kind == "other size":
                self.size = SIZES[int(self.rng.integers(len(SIZES)))]
            elif fault.kind == "damaged frames":
                self.damaged_until_s = until_s
            elif fault.kind == "wall clock":
                self.clock.wall_ahead_s += fault.lasts_s
            elif fault.kind == "process stopped":
                self.clock.leap(fault.lasts_s)
            else:
                self.slow_until_s = until_s
        return broken

    def picture(self, number: int) -> NDArray[np.uint8] | None:
        """Return a frame of the clip in the size of now, None where it cannot be decoded."""
        if self.clock.now_s < self.damaged_until_s:
            return None
        return np.asarray(cv2.resize(self._frames[number % len(self._frames)], self.size), np.uint8)

    def note(self) -> None:
        """Remember when a frame came that can be decoded."""
        if self.clock.now_s >= self.damaged_until_s and self.good < len(self._moments):
            self._moments[self.good] = self.clock.now_s
            self.good += 1

    @property
    def moments(self) -> NDArray[np.float64]:
        """When frames came that can be decoded."""
        return self._moments[: self.good]

    def compute_s(self) -> float:
        """Return how long the networks take for a window now."""
        return float(self.rng.uniform(*(SLOW_S if self.clock.now_s < self.slow_until_s else COMPUTE_S)))


class Connection:
    """A connection to the camera; what a network stream is in :mod:`adafocus.edge.sources.network`."""

    name, live, fps = ADDRESS, True, FPS

    def __init__(self, camera: Camera, read_s: float) -> None:
        self.number, self.timestamp_s = -1, 0.0
        self._camera, self._read_s = camera, read_s
        self._next_s = camera.clock.now_s

    def grab(self) -> bool:
        """Wait for the next frame; what piled up in a stall comes at once. False where none came in time."""
        camera, clock = self._camera, self._camera.clock
        began_s = clock.now_s
        came = not camera.happen()
        if came:
            due_s = max(self._next_s, camera.stalled_until_s)
            clock.sleep(min(max(0.0, due_s - clock.now_s), began_s + self._read_s - clock.now_s))
            came = due_s <= clock.now_s and clock.now_s - began_s < network.NEARLY * self._read_s
        if not came:
            camera.ended += self.number >= 0
            return False
        self.number += 1
        self.timestamp_s = clock.now_s
        # nobody keeps what came while the process was stopped for long
        self._next_s = max(self._next_s + camera.rng.uniform(0.8, 1.2) / FPS, clock.now_s - 2.0)
        camera.note()
        return True

    def retrieve(self) -> Frame | None:
        """Make the frame; None where it cannot be decoded."""
        pixels = self._camera.picture(self.number)
        return None if pixels is None else Frame(pixels, self.number, self.timestamp_s, self.name)

    def close(self) -> None:
        """Do nothing."""


def frames_of(clip: Path) -> list[NDArray[np.uint8]]:
    """Return the first frames of a clip, uint8 BGR."""
    source, frames = VideoFile(clip), list[NDArray[np.uint8]]()
    while len(frames) < MAX_CLIP_FRAMES and source.grab():
        frame = source.retrieve()
        if frame is not None:
            frames.append(frame.pixels)
    source.close()
    return frames


class Watcher:
    """Reads memory, open files and threads of this process at regular simulated moments."""

    def __init__(self, events_file: Path) -> None:
        self._process, self._events = psutil.Process(), events_file
        self._due_s = START_S
        self.samples: list[tuple[float, int, int, int, int]] = []

    def look(self, now_s: float) -> None:
        """Read them where it is time."""
        if now_s < self._due_s:
            return
        self._due_s = now_s + SAMPLE_S
        files, threads = self._process.num_fds(), threading.active_count()
        resident, length = self._process.memory_info().rss, self._events.stat().st_size
        self.samples.append((now_s - START_S, resident, files, threads, length))
        console.print(f"{(now_s - START_S) / 3600:5.1f} h  {resident / 2**20:.1f} MB  {files} files  {threads} threads")

    def as_dict(self) -> dict[str, Any]:
        """Return memory after the first hour, its slope by a line through all samples, and the rest at both ends."""
        hours = np.array([row[0] for row in self.samples]) / 3600
        numbers = np.array([row[1:] for row in self.samples])
        later = hours >= min(SETTLED_S / 3600, hours[-1] / 3)
        resident = numbers[later, 0]
        slope = float(np.polyfit(hours[later], resident, 1)[0]) if later.sum() > 1 else 0.0
        return {
            "samples": len(self.samples),
            "resident_mb_after_first_hour": resident[0] / 2**20,
            "resident_mb_least_most_after_it": [int(resident.min()) / 2**20, int(resident.max()) / 2**20],
            "resident_mb_at_the_end": resident[-1] / 2**20,
            "slope_kb_an_hour": slope / 1024,
            "open_files_first_last_most": [*numbers[later, 1][[0, -1]].tolist(), int(numbers[later, 1].max())],
            "threads_first_last_most": [*numbers[later, 2][[0, -1]].tolist(), int(numbers[later, 2].max())],
            "events_file_bytes": int(numbers[-1, 3]),
        }


@contextmanager
def simulated(camera: Camera, watcher: Watcher) -> Iterator[None]:
    """Let a network stream be the camera, and computing take simulated time; standard output is silent."""
    clock, real_open, real_recognize = camera.clock, network.open_source, Recognizer.recognize_clip

    def recognize(self: Recognizer, *given: Any, **named: Any) -> Any:
        prediction = real_recognize(self, *given, **named)
        watcher.look(clock.now_s)
        clock.sleep(camera.compute_s())
        return prediction

    with clock.within(MODULES):
        network.open_source = camera.open  # type: ignore[assignment]
        Recognizer.recognize_clip = recognize  # type: ignore[method-assign]
        try:
            yield
        finally:
            network.open_source = real_open
            Recognizer.recognize_clip = real_recognize  # type: ignore[method-assign]


def lost_answers(moments: NDArray[np.float64], ends_s: NDArray[np.float64], slow_s: float = SLOW_S[1]) -> list[float]:
    """Return moments by which an answer was due that did not come.

    Within a stretch of frames without a pause as long as a window, the first answer is due once the stretch is a
    window long, and the next ones a hop after each other. A pause within the stretch may put one off by its length, and
    slow computing by the time that it takes.

    Args:
        moments: when frames came that can be decoded, in order.
        ends_s: ends of the windows that were answered, in order, on the same clock.
        slow_s: longest time that computing takes.
    """
    missing = list[float]()
    for stretch in np.split(moments, np.flatnonzero(np.diff(moments) > WINDOW_S - UNSURE_S) + 1):
        first, last = stretch[0], stretch[-1]
        inside = ends_s[(ends_s >= first) & (ends_s <= last)]
        # where the answer before the first one would have been
        marks = np.concatenate(([first + WINDOW_S - HOP_S], inside, [last]))
        for before, after in pairwise(marks.tolist()):
            near = stretch[(stretch >= before - 1) & (stretch <= after)]
            pause_s = float(np.diff(near).max()) if len(near) > 1 else 0.0
            allowed_s = HOP_S + SLACK_S + pause_s + slow_s
            missing += np.arange(before + allowed_s, after, HOP_S).tolist()
    return missing


def measure(bundle: Path, clip: Path, seconds: float, each: int, seed: int, folder: Path) -> dict[str, Any]:
    """Run the stream, and hold what it says against what the camera did."""
    clock = SimulatedClock()
    camera = Camera(clip, clock, plan(seed, seconds, each), seconds, seed)
    place = folder / "events.jsonl"
    watcher = Watcher(place)
    settings = Settings(
        window_s=WINDOW_S,
        hop_s=HOP_S,
        for_s=seconds,
        patience_s=300.0,
        threads=1,
        events=place,
        budget=Budget.parse(BUDGET),
    )
    began = psutil.Process().cpu_times()
    with simulated(camera, watcher):
        session.run_stream(bundle, ADDRESS, settings)
    spent = psutil.Process().cpu_times()
    kinds: Counter[str] = Counter()
    ends, waits = list[float](), 0
    with place.open(encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            kinds[event["event"]] += 1
            if event["event"] == "answer":
                ends.append(event["window"]["end_s"])
            waits += event["event"] == "source" and event["state"] == "waiting"
    summary = event
    # the clock of events begins where the feed did, within the first second
    lost = lost_answers(camera.moments - START_S, np.array(ends))
    gaps = np.diff(camera.moments)
    return {
        "command": f"python -m benchmarks.robustness.stream_day BUNDLE CLIP --hours {seconds / 3600:g} --each {each} "
        f"--seed {seed}",
        "machine": machine(),
        "bundle": bundle.name,
        "source": {"clip": clip.name, "frames_per_second": FPS, "window_s": WINDOW_S, "hop_s": HOP_S, "budget": BUDGET},
        "simulated_hours": (clock.now_s - START_S) / 3600,
        "processor_seconds": spent.user + spent.system - began.user - began.system,
        "faults": dict(camera.shown),
        "answers": {"given": len(ends), "due_and_lost": len(lost), "lost_at_s": lost[:10], "late": summary["late"]},
        "interruptions": {
            "connections_that_ended": camera.ended,
            "counted": summary["interruptions"],
            "pauses_longer_than_a_window": int((gaps > WINDOW_S).sum()),
            "of_them_unsure": int((np.abs(gaps - WINDOW_S) < UNSURE_S).sum()),
            "counted_as_outages": summary["outages"],
            "waiting_events": waits,
        },
        "frames": summary["frames"] | {"came_that_can_be_decoded": camera.good},
        "memory": watcher.as_dict(),
        "events": {"by_kind": dict(kinds), "lost": summary["events_lost"]},
    }


@click.command(cls=Benchmark)
@click.argument("bundle", type=click.Path(path_type=Path, exists=True))
@click.argument("clip", type=click.Path(path_type=Path, exists=True))
@option("--hours", default=24.0, type=click.FloatRange(0.1), help="Let so many hours pass.")
@option("--each", default=40, type=click.IntRange(0), help="So many faults of each kind.")
@option("--seed", default=1, help="Draw the faults from this seed.")
@out_option
def main(bundle: Path, clip: Path, hours: float, each: int, seed: int, out: Path | None) -> None:
    """Stream CLIP with BUNDLE for hours of simulated time while everything goes wrong."""
    # lines of answers go nowhere; the figures are written after them
    kept = os.dup(1)
    with TemporaryDirectory(prefix="adafocus-") as folder, open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            found = measure(bundle, clip.resolve(), 3600 * hours, each, seed, Path(folder))
        finally:
            os.dup2(kept, 1)
    write(out, found)


if __name__ == "__main__":
    main()
