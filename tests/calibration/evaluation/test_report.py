"""The report is one whole page."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adafocus.calibration.evaluation.evaluate import Request, evaluate_bundle
from adafocus.calibration.evaluation.report.html import render, write_page
from adafocus.calibration.evaluation.report.pictures import WIDTH_PX, choose_rows, draw_clip, draw_picks
from adafocus.calibration.predictions.ablations import LEARNED, WITHOUT_POLICY
from adafocus.edge.picture import BOXED_PX, boxed
from adafocus.edge.recognizer import Recognizer
from tests.helpers.numpy_bundle import MOTION, NumpyOpener, clip_of, numpy_bundle

pytestmark = pytest.mark.slow

HEADINGS = (
    "Accuracy against cost",
    "Against the plain network at equal cost",
    "Budgets of the bundle",
    "What the policy is worth",
    "Paired differences",
)
PLOTS = ("top-1 against mean GMAC", "top-1 against mean ms", "paired differences", "reliability", "class", "confusion")


def row(path: str, label: str, right: bool, score: float, without: float) -> dict[str, object]:
    return {"path": path, "labels": [label], "right": right, "score": score, "right_by_way": {WITHOUT_POLICY: without}}


def test_clips_worth_looking_at_are_the_surest_of_each_label() -> None:
    rows = [
        row("a", "walk", True, 0.7, 1.0),
        row("b", "walk", True, 0.9, 0.0),
        row("c", "run", True, 0.8, 1.0),
        row("d", "run", False, 0.6, 1.0),
    ]
    chosen = {
        heading.split(",")[0]: [one["path"] for one in found] for heading, found in choose_rows(rows, LEARNED).items()
    }
    assert chosen == {
        "Confident and right": ["b", "c"],
        "Confident and wrong": ["d"],
        "Right only with the learned policy": ["b"],
        "Wrong only with the learned policy": ["d"],
    }


def test_a_picture_of_a_clip_marks_what_was_chosen(recognizer: Recognizer) -> None:
    clip = clip_of(100)
    picture = Image.open(io.BytesIO(draw_clip(clip, recognizer.recognize_clip(clip)))).convert("RGB")
    assert picture.width == WIDTH_PX
    red, green, blue = np.moveaxis(np.asarray(picture), 2, 0)
    assert ((red > 200) & (green < 120) & (blue < 90)).any(), "boxes and marks"


@pytest.mark.parametrize("ablations", [True, False])
def test_the_report_holds_its_parts_and_no_links(
    recognizer: Recognizer, clip_list: Path, tmp_path: Path, ablations: bool
) -> None:
    found = evaluate_bundle(recognizer, Request(clip_list, "val", seeds=1, ablations=ablations))
    picks = draw_picks(recognizer, found.clips, choose_rows(found.figures["each_clip"], LEARNED))
    write_page(tmp_path / "report.html", found.figures, picks)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text == render(found.figures, picks)
    sources = re.findall(r'alt="([^"]*)" src="data:image/png;base64,([^"]+)"', text)
    for words in (*HEADINGS, "Classes", "Confident and right", "Confident and wrong", "62.5 %", "Measured on"):
        assert words in text, words
    for words in PLOTS:
        assert any(words in name for name, _ in sources), words
    assert not re.search(r"https?:|<script|<link|src=\"(?!data:)|@import|url\(", text)
    for _, content in sources:
        Image.open(io.BytesIO(base64.b64decode(content))).verify()


def test_a_bundle_that_looks_by_motion_is_reported_as_one(clip_list: Path, tmp_path: Path) -> None:
    for video in clip_list.parent.glob("*.npy"):
        level = np.load(video)[0, 0, 0, 0]
        frames = np.full((12, 24, 40, 3), level, np.uint8)
        frames[::2, :8, 30:] = 255 - level
        np.save(video, frames)
    recognizer = Recognizer(numpy_bundle("tsm", **MOTION), "litert", 1, None, NumpyOpener())
    found = evaluate_bundle(recognizer, Request(clip_list, "val", seeds=1))
    figures = found.figures
    assert figures["policy"] == "motion"
    assert list(figures["ways"])[:3] == ["glance alone", "motion", "motion frames"]
    picks = draw_picks(recognizer, found.clips, choose_rows(figures["each_clip"], "motion"))
    text = render(figures, picks)
    assert "learned policy" not in text
    assert "motion ahead by, paired" in text
    assert "policy of motion" in text or "Right only" not in text


def test_a_wide_frame_is_drawn_wide_with_its_box() -> None:
    drawn = boxed(np.full((100, 200, 3), 200, np.uint8), np.array([0.5, 0.75, 0.5, 0.25], np.float32))
    assert drawn.size == (400, 200)
    pixels = np.asarray(drawn)
    assert pixels[150, 350].tolist() == [200, 200, 200]
    assert (pixels[50, 50] < 200).all()
    assert boxed(np.zeros((1080, 1920, 3), np.uint8), np.array([0, 0, 1, 1], np.float32)).size[1] == BOXED_PX


def test_names_are_shown_as_they_are_and_not_as_code(recognizer: Recognizer, clip_list: Path) -> None:
    figures = evaluate_bundle(recognizer, Request(clip_list, "val", ablations=False)).figures
    figures["measured_on"]["model"] = "<b>model</b>"
    assert "<b>model</b>" not in render(figures, {})
    assert "&lt;b&gt;model&lt;/b&gt;" in render(figures, {})
