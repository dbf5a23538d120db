"""Measure whether the intervals of ``adafocus energy`` hold what is true, on a device whose power is known.

    python -m benchmarks.energy.coverage results/energy_clip_times.json --runs 100 --out results/energy.yaml

The protocol, the integration, the statistics and the report are those of the command. Made up are the clock and the
device: each of its clips takes the time that a real clip of the benchmark took in one of its passes, drawn anew each
time, at a power that is known for decoding, glance and focus. The meter gives the mean power of every tenth of a second
with noise. What is true is the mean over all passes of all clips; it is compared with the interval of each run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from adafocus.calibration.report_file import put_result
from adafocus.edge.device.host import State
from adafocus.edge.energy.facts import BundleFacts, DeviceFacts, MeterFacts, ProtocolFacts, Workload
from adafocus.edge.energy.measuring.alignment import give_pulses
from adafocus.edge.energy.measuring.figures import make_report
from adafocus.edge.energy.measuring.protocol import Measurement, Record, Settings
from adafocus.edge.energy.measuring.run import Pulse, Run
from adafocus.edge.energy.measuring.workloads import Job
from adafocus.edge.energy.report import Interval, Report
from adafocus.edge.meters.meter import Values
from benchmarks.energy.known_device import KnownDevice
from benchmarks.harness import PATH, Benchmark, console, option, rounded

IDLE_W, NOISE_W = 2.7, 0.05
# W above idle in each phase of a clip
ABOVE_W = np.array([1.5, 3.2, 3.6])
NAMES: tuple[Workload, ...] = ("decode", "glance", "full", "exits")
# W above idle while all processors are busy
PULSE_W = 5.0
DRIFT = 0.1
STAGES = ("glance", "focus")
# of the bootstrap; fewer than usual, since many reports are made
DRAWS = 2000
METER = MeterFacts(name="known", scope="board input", kind="sampler", rate_hz=10.0)


@dataclass(frozen=True)
class Times:
    """How long the phases of real clips took.

    Attributes:
        seconds: ``(clips, passes, 3)`` of each workload.
    """

    seconds: Mapping[Workload, Values]

    @classmethod
    def read(cls, path: Path) -> Times:
        """Read what ``benchmarks.energy.clip_times`` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls({name: np.array(content["ms"][name]) / 1e3 for name in NAMES})

    @property
    def clips(self) -> int:
        """How many different ones."""
        return len(self.seconds["full"])

    def truth(self) -> dict[str, tuple[float, float]]:
        """Return the true gross and net joules of a clip of each workload, and of each stage."""
        found = {}
        for name, seconds in self.seconds.items():
            mean = seconds.mean((0, 1))
            found[str(name)] = float(mean @ (ABOVE_W + IDLE_W)), float(mean @ ABOVE_W)
        for stage, whole, part in (("stage glance", "glance", "decode"), ("stage focus", "full", "glance")):
            gross, net = (one - other for one, other in zip(found[whole], found[part], strict=True))
            found[stage] = gross, net
        found["stage decode"] = found["decode"]
        return found


def jobs_on(device: KnownDevice, times: Times, seed: int) -> list[Job]:
    """Return workloads that let the device work as long as a real clip did in one of its passes."""
    rng, watts = random.Random(seed), ABOVE_W.tolist()

    def work_of(seconds: Values) -> Callable[[int], None]:
        clips = seconds.tolist()

        def work(clip: int) -> None:
            for spent_s, above_w in zip(rng.choice(clips[clip]), watts, strict=True):
                if spent_s:
                    device.work(spent_s, above_w)

        return work

    return [Job(name, work_of(times.seconds[name])) for name in NAMES]


@dataclass
class Simulation:
    """One measurement of a made-up device.

    Attributes:
        times: of real clips.
        seed: of the draws of clips, and of the meter's noise.
        settings: of the protocol.
        state: what is read of the machine.
        pulses: whether there is no meter to read, and pulses are given for one elsewhere.
    """

    times: Times
    seed: int = 0
    settings: Settings = field(default_factory=Settings)
    state: Callable[[], State] = lambda: State(temperature_c={"made up": 50.0}, throttled=())
    pulses: bool = False

    def __post_init__(self) -> None:
        self.device = KnownDevice(IDLE_W, noise_w=NOISE_W, seed=self.seed)
        self.jobs = jobs_on(self.device, self.times, self.seed)

    def record(self) -> Record:
        """Run the protocol."""
        return self.measurement().run()

    def measurement(self) -> Measurement:
        """Return the protocol on this device."""
        return Measurement(
            self.jobs,
            self.times.clips,
            float(self.times.seconds["full"].sum(2).mean()),
            self.settings,
            None if self.pulses else self.device,
            read=self.state,
            now_ns=self.device.mark,
            sleep=self._sleep,
            pulse=self._pulse if self.pulses else None,
        )

    def run(self, record: Record) -> Run:
        """Return what happened when."""
        settings = self.settings
        return Run(
            bundle=BundleFacts(name="simulated", sha256="0" * 64, labels=1, runtime="none", threads=1),
            device=DeviceFacts(model="simulated"),
            protocol=ProtocolFacts(
                started=record.started[0],
                clips=self.times.clips,
                seed=self.seed,
                draws=DRAWS,
                rounds=settings.rounds,
                window_s=settings.window_s,
                window_clips=settings.window_clips,
                idle_s=settings.idle_s,
                warm_up_s=record.warm_up_s,
                settled=record.settled[0],
            ),
            started=tuple(record.started),
            spans=tuple(one.span for one in record.taken),
            pulses=tuple(record.pulses),
            settled=tuple(record.settled),
        )

    def report(self) -> Report:
        """Measure, and return the report."""
        record = self.record()
        return make_report(self.run(record), [one.reading for one in record.taken], METER, record.watts)

    def _sleep(self, seconds: float) -> None:
        self.device.work(seconds)

    def _pulse(self) -> list[Pulse]:
        return give_pulses(self._busy, self._sleep, self.device.mark)

    def _busy(self, seconds: float) -> None:
        self.device.work(seconds, PULSE_W)


