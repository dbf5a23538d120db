"""Verbs of the command line with bundles whose boxes lie in the whole frame, one of them without a policy network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.selftest import attempt
from adafocus.edge.streaming.views.overlay import CAPTION_PX
from tests.fuzzing.kind import small_bundles
from tests.helpers.program import CallHere
from tests.helpers.videos import write_video

NAMES = ("square", "network", "motion")


@pytest.fixture(scope="module")
def bundles(ready_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return bundles with the same graphs that look in several ways."""
    return dict(zip(NAMES, small_bundles(ready_bundle.path, tmp_path_factory.mktemp("bundles")), strict=True))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "wide.mp4", 60, (320, 180))


def parsed(here: CallHere, *arguments: object) -> Any:
    done = here(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("square", ()),
        ("network", ("boxes in the whole frame", "padded", "a policy network", "the run in which most changes")),
        ("motion", ("the whole frame, squeezed", "it looks where pixels change", "frames spread evenly")),
    ],
)
def test_inspect_says_how_a_bundle_looks(
    adafocus_here: CallHere, bundles: dict[str, Path], name: str, words: tuple[str, ...]
) -> None:
    done = adafocus_here("inspect", bundles[name])
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in words)
    assert ("whole frame" in done.stdout) == bool(words)
    rows = [line for line in done.stdout.splitlines() if "litert" in line]
    assert any("policy" in row for row in rows) == (name != "motion")


@pytest.mark.parametrize("name", NAMES)
def test_selftest_and_what_doctor_tries_run_the_golden_clip(
    adafocus_here: CallHere, bundles: dict[str, Path], name: str
) -> None:
    assert parsed(adafocus_here, "selftest", bundles[name], "--runtime", "litert")["passed"] is True
    done = adafocus_here("selftest", bundles[name], "--runtime", "litert")
    assert "same" in done.stdout
    trial = attempt(bundles[name], "litert", 1)
    assert trial.answers, trial.problem


@pytest.mark.parametrize("name", NAMES)
def test_run_looks_where_the_bundle_says(
    adafocus_here: CallHere, bundles: dict[str, Path], video: Path, name: str
) -> None:
    (answer,) = parsed(adafocus_here, "run", bundles[name], video)["videos"]
    manifest = Bundle.open(bundles[name]).manifest
    stages = manifest.geometry.stage_names
    assert answer["gmac"] == pytest.approx(sum(manifest.macs(stage) for stage in stages) / 1e9)
    if name == "motion":
        assert tuple(answer["boxes"][0][2:]) == (0.5, pytest.approx(0.5 * 180 / 320, abs=1e-4)), (
            "a square of half the short side"
        )
    assert len(answer["frame_indices"]) == manifest.geometry.focus_frames
    assert {"glance", "policy", "select", "crop", "focus"} <= set(answer["timing_ms"])
    assert "ms: decode" in adafocus_here("run", bundles[name], video, "--exit-threshold", "2").stdout


def test_a_budget_and_the_bench_count_a_policy_of_motion_as_no_multiplications(
    adafocus_here: CallHere, bundles: dict[str, Path], video: Path
) -> None:
    manifest = Bundle.open(bundles["motion"]).manifest
    high = (manifest.macs("glance") + manifest.macs("focus")) / 1e9
    state = parsed(adafocus_here, "run", bundles["motion"], video, "--budget", f"{high:.9f}GMAC")["budget"]
    assert state["range"] == pytest.approx([manifest.macs("glance") / 1e9, high])
    quick = ("--clips", 2, "--seconds", 0, "--warm-up", 1, "--without-decoding", "--exits")
    report = parsed(adafocus_here, "bench", bundles["motion"], video, *quick)
    full, stopped = report["entries"]
    assert full["mean_gmac"] == pytest.approx(high)
    assert full["ms"]["policy"]["max"] > 0 == stopped["ms"]["policy"]["max"], "motion is timed as a policy"
    assert full["exits"] == {"glance": 0, "focus": 2}
    assert "policy" in adafocus_here("bench", bundles["motion"], video, *quick).stdout


@pytest.mark.parametrize("name", ["network", "motion"])
def test_a_stream_keeps_whole_frames(
    adafocus_here: CallHere, bundles: dict[str, Path], video: Path, tmp_path: Path, name: str
) -> None:
    events = tmp_path / "events.jsonl"
    shown = tmp_path / "shown.avi"
    done = adafocus_here(
        "stream", bundles[name], video, "--window", "2s", "--hop", "500ms", "--events", events, "--annotate", shown
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    decoded, frame = cv2.VideoCapture(str(shown)).read()
    assert decoded
    assert frame.shape[1] / (frame.shape[0] - CAPTION_PX) == pytest.approx(320 / 180, abs=0.01)
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    answers = [line for line in lines if line["event"] == "answer"]
    assert answers
    assert all(answer["boxes"] and answer["exit_stage"] == "focus" for answer in answers)
    started = next(line for line in lines if line["event"] == "started")
    frames = Bundle.open(bundles[name]).manifest.geometry.candidate_frames
    assert started["window_bytes"] >= (2 * frames + 2) * 64 * 2**20 // frames
