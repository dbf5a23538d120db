"""``adafocus run`` over a playlist with a budget, and over what is no video file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.commands.run import Meanwhile
from adafocus.edge.video.clip import sample_video
from tests.helpers.energy_profiles import FULL_J, GLANCE_J, figure, write_profile
from tests.helpers.program import CallHere
from tests.helpers.videos import encode

# what takes time to import, and a run of one video does without
SPARED = (
    *("torch", "yaml", "rich", "psutil", "numpy.ma", "PIL", "onnxruntime"),
    *("adafocus.edge.budget.controller", "adafocus.edge.budget.joules", "adafocus.edge.meters"),
)
NEEDED = ("av", "cv2", "pydantic", "ai_edge_litert")
ONE_RUN = f"""
import atexit, gc, json, sys
from adafocus.edge.cli import main
atexit.register(lambda: print(json.dumps({{
    "loaded": [name for name in {(*SPARED, *NEEDED)} if name in sys.modules],
    "collects": gc.isenabled(), "frozen": gc.get_freeze_count(),
}})))
main()
"""


def costs(bundle: Bundle) -> tuple[float, float]:
    macs = [bundle.manifest.macs(stage) / 1e9 for stage in ("glance", "policy", "focus")]  # type: ignore[arg-type]
    return macs[0], sum(macs)


def test_a_playlist_keeps_its_budget_and_shows_how(
    adafocus_here: CallHere, shipped_bundle: Bundle, real_videos: list[Path]
) -> None:
    low, high = costs(shipped_bundle)
    asked = round((low + high) / 2, 3)
    done = adafocus_here(
        "run", shipped_bundle.path, *real_videos * 15, "--budget", f"{asked} gmac", "--json", "--top", 1
    )
    content = json.loads(done.stdout)
    state, answers = content["budget"], content["videos"]
    assert (state["asked"], state["unit"], state["clips"]) == (asked, "GMAC", 15 * len(real_videos))
    assert state["mean"] == pytest.approx(np.mean([answer["gmac"] for answer in answers]))
    assert state["mean"] == pytest.approx(asked, rel=0.1)
    assert state["range"] == pytest.approx([low, high])
    assert 0.0 <= state["position"] <= 1.0
    assert state["curve"] in ("learned here", "calibrated in the bundle")
    assert {answer["exit_stage"] for answer in answers} == {"glance", "focus"}
    for answer in answers:
        assert answer["exit_index"] == (0 if answer["exit_stage"] == "glance" else 1)
        assert len(answer["confidences"]) == answer["exit_index"] + 1


def test_without_a_budget_there_is_no_state(
    adafocus_here: CallHere, shipped_bundle: Bundle, real_videos: list[Path]
) -> None:
    content = json.loads(adafocus_here("run", shipped_bundle.path, real_videos[0], "--json").stdout)
    assert content["budget"] is None


def test_the_text_says_what_the_budget_came_to(
    adafocus_here: CallHere, shipped_bundle: Bundle, real_videos: list[Path]
) -> None:
    low, high = costs(shipped_bundle)
    done = adafocus_here("run", shipped_bundle.path, *real_videos, "--budget", f"{high:.9f}GMAC")
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert f"budget {high:g} GMAC a clip: {high:.4g} GMAC on average of {len(real_videos)}" in words
    assert f"range {low:.4g} to {high:.4g}" in words


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--budget", "0.001GMAC"), "below what the glance alone costs"),
        (("--budget", "99GMAC"), "above what the full path costs"),
        (("--budget", "0.001 ms"), "on this machine now"),
        (("--budget", "0.4J"), "needs a profile of this bundle"),
        (("--budget", "1GMAC", "--meter", "auto"), "--meter is for budgets in joules"),
        (("--budget", "plenty"), "expected a number above 0 with its unit"),
        (("--budget", "1GMAC", "--exit-threshold", "0.5"), "expected one of the two"),
    ],
)
def test_a_budget_that_cannot_be_ends_in_one_sentence(
    adafocus_here: CallHere, shipped_bundle: Bundle, real_videos: list[Path], words: tuple[str, ...], found: str
) -> None:
    done = adafocus_here("run", shipped_bundle.path, real_videos[0], *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert found in done.stderr


def test_a_run_of_one_video_imports_nothing_that_it_does_without(ready_bundle: Bundle, tmp_path: Path) -> None:
    video, temporary = encode(tmp_path / "video.mp4", 20), tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ONE_RUN, "run", ready_bundle.shown, video],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    said, found = done.stdout.splitlines(), json.loads(done.stdout.splitlines()[-1])
    assert any(line.startswith("video.mp4: ") for line in said)
    assert found["loaded"] == list(NEEDED)
    # what was imported is never searched for garbage; what comes later is
    assert found["collects"] is True
    assert found["frozen"] > 10_000
    assert not any(temporary.iterdir())


def test_what_is_done_meanwhile_gives_or_raises_what_it_came_to() -> None:
    assert Meanwhile(lambda: 6 * 7).result() == 42
    broken = Meanwhile(lambda: int("nothing"))
    for _ in range(2):
        with pytest.raises(ValueError, match="nothing"):
            broken.result()


def test_the_first_video_may_be_broken_and_the_second_recognized(
    adafocus_here: CallHere, ready_bundle: Bundle, tmp_path: Path
) -> None:
    broken, whole = tmp_path / "broken.mp4", encode(tmp_path / "whole.mp4", 20)
    broken.write_bytes(whole.read_bytes()[:400])
    done = adafocus_here("run", ready_bundle.shown, broken, whole)
    assert done.returncode == 2
    assert "broken.mp4" in done.stderr
    assert "whole.mp4: " in done.stdout


def test_an_array_and_a_folder_of_pictures_are_answered_like_their_video(
    adafocus_here: CallHere, shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path
) -> None:
    frames = sample_video(real_videos[0], 24, lambda frame: frame)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{number:03}.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    np.save(tmp_path / "frames.npy", frames)
    done = adafocus_here("run", shipped_bundle.path, folder, tmp_path / "frames.npy", "--json")
    assert done.returncode == 0, done.stderr
    pictures, array = json.loads(done.stdout)["videos"]
    assert pictures["top"] == array["top"]
    assert pictures["frame_indices"] == array["frame_indices"]


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(5)
    paths = [tmp_path / f"{number}.npy" for number in range(3)]
    for path in paths:
        np.save(path, rng.integers(0, 256, (16, 96, 128, 3), np.uint8))
    return paths


def test_a_budget_in_joules_is_charged_from_the_profile(
    adafocus_here: CallHere, ready_bundle: Bundle, clips: list[Path], tmp_path: Path
) -> None:
    place = write_profile(ready_bundle, tmp_path / "mine.energy.json")
    words = ("run", ready_bundle.path, *clips * 4, "--budget", "0.4J", "--energy-profile", place)
    content = json.loads(adafocus_here(*words, "--json").stdout)
    spent = [answer["joules"] for answer in content["videos"]]
    assert {answer["joules_source"] for answer in content["videos"]} == {"profile"}
    assert {round(joules, 6) for joules in spent} == {GLANCE_J, FULL_J}
    state = content["budget"]
    assert (state["unit"], state["mean"]) == ("J", pytest.approx(np.mean(spent)))
    assert (state["energy"]["source"], state["energy"]["profile"]) == ("profile", "mine.energy.json")
    assert state["notes"][0].startswith("Profile only")
    done = adafocus_here(*words)
    assert "Profile only: clips are charged what mine.energy.json says." in done.stderr
    assert "J (profile)" in done.stdout
    assert "no meter corrects it now" in done.stdout


def test_modelled_joules_are_called_so(
    adafocus_here: CallHere, ready_bundle: Bundle, clips: list[Path], tmp_path: Path
) -> None:
    per_clip = {
        name: figure(joules).model_copy(update={"net_j": None}) for name, joules in (("glance", 1), ("full", 3))
    }
    place = write_profile(
        ready_bundle, tmp_path / "m.json", source="modelled", meter=None, idle_w=(), per_clip=per_clip
    )
    done = adafocus_here("run", ready_bundle.path, *clips, "--budget", "2J", "--energy-profile", place)
    assert "The joules are modelled, not measured: m.json counts operations and bytes." in done.stderr
    assert "J (modelled)" in done.stdout
    assert "joules above idle: modelled, not measured, from m.json" in done.stdout
