"""The latency protocol: what is counted, for how long, who takes turns, and what the report says of it.

The loop is tested with a recognizer that takes as long as the test says on a clock that the test owns; the real one
is timed through the command line, where no time is asserted.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bench.comparison import compare, read_report
from adafocus.edge.bench.protocol import COLUMNS, HOST, Bench, Contestant, Look, Measurement, Protocol, Samples
from adafocus.edge.bench.report import Surroundings, make_report, notes, summary
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.device.host import State, read_facts, read_state
from adafocus.errors import AdafocusError
from tests.helpers.machines import Programs, pi_sys, proc
from tests.helpers.program import PROGRAM, Call, assert_one_sentence


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
    contestants = [Contestant(name, "bundle", "bundle", runner) for name, runner in runners.items()]  # type: ignore[arg-type]
    look = lambda at_s: Look(at_s, 40 + at_s / 10, 2000 - at_s)  # noqa: E731
    return Bench(contestants, SameClip(), protocol, look, clock.now, clock.sleep)  # type: ignore[arg-type]


def test_warm_up_clips_are_not_counted() -> None:
    clock = Clock()
    runner = Runner(clock, without_files(), 9.0, 9.0, 9.0, *[0.1] * 1000)
    measured = bench_of(clock, Protocol(warm_up=3, clips=10, seconds=0), one=runner).run()
    assert len(measured.samples["one"]) == 10
    assert measured.samples["one"].column("total").max() == pytest.approx(100)


def test_a_window_has_enough_clips_and_enough_time_of_each_contestant() -> None:
    clock = Clock()
    fast, slow = Runner(clock, without_files(), 0.1), Runner(clock, without_files(), 0.4)
    measured = bench_of(clock, Protocol(0, 30, 10.0), fast=fast, slow=slow).run()
    # 30 clips of the fast one are only 3 s
    assert len(measured.samples["fast"]) in (100, 101)
    assert len(measured.samples["slow"]) == len(measured.samples["fast"])
    few = bench_of(clock, Protocol(0, 30, 0.5), slow=Runner(clock, without_files(), 0.4)).run()
    assert len(few.samples["slow"]) == 30


def test_contestants_take_turns_on_the_same_clips() -> None:
    clock = Clock()
    bench = bench_of(clock, Protocol(0, 3, 0), a=Runner(clock, without_files(), 1), b=Runner(clock, without_files(), 1))
    measured = bench.run()
    assert bench.clips.turns == [0, 0, 1, 1, 2, 2]  # type: ignore[attr-defined]
    assert measured.samples["a"].column("at_s").tolist() == [0, 2, 4]
    assert measured.samples["b"].column("at_s").tolist() == [1, 3, 5]


def test_the_host_is_what_is_neither_decoding_nor_a_stage() -> None:
    clock = Clock()
    samples = bench_of(clock, Protocol(0, 1, 0), one=Runner(clock, without_files(), 1.0)).run().samples["one"]
    row = dict(zip(COLUMNS, samples.table()[0], strict=True))
    assert row["total"] == pytest.approx(1000)
    assert row["compute"] == pytest.approx(800)
    assert row["host"] == pytest.approx(100)
    assert row["crop"] == pytest.approx(40)
    assert row["other"] == pytest.approx(60)
    assert sum(row[part] for part in HOST) == pytest.approx(row["host"])
    assert row["gmac"] == 2


def test_every_starts_clips_at_even_times_and_counts_those_that_are_late() -> None:
    clock = Clock()
    runner = Runner(clock, without_files(), 0.5, 0.5, 3.0)
    protocol = Protocol(0, 3, 0, every_s=2.0)
    bench = bench_of(clock, protocol, one=runner)
    measured = bench.run()
    assert measured.samples["one"].column("at_s").tolist() == [0, 2, 4]
    assert clock.rested_s == [1.5, 1.5]
    assert measured.late == 1
    assert len(measured.back_to_back["one"]) == 3


def test_duty_rests_in_proportion_to_the_work() -> None:
    clock = Clock()
    measured = bench_of(clock, Protocol(0, 4, 0, duty=0.25), one=Runner(clock, without_files(), 0.5, 1.0)).run()
    assert clock.rested_s == [1.5, 3.0, 1.5, 3.0]
    assert measured.late == 0


def test_a_rest_is_told_by_one_option_only() -> None:
    with pytest.raises(AdafocusError, match="one of them"):
        Protocol(every_s=1.0, duty=0.5)


def test_an_interrupt_keeps_what_was_measured() -> None:
    clock = Clock()
    runner = Runner(clock, without_files(), 0.1)
    runner.interrupt_at = 17
    measured = bench_of(clock, Protocol(5, minutes=30), one=runner).run()
    assert isinstance(measured.interrupted, KeyboardInterrupt)
    assert len(measured.samples["one"]) == 12


def test_an_interrupt_of_the_warm_up_ends_it() -> None:
    clock = Clock()
    runner = Runner(clock, without_files(), 0.1)
    runner.interrupt_at = 2
    with pytest.raises(KeyboardInterrupt):
        bench_of(clock, Protocol(5), one=runner).run()


def test_percentiles_are_those_of_numpy_and_the_smallest_is_the_smallest() -> None:
    found = summary(np.arange(1.0, 102.0))
    assert found == {"mean": 51, "median": 51, "p90": 91, "p99": 100, "min": 1, "max": 101}


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    state = read_state(pi_sys(tmp_path / "sys"), proc(tmp_path / "proc"), Programs())
    calm = replace(state, load=0.1, governor=("performance",))
    facts = replace(read_facts(proc(tmp_path / "proc"), tmp_path), processors=4)
    return Surroundings(facts, calm, calm, {"VmHWM": 1 << 28})


def report_of(bundle: Bundle, protocol: Protocol, around: Surroundings, *costs_s: float) -> dict[str, Any]:
    clock = Clock()
    bench = bench_of(clock, protocol, one=Runner(clock, bundle, *costs_s, stops=("focus", "glance")))
    measured = bench.run()
    measured.others_share = None
    return make_report(bench.contestants, [bundle.path / "manifest.json"], protocol, measured, around)


def test_sustained_load_is_told_minute_by_minute(shipped_bundle: Bundle, around: Surroundings) -> None:
    """Three minutes in which a clip takes 1 s in the first, 2 s in the second and 3 s in the third."""
    costs_s = (*[1.0] * 60, *[2.0] * 30, *[3.0] * 20)
    report = report_of(shipped_bundle, Protocol(0, minutes=3), around, *costs_s)
    assert [record["minute"] for record in report["minutes"]] == [1, 2, 3]
    assert [record["ms"]["one"]["median"] for record in report["minutes"]] == [1000, 2000, 3000]
    assert [record["ms"]["one"]["n"] for record in report["minutes"]] == [60, 30, 20]
    assert report["last_to_first_minute"] == {"one": 3.0}
    heat = [record["hottest_c"] for record in report["minutes"]]
    clocks = [record["mean_mhz"] for record in report["minutes"]]
    assert heat == sorted(heat)
    assert heat[2] > heat[0] + 10
    assert clocks == sorted(clocks, reverse=True)


def test_a_broken_last_minute_does_not_count_as_the_last(shipped_bundle: Bundle, around: Surroundings) -> None:
    report = report_of(shipped_bundle, Protocol(0, minutes=2.5), around, *[1.0] * 60, *[2.0] * 30, *[5.0] * 6)
    assert [record["seconds"] for record in report["minutes"]] == [60, 60, 30]
    assert report["last_to_first_minute"] == {"one": 2.0}
    assert report_of(shipped_bundle, Protocol(0, minutes=0.5), around, 1.0)["last_to_first_minute"] == {}


def test_the_report_counts_exits_and_names_what_was_measured(shipped_bundle: Bundle, around: Surroundings) -> None:
    report = report_of(shipped_bundle, Protocol(0, 10, 0), around, 0.5)
    (entry,) = report["entries"]
    assert entry["n"] == report["clips"] == 10
    assert entry["exits"] == {"glance": 5, "focus": 5}
    assert entry["host_share_of_compute"] == pytest.approx(0.125)
    assert len(entry["manifest_sha256"]) == 64
    assert report["machine"]["board"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert report["before"]["temperature_c"] == {"cpu-thermal": 61.25}
    assert report["notes"] == []
    json.dumps(report)


def test_a_rested_clip_is_set_beside_those_without_rest(shipped_bundle: Bundle, around: Surroundings) -> None:
    report = report_of(shipped_bundle, Protocol(0, 4, 0, every_s=1.0), around, *[0.1] * 4, *[0.15] * 4)
    (entry,) = report["entries"]
    assert entry["back_to_back_ms"]["median"] == 100
    assert entry["after_rest_to_back_to_back"] == 1.5


def sentences(around: Surroundings, measured: Measurement | None = None, threads: int = 2) -> str:
    return "\n".join(notes(measured or Measurement({}), Protocol(), around, threads))


def test_a_busy_machine_is_told(around: Surroundings) -> None:
    assert sentences(around) == ""
    busy = replace(around, before=replace(around.before, load=1.5))
    assert "busy before the start (load 1.50 on 4 processors)" in sentences(busy)
    assert "Other processes used 20 %" in sentences(around, Measurement({}, others_share=0.2))
    assert sentences(around, Measurement({}, others_share=0.01)) == ""
    assert "8 threads share 4 processors" in sentences(around, threads=8)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {"throttled": ("throttled",)}, "slowed down: throttled"),
        ({}, {"throttled_before": ("under-voltage",)}, "happened for the first time since the start: under-voltage"),
        ({"throttled_before": ("throttled",)}, {"throttled_before": ("throttled",)}, "it has seen: throttled"),
        ({"throttle_events": 3}, {"throttle_events": 7}, "throttled itself 4 times"),
        ({"governor": ("ondemand",)}, {}, "governor is ondemand"),
    ],
)
def test_what_the_machine_does_to_the_figures_is_told(
    around: Surroundings, before: dict[str, Any], after: dict[str, Any], words: str
) -> None:
    state = asdict(around.before)
    changed = replace(around, before=State(**state | before), after=State(**state | after))
    assert words in sentences(changed)


@pytest.fixture
def reports(shipped_bundle: Bundle, around: Surroundings) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    pair = [json.loads(json.dumps(report_of(shipped_bundle, Protocol(0, 5, 0), around, s))) for s in (0.1, 0.2)]
    return pair[0], pair[1]


def test_reports_of_one_machine_are_compared_without_a_warning(reports: tuple[dict, dict]) -> None:
    found = compare(*reports, ("a", "b"))
    assert found.warnings == []
    (pair,) = found.pairs
    assert pair.ratios["total"] == {"median": 2, "p90": 2, "p99": 2, "min": 2}
    assert pair.ratios["focus"]["median"] == 2
    assert pair.ratios["policy"]["median"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["machine"].update(processor="Cortex-A53"), "processor: ARMv8 Cortex-A76 against Cortex-A53"),
        (lambda r: r["machine"]["versions"].update(numpy="1.26"), "versions"),
        (lambda r: r["entries"][0].update(threads=4), "threads: 2 against 4"),
        (lambda r: r["entries"][0].update(runtime_version="1.4.0"), "version of the runtime"),
        (lambda r: r["entries"][0].update(manifest_sha256="0" * 64), "SHA-256 of the manifest"),
        (lambda r: r["videos"][0].update(sha256="0" * 64), "other clips"),
        (lambda r: r["before"].update(temperature_c={"cpu": 85.0}), "61 °C against 85 °C"),
        (lambda r: r["before"].update(governor=["ondemand"]), "clock governor before"),
        (lambda r: r["after"].update(throttled=["throttled"]), "throttling after"),
        (lambda r: r["protocol"].update(decoding=False), "decoding measured: True against False"),
        (lambda r: r["notes"].append("The machine was busy."), "b: The machine was busy."),
    ],
)
def test_what_makes_two_reports_incomparable_is_told(reports: tuple[dict, dict], change: Any, words: str) -> None:
    change(reports[1])
    found = compare(*reports, ("a", "b"))
    assert any(words in warning for warning in found.warnings), found.warnings
    assert found.pairs


def test_contestants_without_a_partner_are_named_and_nothing_in_common_is_refused(reports: tuple[dict, dict]) -> None:
    extra = json.loads(json.dumps(reports[1]["entries"][0])) | {"name": "other onnx", "runtime": "onnx"}
    reports[1]["entries"].append(extra)
    assert "only in b: other onnx" in compare(*reports, ("a", "b")).warnings
    reports[1]["entries"] = [extra, extra]
    with pytest.raises(AdafocusError, match="Measure the same with both"):
        compare(*reports, ("a", "b"))


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"median_ms": {}}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(AdafocusError, match=r"adafocus bench .*--out"):
            read_report(tmp_path / "x.json")
    with pytest.raises(AdafocusError, match="cannot be read"):
        read_report(tmp_path / "missing.json")


def test_samples_are_whole_rows() -> None:
    samples = Samples()
    assert len(samples) == 0
    assert samples.table().shape == (0, len(COLUMNS))


def test_real_clips_are_timed_written_and_compared(
    adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path
) -> None:
    quick = ("--clips", 3, "--seconds", 0, "--warm-up", 1, "--without-decoding")
    for name in ("a.json", "b.json"):
        done = adafocus("bench", shipped_bundle.path, *real_videos, *quick, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert "next: adafocus bench --compare" in done.stdout
    report = json.loads((tmp_path / "a.json").read_text())
    (entry,) = report["entries"]
    assert entry["ms"]["decode"]["max"] == 0
    parts = [entry["ms"][part]["mean"] for part in ("glance", "policy", "focus", "host")]
    assert sum(parts) == pytest.approx(entry["ms"]["total"]["mean"], abs=0.01)
    assert entry["runtime_version"][0].isdigit()
    assert report["peak_memory_bytes"]["VmHWM"] > 50e6
    assert [video["name"] for video in report["videos"]] == [path.name for path in real_videos]
    done = adafocus("bench", "--compare", tmp_path / "a.json", tmp_path / "b.json")
    assert done.returncode == 0, done.stderr
    assert "b.json over a.json" in done.stdout
    assert "other clips" not in done.stdout


def test_clips_that_stop_at_the_glance_take_turns_with_full_ones(
    adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path]
) -> None:
    options = ("--clips", 3, "--seconds", 0, "--warm-up", 1, "--without-decoding", "--exits", "--json")
    report = json.loads(adafocus("bench", shipped_bundle.path, real_videos[0], *options).stdout)
    full, stopped = report["entries"]
    assert full["exits"] == {"glance": 0, "focus": 3}
    assert stopped["exits"] == {"glance": 3, "focus": 0}
    assert stopped["mean_gmac"] < full["mean_gmac"]
    assert stopped["ms"]["focus"]["max"] == stopped["ms"]["policy"]["max"] == 0
    (stop,) = report["exits"]
    assert stop["stopped_to_glance"] >= 1
    assert stop["stopped_to_full"] < 1


def test_threads_and_runtimes_take_turns_and_the_first_exit_can_be_asked_for(
    adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path]
) -> None:
    options = ("--clips", 2, "--seconds", 0, "--warm-up", 1, "--threads", 1, "--threads", 2, "--stop-after", "glance")
    report = json.loads(
        adafocus(
            "bench", shipped_bundle.path, real_videos[0], *options, "--runtime", "litert", "--runtime", "onnx", "--json"
        ).stdout
    )
    assert [(e["runtime"], e["threads"]) for e in report["entries"]] == [
        ("litert", 1),
        ("litert", 2),
        ("onnx", 1),
        ("onnx", 2),
    ]
    assert all(entry["exits"]["glance"] == entry["n"] == 2 for entry in report["entries"])


def test_ctrl_c_prints_and_writes_what_was_measured(
    shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "sustained.json"
    arguments = ["bench", shipped_bundle.path, real_videos[0], "--minutes", 30, "--warm-up", 1, "--out", out]
    process = subprocess.Popen(
        [str(PROGRAM), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    beside_is_there_s, started = 60, time.monotonic()
    while not list(tmp_path.glob(".sustained.json.*")) and time.monotonic() - started < beside_is_there_s:
        time.sleep(0.1)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    shown, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.strip() == "adafocus: stopped."
    report = json.loads(out.read_text())
    assert report["protocol"]["interrupted"] is True
    assert report["entries"][0]["n"] > 0
    assert report["minutes"][0]["ms"]
    assert "Stopped after" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["sustained.json"]


def test_what_cannot_be_measured_is_refused_before(
    adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path
) -> None:
    bundle, video = shipped_bundle.path, real_videos[0]
    assert_one_sentence(adafocus("bench", bundle), "0 videos")
    assert_one_sentence(adafocus("bench", bundle, video, "--every", "soon"), "soon", "2s")
    assert_one_sentence(adafocus("bench", bundle, video, "--every", "2s", "--duty", 0.5), "one of them")
    assert_one_sentence(adafocus("bench", bundle, video, "--exits", "--stop-after", "glance"), "--exits")
    assert_one_sentence(adafocus("bench", bundle, video, "--out", tmp_path), "folder")
    several = ("--runtime", "executorch", "--threads", 1, "--threads", 2)
    assert_one_sentence(adafocus("bench", bundle, video, *several), "one pool of threads")
    (tmp_path / "file").touch()
    assert_one_sentence(adafocus("bench", bundle, video, "--out", tmp_path / "file" / "x.json"), "x.json")
    assert_one_sentence(adafocus("bench", "--compare", tmp_path / "file", tmp_path / "file"), "valid JSON")
