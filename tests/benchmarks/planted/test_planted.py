"""The policy beside an oracle: where the oracle looks, and what the figures of a planted set mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.calibration.datasets import read_clips
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError
from benchmarks.planted.__main__ import BY_MOTION, GLANCE, ORACLE, ORACLE_BOXES, RANDOM, compare, measure
from benchmarks.planted.clips import LIST
from benchmarks.planted.oracle import oracle_box, oracle_frames
from benchmarks.planted.places import Place, read_places
from tests.benchmarks.planted.test_clips import RED, coloured, make
from tests.helpers.numpy_bundle import MOTION, WHOLE, NumpyOpener, numpy_bundle
from tests.helpers.videos import GEOMETRY

PLACE = Place((0.25, 0.5, 0.25, 0.5), 10, 19)


def test_in_whole_frames_the_oracle_takes_the_middle_square_of_the_clip() -> None:
    geometry = GEOMETRY.model_copy(update={"boxes_in": "frame"})
    # 50 px high from row 50, 200 px wide from column 200, so from column 275 on
    box = oracle_box(PLACE, (200, 400), geometry)
    assert isinstance(box, np.ndarray)
    assert box.tolist() == [[0.25, 275 / 400, 0.25, 50 / 400]]


def test_in_a_square_the_oracle_takes_what_of_the_clip_lies_in_it() -> None:
    geometry = GEOMETRY.model_copy(update={"frame_size": 256})
    # the square goes from column 100 to 300
    box = oracle_box(PLACE, (200, 400), geometry)
    assert isinstance(box, np.ndarray)
    assert box.tolist() == [[0.25, 175 / 200, 0.25, 25 / 200]]
    assert oracle_box(Place((0.25, 0.85, 0.25, 0.125), 0, 9), (200, 400), geometry) == "centre"


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(10, 49, {4, 5, 6, 7, 8}), (10, 13, {2}), (11, 12, {2}), (0, 95, {1, 4, 7, 10, 13, 16, 19, 22})],
)
def test_the_oracle_looks_at_candidates_that_show_the_clip(
    tmp_path: Path, first: int, last: int, expected: set[int]
) -> None:
    clip = read_clip(coloured(tmp_path / "video.mp4", 96, (90, 90, 90)), GEOMETRY)
    found = oracle_frames(Place(PLACE.box, first, last), clip, GEOMETRY)
    assert len(found) == GEOMETRY.focus_frames
    assert (np.diff(found) >= 0).all()
    shown = clip.candidate_indices[found]
    inside = {int(n) for n in np.flatnonzero((clip.candidate_indices >= first) & (clip.candidate_indices <= last))}
    assert not inside or ((shown >= first) & (shown <= last)).all()
    assert set(found.tolist()) <= (inside or expected)


def test_the_share_of_the_oracle_is_that_of_its_gain() -> None:
    rng = np.random.default_rng(1)
    centred = (rng.random(200) < 0.4).astype(float)
    policy = np.maximum(centred, rng.random(200) < 0.3)
    oracle = np.maximum(policy, rng.random(200) < 0.3)
    hits = {"learned policy": policy, BY_MOTION: centred, "centred and uniform": centred, ORACLE: oracle}
    hits[ORACLE_BOXES] = np.maximum(policy, rng.random(200) < 0.1)
    found = compare(hits, "learned policy", [str(n // 4) for n in range(200)], dict.fromkeys(hits, 1.0))
    gain = {row["row"]: row["against_centred"] for row in found["rows"]}
    expected = 100 * gain["learned policy"] / gain[ORACLE]
    assert found["share_of_oracle_percent"] == pytest.approx(expected, abs=0.1)
    boxes = 100 * gain["learned policy"] / gain[ORACLE_BOXES]
    assert expected < boxes == pytest.approx(found["share_of_oracle_boxes_percent"], abs=0.1)
    low, high = found["share_of_oracle_interval"]
    assert low < expected < high
    assert found["policy_against_motion"]["points"] == gain["learned policy"]
    nothing = {**hits, ORACLE: centred}
    assert compare(nothing, "learned policy", ["g"] * 200, dict.fromkeys(hits, 1.0))["share_of_oracle_percent"] is None


@pytest.mark.parametrize("looking", [{}, WHOLE, MOTION])
def test_every_row_is_run_on_a_planted_set(tmp_path: Path, looking: dict[str, Any]) -> None:
    lines, behind = ["path,label,group,split"], ["path,label,group,split"]
    for number in range(2):
        coloured(tmp_path / f"{number}.mp4", 10 + number, RED)
        coloured(tmp_path / f"grey{number}.mp4", 10 + number, (90, 90, 90))
        lines.append(f"{number}.mp4,{'run' if number else 'walk'},g{number},val")
        behind.append(f"grey{number}.mp4,sit,b{number},val")
    for name, text in (("clips", lines), ("behind", behind)):
        (tmp_path / f"{name}.csv").write_text("\n".join(text))
    done = make(tmp_path / "set", (tmp_path / "clips.csv", tmp_path / "behind.csv"))
    assert done.exit_code == 0, done.output
    clips, places = read_clips(tmp_path / "set" / LIST), read_places(tmp_path / "set" / LIST)
    recognizer = Recognizer(numpy_bundle("tsm", **looking), "litert", 1, 0.1, NumpyOpener())
    found = measure(recognizer, clips, places, None, 2)
    names = [row["row"] for row in found["rows"]]
    assert names[:2] == [GLANCE, "motion" if looking == MOTION else "learned policy"]
    assert {BY_MOTION, RANDOM, ORACLE, "oracle boxes", "oracle frames", "plain network"} <= set(names)
    gmac = {row["row"]: row["gmac"] for row in found["rows"]}
    assert gmac[GLANCE] < gmac[ORACLE] <= gmac[found["policy"]]
    # this network says "run" to everything bright
    assert {row["top1_percent"] for row in found["rows"]} == {50.0}
    assert recognizer.thresholds == (0.1,)
    with pytest.raises(AdafocusError, match=r"00001.mp4 has no place in the list"):
        measure(recognizer, clips, {clips[0].path: places[clips[0].path]}, None, 2)