def intervals(report: Report) -> dict[str, tuple[Interval, Interval]]:
    """Return gross and net intervals of a clip of each workload, and of each stage."""
    found = {}
    for name, figures in report.per_clip.items():
        assert figures.net_j is not None
        found[str(name)] = figures.gross_j, figures.net_j
    for stage in ("decode", "glance", "focus"):
        part = getattr(report.per_stage, stage)
        assert part is not None
        found[f"stage {stage}"] = part.gross_j, part.net_j
    return found


def holds(interval: Interval, true: float) -> bool:
    """Tell whether an interval holds a value."""
    assert interval.low is not None
    assert interval.high is not None
    return interval.low <= true <= interval.high


def one_run(times: Times, seed: int) -> tuple[dict[str, tuple[Interval, Interval]], bool]:
    """Return the intervals of one measurement, and whether its stages added up within the interval of the whole."""
    report = Simulation(times, seed).report()
    check = report.per_stage.sum_check
    return intervals(report), bool(check and check.within)


def coverage(times: Times, runs: int, pool: Executor) -> dict[str, Any]:
    """Return in how many runs the intervals held what is true, and how wide they were."""
    truth = times.truth()
    held = {name: np.zeros(2, int) for name in truth}
    widths: dict[str, list[float]] = {name: [] for name in truth}
    within = everything = 0
    done = pool.map(partial(one_run, times), range(runs))
    for found, whole in track(done, "runs", total=runs, console=console):
        inside = {name: [holds(*pair) for pair in zip(found[name], truth[name], strict=True)] for name in truth}
        for name, pair in inside.items():
            held[name] += pair
            gross = found[name][0]
            widths[name].append((gross.high or 0.0) - (gross.low or 0.0))
        everything += all(all(pair) for pair in inside.values())
        within += whole
    rows = [
        {
            "what": name,
            "true_gross_j": truth[name][0],
            "true_net_j": truth[name][1],
            "gross_held": int(held[name][0]),
            "net_held": int(held[name][1]),
            "median_width_percent": 100 * float(np.median(widths[name])) / truth[name][0],
        }
        for name in truth
    ]
    return {"runs": runs, "rows": rows, "all_held": everything, "sum_within": within}


def moved_by_drift(times: Times, seed: int) -> list[float]:
    """Return by how many percent a meter whose gain rises by a tenth over the run moves glance and focus.

    The same clips and the same noise are measured twice. The drift is around its middle, so that gross joules stay.
    """
    steady = Simulation(times, seed).report()
    windows = [window for window in steady.windows if window.round is not None]
    begin_s, end_s = windows[0].start_ns / 1e9, windows[-1].start_ns / 1e9 + windows[-1].seconds
    simulation = Simulation(times, seed)
    simulation.device.gain = lambda moments: 1 + DRIFT * ((moments - begin_s) / (end_s - begin_s) - 0.5)
    drifting = simulation.report()
    pairs = (
        tuple(getattr(report.per_stage, stage).gross_j.median for report in (steady, drifting)) for stage in STAGES
    )
    return [100 * abs(other / one - 1) for one, other in pairs]


def drift(times: Times, runs: int, pool: Executor) -> dict[str, Any]:
    """Return by how much a drifting meter moves each stage, beside one that does not drift."""
    done = pool.map(partial(moved_by_drift, times), range(runs))
    moved = np.array(list(track(done, "drift", total=runs, console=console)))
    return {
        "runs": runs,
        "drift_percent": 100 * DRIFT,
        "stages": [
            {"stage": stage, "worst_percent": float(found.max()), "median_percent": float(np.median(found))}
            for stage, found in zip(STAGES, moved.T, strict=True)
        ],
    }


@click.command(cls=Benchmark)
@click.argument("times", type=PATH)
@option("--runs", default=100, type=click.IntRange(2), help="Simulate this many measurements.")
@option("--drifts", default=20, type=click.IntRange(2), help="Simulate this many with a drifting meter.")
@option("--processes", default=2, type=click.IntRange(1), help="Simulate in this many processes.")
@click.option("--out", type=PATH, required=True, help="Put the figures into this file of results, under coverage.")
def main(times: Path, runs: int, drifts: int, processes: int, out: Path) -> None:
    """Simulate measurements whose clips take the TIMES of real ones, and count how often the truth is held."""
    found = Times.read(times)
    with ProcessPoolExecutor(processes) as pool:
        held, drifted = coverage(found, runs, pool), drift(found, drifts, pool)
    content = {
        "command": f"python -m benchmarks.energy.coverage {times.name} --runs {runs} --drifts {drifts} "
        f"--out {out.name}",
        "note": "clock, power and meter are made up; protocol, statistics and the times of clips are real",
        "clips": found.clips,
        "passes": found.seconds["full"].shape[1],
        "rounds": Settings().rounds,
        "intervals": held,
        "drift": drifted,
    }
    put_result(out, "coverage", rounded(content))
    for row in held["rows"]:
        console.print(f"{row['what']}: gross {row['gross_held']}, net {row['net_held']} of {runs}")


if __name__ == "__main__":
    main()
