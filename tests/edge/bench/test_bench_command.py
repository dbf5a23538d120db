"""``adafocus bench`` on real clips; no time is asserted."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from adafocus.edge.bundle.bundle import Bundle
from tests.helpers.program import PROGRAM, Call, assert_one_sentence


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
