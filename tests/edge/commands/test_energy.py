"""``adafocus energy`` as a user starts it, with a meter whose power follows what the process really does."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.cli import program
from adafocus.edge.energy.measuring.protocol import Settings
from adafocus.edge.energy.measuring.run import write_run
from adafocus.edge.energy.report import read_report, schema
from adafocus.edge.meters import Places
from adafocus.edge.meters.meter import SECOND_NS
from adafocus.errors import AdafocusError, MeterError
from benchmarks.energy.busy_device import BusyDevice
from benchmarks.energy.coverage import IDLE_W, Simulation
from tests.edge.energy.measuring.test_protocol import TIMES
from tests.helpers.program import PROGRAM

QUICK = ("--windows", 2, "--seconds", 0.5, "--clips", 1, "--idle", "0.5s", "--warm-up", "0s", "--exit-threshold", 0.5)


def call(places: Places | None, *words: object) -> Any:
    return program.main(["energy", *map(str, words)], "adafocus", standalone_mode=False, obj=places)


@pytest.mark.slow
def test_a_measurement_writes_a_report_and_its_page(
    tmp_path: Path, ready_bundle: Bundle, real_videos: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    device = BusyDevice(tmp_path / "sys", idle_w=2.7, busy_w=2.0)
    device.start()
    out = tmp_path / "found" / "e.json"
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    with pytest.raises(AdafocusError, match=r"1 of 2 videos cannot be used.*broken\.mp4"):
        call(device.places, ready_bundle.path, real_videos[0], broken, "--meter", "hwmon", *QUICK, "--out", out)
    device.end()
    printed = capsys.readouterr().out
    report = read_report(out)
    jsonschema.validate(json.loads(out.read_text()), schema())
    assert sorted(path.name for path in out.parent.iterdir()) == ["e.html", "e.json"]
    assert list(report.per_clip) == ["decode", "glance", "full", "exits"]
    assert report.protocol.order == (*report.per_clip, *reversed(report.per_clip))
    assert report.meter is not None
    assert (report.meter.detail, report.meter.scope, report.meter.rate_hz) == ("ina260 (hwmon0)", "board input", 10.0)
    assert not report.publishable
    assert "Not for publication: windows of 0.5 s and 1 clips" in printed
    # the power of a hundredth of a second is read ten times a second: one window says little, all of them say more
    metered = [window for window in report.windows if window.joules is not None]
    true_j = sum(device.joules(w.start_ns, w.start_ns + round(w.seconds * SECOND_NS)) for w in metered)
    assert sum(window.joules or 0.0 for window in metered) == pytest.approx(true_j, rel=0.1)
    # threads of this process work a little while it idles, and so the device says what was true
    idle = next(window for window in report.windows if window.workload == "idle")
    true_w = device.joules(idle.start_ns, idle.start_ns + round(idle.seconds * SECOND_NS)) / idle.seconds
    assert true_w > 2.69
    assert report.idle_w[0] == pytest.approx(true_w, abs=0.4)


def test_without_a_meter_it_says_what_can_be_connected(
    tmp_path: Path, ready_bundle: Bundle, real_videos: list[Path]
) -> None:
    with pytest.raises(MeterError, match=r"The sensor chips in .* are: none"):
        call(Places(sys=tmp_path), ready_bundle.path, real_videos[0], "--meter", "hwmon", "--out", tmp_path / "e.json")
    assert list(tmp_path.iterdir()) == []


def test_the_log_of_a_meter_elsewhere_finishes_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulation = Simulation(TIMES, settings=Settings(rounds=6), pulses=True)
    simulation.device.work(3.0)
    record = simulation.record()
    simulation.device.work(3.0)
    write_run(simulation.run(record), tmp_path / "run.json")
    trace = simulation.device.trace()
    seconds = (trace.times_ns - trace.times_ns[0]) / SECOND_NS
    with (tmp_path / "power.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Time", "Power"])
        # the other clock was started 3.7 s later and is 20 millionths slow
        rows.writerows(zip(3.7 + seconds / (1 + 20e-6), trace.rails["input"], strict=True))
    log = f"log:{tmp_path / 'power.csv'}?time=Time&time_unit=s&power=Power&unit=W&scope=wall"
    out = tmp_path / "e.json"
    call(None, "--finish", tmp_path / "run.json", "--meter", log, "--meter-error", 0.5, "--out", out)
    report = read_report(out)
    assert report.alignment is not None
    assert report.alignment.drift_ppm == pytest.approx(20, abs=50)
    assert report.meter is not None
    assert (report.meter.scope, report.meter.gain_error_percent) == ("wall", 0.5)
    truth = TIMES.truth()
    for name, found in report.per_clip.items():
        assert found.gross_j.median == pytest.approx(truth[name][0], rel=0.01)
    assert report.idle_w == pytest.approx((IDLE_W, IDLE_W), rel=0.01)
    assert report.observer_ms is None
    assert "wrote" in capsys.readouterr().out


def test_what_contradicts_itself_is_refused_before_anything_runs(tmp_path: Path, ready_bundle: Bundle) -> None:
    clip = tmp_path / "clip.npy"
    np.save(clip, np.zeros((8, 16, 16, 3), np.uint8))
    log = tmp_path / "log.csv"
    log.write_text("Time,Power\n" + "".join(f"{second},3.0\n" for second in range(20)))
    own = f"log:{log}?time=Time&time_unit=s&power=Power&unit=W"
    bundle, out = ready_bundle.path, tmp_path / "e.json"
    for words, said in (
        ((bundle,), "of the two that are needed, a bundle and clips"),
        ((bundle, clip, "--windows", 5), "expected an even number"),
        ((bundle, clip, "--out", tmp_path / "e.html"), "the name of a page"),
        ((bundle, clip, "--out", clip), "the same file as the input"),
        ((bundle, clip, "--meter", own), "a clock of its own"),
        (("--finish", tmp_path / "run.json"), "needs the log of a meter"),
        (("--finish", tmp_path / "run.json", "--meter", own), "cannot be read"),
        (("--finish", log, "--meter", own), "is not valid JSON"),
        ((bundle, "--finish", log, "--meter", own), "--finish measures nothing"),
        ((bundle, tmp_path / "none.mp4", "--record", tmp_path / "run.json"), "is not there"),
    ):
        with pytest.raises(AdafocusError, match=said):
            call(None, *words, *(() if "--out" in words else ("--out", out)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.npy", "log.csv"]


def test_an_interrupt_ends_it_with_a_sentence_and_leaves_nothing(
    tmp_path: Path, ready_bundle: Bundle, real_videos: list[Path]
) -> None:
    words = [PROGRAM, "energy", ready_bundle.path, real_videos[0], "--record", tmp_path / "run.json"]
    with subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("pulses"):
                break
        # the file is being held open beside its place at this moment
        assert [path.suffix for path in tmp_path.iterdir()] == [".json"]
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        left = process.stderr.read()
        assert process.wait(60) == 128 + signal.SIGINT
    assert left.strip().splitlines()[-1] == "adafocus: stopped."
    assert list(tmp_path.iterdir()) == []
