"""``adafocus stream`` as a user starts it: a process, its events, its end."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from benchmarks.robustness.stream import ClipServer, measure
from tests.helpers.energy_profiles import FULL_J, GLANCE_J, write_profile

PROGRAM = Path(sys.executable).parent / "adafocus"
LIMIT_S = 120


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), "stream", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
        env={**os.environ, **environment},
    )


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("adafocus: ")
    for word in words:
        assert word in lines[0]


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a stream that is killed if the test fails."""
    call = [str(PROGRAM), "stream", *map(str, arguments)]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_file_is_read_in_order_without_drops(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    video = real_videos[1]
    done = run(shipped_bundle.path, video, "--json", "--hop", "500ms")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    events = events_of(done.stdout)
    assert events[0]["event"] == "started"
    assert events[-1]["event"] == "summary"
    answers, summary = of(events, "answer"), events[-1]
    capture = cv2.VideoCapture(str(video))
    frames, fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    assert summary["frames"]["grabbed"] == frames
    assert summary["frames"]["dropped"] == 0
    assert summary["frames"]["kept"] == pytest.approx(frames / fps * 6, abs=2)
    assert summary["seconds"] == pytest.approx(frames / fps, abs=0.1)
    assert summary["answers"] == len(answers) == pytest.approx((frames / fps - 4) / 0.5, abs=2)
    ends = [answer["window"]["end_s"] for answer in answers]
    gaps = [later - earlier for earlier, later in itertools.pairwise(ends)]
    assert all(gap == pytest.approx(0.5, abs=1 / 6 + 0.01) for gap in gaps)
    geometry = shipped_bundle.manifest.geometry
    for number, answer in enumerate(answers):
        assert answer["number"] == number
        assert answer["raw"]["label"] in shipped_bundle.manifest.labels
        assert len(answer["frames"]) == len(answer["boxes"]) == geometry.focus_frames
        last, first = answer["window"]["end_s"] * fps, answer["window"]["start_s"] * fps
        assert first - 1.5 <= min(answer["frames"]) < max(answer["frames"]) <= last + 0.5
        assert answer["latency_ms"] > 0
    assert {"p50", "p90", "p99", "max"} <= set(summary["latency_ms"])
    assert summary["exits"] == {"focus": len(answers)}
    assert summary["memory"]["resident_bytes"] > 0


def test_a_stream_of_a_whole_file_says_what_run_says(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    """A window as long as the clip looks at nearly the same frames as a run over the file."""
    video = real_videos[0]
    done = run(shipped_bundle.path, video, "--json", "--window", "3.9s")
    told = of(events_of(done.stdout), "answer")
    call = [str(PROGRAM), "run", str(shipped_bundle.path), str(video), "--json"]
    whole = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)["videos"][0]
    assert told[0]["raw"]["label"] == whole["label"]
    away = [abs(one - other) for one, other in zip(told[0]["frames"], whole["frame_indices"], strict=True)]
    assert max(away) <= 12


def test_a_file_shorter_than_the_window_is_answered_once(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    """From all of it, however long the window is."""
    events = events_of(run(shipped_bundle.path, real_videos[0], "--json", "--window", "10h").stdout)
    answers = of(events, "answer")
    assert len(answers) == 1
    assert answers[0]["window"]["frames"] >= 22
    assert answers[0]["raw"]["label"] == "driving car"
    assert events[-1]["state"] == "ended"


def test_an_eager_stream_predicts_before_the_window_is_full(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    answers = of(events_of(run(shipped_bundle.path, real_videos[1], "--json", "--eager").stdout), "answer")
    filled = [answer["window"]["filled"] for answer in answers]
    assert filled[0] < 0.1
    assert filled == sorted(filled)
    assert filled[-1] == 1.0


def test_a_played_file_takes_its_time_and_ends_when_told(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    began = time.monotonic()
    events = events_of(run(shipped_bundle.path, real_videos[1], "--json", "--realtime", "--for", "5.5s").stdout)
    assert time.monotonic() - began >= 5.5
    assert events[0]["live"] is True
    assert events[-1]["seconds"] >= 5.5
    assert events[-1]["state"] == "running"
    assert of(events, "answer")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_with_the_summary(
    shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path, number: signal.Signals
) -> None:
    video = tmp_path / "out.mp4"
    with started(
        shipped_bundle.path, real_videos[1], "--json", "--realtime", "--eager", "--annotate", video
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(number)
        rest, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors
    assert errors == ""
    events = events_of("".join(lines) + rest)
    assert events[-1]["event"] == "summary"
    assert events[-1]["state"] == "running"
    assert cv2.VideoCapture(str(video)).read()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_events_go_to_a_file_while_a_person_reads_lines(
    shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path
) -> None:
    done = run(shipped_bundle.path, real_videos[1], "--events", tmp_path / "events.jsonl", "--hop", "2s")
    assert done.returncode == 0, done.stderr
    events = events_of((tmp_path / "events.jsonl").read_text())
    assert [events[0]["event"], events[-1]["event"]] == ["started", "summary"]
    lines = done.stdout.splitlines()
    assert sum("GMAC," in line for line in lines) >= len(of(events, "answer")) > 0
    assert f"{len(of(events, 'answer'))} predictions" in done.stdout


def test_the_annotated_video_of_a_file_holds_every_kept_frame(
    shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path
) -> None:
    video = tmp_path / "out.mp4"
    events = events_of(run(shipped_bundle.path, real_videos[1], "--json", "--annotate", video).stdout)
    summary = events[-1]
    assert summary["annotated"]["left_out"] == 0
    assert summary["annotated"]["frames"] == pytest.approx(summary["frames"]["kept"], abs=2)
    assert cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FRAME_COUNT) == summary["annotated"]["frames"]


def test_a_reader_that_goes_away_ends_the_stream(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    with started(shipped_bundle.path, real_videos[1], "--json", "--realtime", "--eager") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(LIMIT_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_budget_is_kept_and_seen(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    low, high = (shipped_bundle.manifest.macs(stage) / 1e9 for stage in ("glance", "focus"))
    asked = low + high / 2
    done = run(shipped_bundle.path, real_videos[1], "--json", "--hop", "200ms", "--budget", f"{asked}GMAC")
    answers = of(events_of(done.stdout), "answer")
    assert all(answer["budget"]["asked"] == pytest.approx(asked, abs=1e-4) for answer in answers)
    assert {answer["exit_stage"] for answer in answers} == {"glance", "focus"}
    assert_one_sentence(run(shipped_bundle.path, real_videos[1], "--budget", "0.001GMAC"), "budget", "GMAC after the")


def test_a_network_stream_is_followed_and_found_again(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    report = measure(shipped_bundle.path, real_videos[1], 12.0, 30.0, ("--window", "1s", "--hop", "500ms"))
    assert report["frames"]["grabbed"] > 100
    assert report["frames"]["grabbed"] >= report["frames"]["kept"] + report["frames"]["dropped"]
    assert report["answers"] >= 4
    assert report["interruption"]["picked_up_after_s"] > 0
    assert report["latency_ms"]["p50"] > 0
    assert report["memory"]["samples"] > 3


def test_a_source_that_never_comes_ends_in_a_sentence(shipped_bundle: Bundle) -> None:
    began = time.monotonic()
    done = run(shipped_bundle.path, "http://user:secret@127.0.0.1:9/none.mjpg", "--patience", "1s")
    assert_one_sentence(done, "127.0.0.1:9")
    assert "secret" not in done.stderr
    assert time.monotonic() - began < 30


def test_a_source_that_accepts_and_says_nothing_ends_in_a_sentence(shipped_bundle: Bundle) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/none.mjpg"
        done = run(shipped_bundle.path, address, "--patience", "1s", "--json")
    assert_one_sentence(done, "127.0.0.1")
    assert of(events_of(done.stdout), "answer") == []


def test_ctrl_c_ends_a_stream_that_waits_for_its_source(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    server = ClipServer(real_videos[1], 30.0)
    server.start()
    try:
        with started(shipped_bundle.path, server.address, "--json", "--window", "1s", "--hop", "200ms") as process:
            assert process.stdout is not None
            while '"answer"' not in process.stdout.readline():
                pass
            server.kill()
            event: dict[str, Any] = {}
            while event.get("event") != "source" or event["state"] == "running":
                line = process.stdout.readline()
                assert line
                event = json.loads(line)
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, errors
        assert events_of(rest)[-1]["event"] == "summary"
    finally:
        server.kill()


def test_what_cannot_be_is_refused(shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path) -> None:
    bundle, video = shipped_bundle.path, real_videos[0]
    nowhere = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    assert_one_sentence(run(bundle, video, "--preview", **nowhere), "no display", "--annotate")
    assert_one_sentence(run(bundle, video, "--annotate", tmp_path / "out.gif"), "out.gif", ".mp4")
    assert_one_sentence(run(bundle, video, "--leave", 0.9), "--leave is 0.9", "--enter")
    assert_one_sentence(run(bundle, video, "--events", tmp_path), str(tmp_path), "--events")
    assert_one_sentence(run(bundle, tmp_path / "missing.mp4"), "missing.mp4")
    assert_one_sentence(run(bundle, video, "--hop", "soon"), "--hop is 'soon'", "such as 2s")
    assert list(tmp_path.iterdir()) == []


def test_windows_are_charged_joules_from_a_profile(ready_bundle: Bundle, tmp_path: Path) -> None:
    frames = np.random.default_rng(5).integers(0, 256, (75, 96, 128, 3), np.uint8)
    np.save(tmp_path / "frames.npy", frames)
    place = write_profile(ready_bundle, tmp_path / "p.json")
    words = (ready_bundle.path, tmp_path / "frames.npy", "--window", "1s", "--hop", "200ms")
    done = run(*words, "--json", "--budget", "0.4J", "--energy-profile", place)
    assert done.returncode == 0, done.stderr
    events = events_of(done.stdout)
    answers, summary = of(events, "answer"), events[-1]
    assert {round(answer["joules"], 6) for answer in answers} == {GLANCE_J, FULL_J}
    assert {answer["budget"]["energy"]["source"] for answer in answers} == {"profile"}
    assert summary["budget"]["mean"] == pytest.approx(np.mean([answer["joules"] for answer in answers]))
    assert [event["text"].split(":")[0] for event in of(events, "warning")] == ["Profile only"]
    assert_one_sentence(run(*words, "--budget", "0.4J"), "budget in joules needs a profile", "adafocus energy")
