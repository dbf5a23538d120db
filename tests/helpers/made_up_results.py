"""Made-up results: a report of the bench, and one result of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from adafocus.edge.bench.protocol import Bench, Configuration, MachineReading, Protocol
from adafocus.edge.bench.report import Surroundings, make_report
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.streaming.result import Result
from adafocus.edge.streaming.window import Span


@dataclass
class Clock:
    """Time that passes only where somebody works or rests."""

    now_s: float = 100.0
    rested_s: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.rested_s.append(seconds)
        self.now_s += seconds


class Runner:
    """A recognizer that takes ``costs_s`` one after the other, again and again, and half of each in the focus."""

    runtime, threads = "litert", 2
    ran_on: Mapping[str, str] = {}

    def __init__(
        self, clock: Clock, bundle: Bundle | Any, *costs_s: float, stops: tuple[str, ...] = ("focus",)
    ) -> None:
        self.clock, self.bundle, self.costs_s, self.stops = clock, bundle, costs_s, stops
        self.thresholds: tuple[float, ...] | None = None
        self.calls = 0
        self.interrupt_at: int | None = None

    def recognize_clip(self, clip: object, *, stop_after: str, started: float | None) -> Any:
        if self.calls == self.interrupt_at:
            raise KeyboardInterrupt
        number, self.calls = self.calls, self.calls + 1
        spent = self.costs_s[number % len(self.costs_s)]
        self.clock.now_s += spent
        total = 1e3 * spent
        timing = {"decode": 0.2 * total, "glance": 0.2 * total, "focus": 0.5 * total, "crop": 0.04 * total}
        stage = self.stops[number % len(self.stops)]
        return SimpleNamespace(timing_ms={**timing, "total": total}, exit_stage=stage, macs=2e9)


class SameClip:
    """Clips whose content does not matter."""

    def __init__(self) -> None:
        self.videos: list[Path] = []
        self.warnings: dict[str, None] = {}
        self.turns: list[int] = []

    def start(self, turn: int, geometry: object) -> tuple[None, float]:
        self.turns.append(turn)
        return None, 0.0


def without_files() -> Any:
    return SimpleNamespace(manifest=SimpleNamespace(geometry=None))


def bench_of(clock: Clock, protocol: Protocol, **runners: Runner) -> Bench:
    configurations = [Configuration(name, "bundle", "bundle", runner) for name, runner in runners.items()]  # type: ignore[arg-type]
    read = lambda at_s: MachineReading(at_s, 40 + at_s / 10, 2000 - at_s)  # noqa: E731
    return Bench(configurations, SameClip(), protocol, read, clock.now, clock.sleep)  # type: ignore[arg-type]


def report_of(bundle: Bundle, protocol: Protocol, around: Surroundings, *costs_s: float) -> dict[str, Any]:
    clock = Clock()
    bench = bench_of(clock, protocol, one=Runner(clock, bundle, *costs_s, stops=("focus", "glance")))
    measured = bench.run()
    measured.others_share = None
    return make_report(bench.configurations, [bundle.path / "manifest.json"], protocol, measured, around)


def result(label: str | None = "archery", score: float = 0.75, boxes: list[list[float]] | None = None) -> Result:
    return Result(
        number=0,
        span=Span(0.0, 4.0, 1.0, 0.0, 24),
        raw_label="archery",
        raw_score=0.8,
        label=label,
        score=score,
        best="archery",
        exit_stage="focus",
        gmac=1.21,
        frames=(1, 2),
        boxes=np.array(boxes or [[0.25, 0.25, 0.5, 0.5]], np.float32),
        latency_ms=40.0,
        timing_ms={"total": 36.0},
        budget=None,
    )
