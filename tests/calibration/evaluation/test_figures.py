"""Figures of a bundle whose predictions are known: it calls every clip ``run``."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from adafocus.calibration.evaluation.comparison import compare
from adafocus.calibration.evaluation.evaluate import Evaluation, Request, evaluate_bundle
from adafocus.calibration.evaluation.evaluation_input import EvaluationInput, PlainNetwork
from adafocus.calibration.evaluation.figures import compute_figures
from adafocus.calibration.evaluation.report.html import render
from adafocus.calibration.evaluation.report.table import print_evaluation, sentences
from adafocus.calibration.predictions.ablations import (
    ABLATIONS,
    LEARNED,
    MOTION,
    OWN,
    PLAIN,
    WITHOUT_POLICY,
    ablations_of,
    policy_name,
    runs_of,
)
from adafocus.calibration.report_file import read_evaluation, write_report
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError
from tests.helpers.grey_clips import CLIPS
from tests.helpers.numpy_bundle import MACS, NumpyOpener


@pytest.fixture
def request_of(clip_list: Path) -> Request:
    return Request(clip_list, "val", seeds=2)


@pytest.fixture
def found(recognizer: Recognizer, request_of: Request) -> Evaluation:
    return evaluate_bundle(recognizer, request_of)


def test_random_ablations_are_run_once_for_each_seed() -> None:
    assert list(runs_of("centred boxes", ABLATIONS["centred boxes"], 3)) == ["centred boxes"]
    runs = runs_of("random frames", ABLATIONS["random frames"], 3)
    assert [ablation.seed for ablation in runs.values()] == [0, 1, 2]
    assert {ablation.frames for ablation in runs.values()} == {"random"}


@pytest.mark.parametrize("span", ["spread", "densest"])
def test_a_policy_of_motion_is_called_so_and_no_row_looks_where_another_looks(
    recognizer: Recognizer, span: str
) -> None:
    geometry = recognizer.bundle.manifest.geometry
    by_motion = geometry.model_copy(
        update={"boxes_in": "frame", "policy": "motion", "focus_span": span, "box_min": 0.5}
    )
    assert policy_name(geometry) == LEARNED
    assert policy_name(by_motion) == MOTION
    assert next(iter(ablations_of(geometry))) == LEARNED
    rows = ablations_of(by_motion)
    assert next(iter(rows.items())) == (MOTION, OWN)
    assert LEARNED not in rows
    assert "motion boxes" not in rows
    assert {PLAIN, WITHOUT_POLICY, "random boxes"} <= rows.keys()
    # frames that are spread evenly are uniform ones already
    assert ("uniform frames" in rows) == ("centred boxes" in rows) == (span == "densest")
    assert list(ablations_of(by_motion, every=False)) == [MOTION, PLAIN]


def test_accuracy_and_cost_of_every_ablation(found: Evaluation, recognizer: Recognizer) -> None:
    figures = found.figures
    assert (figures["clips"], figures["groups"], figures["few_groups"]) == (8, 4, True)
    wanted = ablations_of(recognizer.bundle.manifest.geometry)
    assert list(figures["ways"]) == ["glance alone", *wanted]
    for name, way in figures["ways"].items():
        # the glance has no answer for the black clip; groups have two of two, or one of two right
        glance = name == "glance alone"
        assert (way["top1_percent"], way["top5_percent"]) == (50.0 if glance else 62.5, 100.0)
        assert way["top1_interval"] == ([50.0, 50.0] if glance else [50.0, 87.5])
        assert way["gmac"] == round((MACS["glance"] if glance else sum(MACS.values())) / 1e9, 4)
        assert way["ms"] > 0
    assert figures["ways"]["random boxes"]["seeds"] == 2
    assert [row["against"] for row in figures["differences"]] == [name for name in wanted if name != LEARNED]
    assert all((row["points"], row["interval"]) == (0.0, [0.0, 0.0]) for row in figures["differences"])


def test_confusion_classes_and_calibration(found: Evaluation) -> None:
    figures = found.figures
    assert figures["confusion"] == {
        "rows": ["walk", "run", "swim"],
        "columns": ["walk", "run", "swim", "another label"],
        "counts": [[0, 1, 0, 0], [0, 5, 0, 0], [0, 2, 0, 0]],
    }
    assert [(row["label"], row["clips"], row["top1_percent"]) for row in figures["by_class"]] == [
        ("walk", 1, 0.0),
        ("run", 5, 100.0),
        ("swim", 2, 0.0),
    ]
    assert figures["calibration"]["temperature"] == 2.0
    assert figures["calibration"]["after"]["error_percent"] != figures["calibration"]["before"]["error_percent"]
    assert sum(figures["calibration"]["after"]["clips"]) == 8


def test_budgets_of_the_manifest_are_played(found: Evaluation) -> None:
    curve = found.figures["curve"]
    (row,) = curve["budgets"]
    exits = [clip["exit_by_budget"]["0.0012 GMAC"] for clip in found.figures["each_clip"]]
    assert 0 < sum(exits) < len(exits)
    assert row["stop_at_glance_percent"] == 100 * (1 - sum(exits) / len(exits))
    assert row["gmac"] == round((MACS["glance"] + sum(exits) / 8 * (MACS["policy"] + MACS["focus"])) / 1e9, 4)
    assert row["off_budget_percent"] == pytest.approx(100 * (row["gmac"] / 0.0012 - 1), abs=5)
    assert (curve["without_exits"]["gmac"], curve["without_exits"]["against_full"]) == (0.0015, 0.0)
    assert (curve["sweep"][0]["stop_at_glance_percent"], curve["sweep"][-1]["stop_at_glance_percent"]) == (100.0, 0.0)


def test_every_clip_has_its_row(found: Evaluation) -> None:
    rows = found.figures["each_clip"]
    assert [row["path"] for row in rows] == [f"{number}.npy" for number in range(8)]
    assert [row["labels"] for row in rows] == [[label] for _, label, _ in CLIPS]
    assert [row["right"] for row in rows] == [label == "run" for _, label, _ in CLIPS]
    assert {(row["best"], row["exit"], row["gmac"]) for row in rows} == {("run", 1, 0.0015)}
    assert rows[0]["frames"] == [1, 3, 5, 7, 9, 11]
    assert rows[0]["right_by_way"][WITHOUT_POLICY] == 1.0
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores)
    assert found.clips["3.npy"].label == "run"


def test_what_the_policy_does_is_told(found: Evaluation) -> None:
    assert found.figures["looks"] == {
        "sides_percent": 50.0,
        "smallest_side_percent": 50.0,
        "off_centre_percent": 0.0,
        "box_change_percent": 0.0,
        "frame_sets": 1,
    }


def test_glance_and_focus_are_told_apart_and_ties_counted(found: Evaluation) -> None:
    # the black clip is a tie after the glance; the focus alone calls every clip run
    assert found.figures["ties"] == {"glance": 1, "final": 0}
    fusion = found.figures["fusion"]
    assert (fusion["glance_percent"], fusion["focus_percent"], fusion["final_percent"]) == (50.0, 62.5, 62.5)
    assert [(row["against"], row["points"]) for row in fusion["final_ahead"]] == [
        ("glance alone", 12.5),
        ("focus alone", 0.0),
    ]


@pytest.mark.parametrize(("group", "label"), [("g", None), (None, "run"), ("g", "run")], ids=["group", "class", "both"])
def test_one_group_and_one_class_have_honest_figures(
    recognizer: Recognizer, clip_list: Path, group: str | None, label: str | None
) -> None:
    rows = [line.split(",") for line in clip_list.read_text().split()]
    clip_list.write_text("\n".join(",".join([row[0], label or row[1], group or row[2], row[3]]) for row in rows[1:]))
    clip_list.write_text("path,label,group,split\n" + clip_list.read_text())
    figures = evaluate_bundle(recognizer, Request(clip_list, "val", seeds=1)).figures
    assert (figures["groups"] == 1) == (group is not None)
    assert (figures["ways"][LEARNED]["top1_interval"] is None) == (group is not None)
    said = sentences(figures)
    assert any("all clips show one class, run" in text for text in said) == (label is not None)
    console = Console(file=io.StringIO(), width=200)
    print_evaluation(figures, console)
    assert "<!doctype html>" in render(figures, {})


def test_groups_may_be_numbered_within_labels(recognizer: Recognizer, request_of: Request) -> None:
    request = replace(request_of, groups_within_labels=True, ablations=False)
    figures = evaluate_bundle(recognizer, request).figures
    assert figures["groups"] == len({(label, group) for _, label, group in CLIPS}) == 7
    assert list(figures["ways"]) == ["glance alone", LEARNED, PLAIN]
    assert [row["against"] for row in figures["differences"]] == [PLAIN]


def test_a_limit_takes_clips_from_all_over_the_list(recognizer: Recognizer, request_of: Request) -> None:
    rows = evaluate_bundle(recognizer, replace(request_of, limit=3, ablations=False)).figures["each_clip"]
    assert [row["path"] for row in rows] == ["0.npy", "4.npy", "7.npy"]


def test_a_baseline_is_one_more_row_at_its_own_cost(recognizer: Recognizer, request_of: Request) -> None:
    from adafocus.calibration.datasets import read_clips
    from adafocus.calibration.predictions.collect import collect
    from adafocus.calibration.predictions.ground_truth import ground_truth

    manifest = recognizer.bundle.manifest
    clips = read_clips(request_of.clip_list, "val")
    truth = ground_truth(clips, manifest.labels, {})
    name, logits = "float on whole frames", truth.multi_hot.astype(np.float32)
    baseline = PlainNetwork(name, 4, 160, logits, 7_000_000, 12.5, "PyTorch, float32", False)
    given = EvaluationInput(
        LEARNED,
        {LEARNED: (collect(recognizer, clips, {LEARNED: OWN})[LEARNED],)},
        truth,
        manifest.exits,
        manifest.labels,
        tuple(clip.group for clip in clips),
        tuple(clip.path.name for clip in clips),
        baseline,
    )
    figures = compute_figures(given, "litert, fp32")
    way = figures["ways"]["float on whole frames"]
    assert (way["top1_percent"], way["map_percent"], way["gmac"], way["ms"]) == (100.0, 100.0, 0.007, 12.5)
    assert figures["differences"][0]["points"] == -37.5


def test_predictions_are_kept_and_only_what_is_missing_is_run(
    recognizer: Recognizer, opener: NumpyOpener, request_of: Request, tmp_path: Path
) -> None:
    store = tmp_path / "predictions.npz"
    alone = replace(request_of, predictions=store, ablations=False)
    first = evaluate_bundle(recognizer, alone).figures
    calls = dict(opener.calls)
    assert evaluate_bundle(recognizer, alone).figures == first
    assert opener.calls == calls
    every = evaluate_bundle(recognizer, replace(alone, ablations=True)).figures
    # the random ones twice, the bundle's own and the plain network not again; one more to warm up
    wanted = ablations_of(recognizer.bundle.manifest.geometry)
    assert opener.calls["focus"] - calls["focus"] == (len(wanted) - 2 + 2) * 8 + 1
    assert every["ways"][LEARNED] == first["ways"][LEARNED]


def test_predictions_of_another_run_are_refused(recognizer: Recognizer, request_of: Request, tmp_path: Path) -> None:
    request = replace(request_of, predictions=tmp_path / "predictions.npz", ablations=False)
    evaluate_bundle(recognizer, request)
    with pytest.raises(AdafocusError, match=r"predictions\.npz holds predictions of another run: clips differ"):
        evaluate_bundle(recognizer, replace(request, limit=2))
    (tmp_path / "predictions.npz").write_text("nothing")
    with pytest.raises(AdafocusError, match="holds no predictions"):
        evaluate_bundle(recognizer, request)


def test_an_evaluation_is_read_back_and_set_against_itself(found: Evaluation, tmp_path: Path) -> None:
    for name in ("a.yaml", "a.json"):
        write_report(tmp_path / name, found.figures, short=True)
        assert read_evaluation(tmp_path / name) == found.figures
    same = compare(found.figures, read_evaluation(tmp_path / "a.yaml"), tmp_path / "a.yaml")
    assert (same["points"], same["interval"], same["gained"], same["lost"]) == (0.0, [0.0, 0.0], 0, 0)
    assert (same["same_label_percent"], same["same_frames_percent"]) == (100.0, 100.0)


def changed(figures: dict[str, Any], number: int, **values: object) -> dict[str, Any]:
    rows = [dict(row) for row in figures["each_clip"]]
    rows[number] |= values
    return {**figures, "each_clip": rows}


def test_a_comparison_is_paired_clip_by_clip(found: Evaluation) -> None:
    other = changed(found.figures, 0, right=False, best="swim", frames=[0, 3, 5, 7, 9, 11])
    result = compare(found.figures, other, Path("b.yaml"))
    assert (result["points"], result["gained"], result["lost"]) == (12.5, 1, 0)
    assert result["same_label_percent"] == 87.5
    assert result["same_frames_percent"] == round(100 * (7 + 5 / 6) / 8, 2)


def test_boxes_are_compared_by_their_overlap(found: Evaluation) -> None:
    box = [0.25, 0.25, 0.5, 0.5]
    assert found.figures["each_clip"][0]["boxes"] == [box] * 6
    same = compare(found.figures, found.figures, Path("b.yaml"))
    assert same["box_overlap_percent"] == 100.0
    half = [[0.25, 0.5, 0.5, 0.5]] * 6
    moved = compare(found.figures, changed(found.figures, 0, boxes=half), Path("b.yaml"))
    assert moved["box_overlap_percent"] == round(100 * (7 + 1 / 3) / 8, 2)
    apart = compare(found.figures, changed(found.figures, 0, boxes=[[0, 0, 0.1, 0.1]] * 6), Path("b.yaml"))
    assert apart["box_overlap_percent"] == 87.5
    earlier = {key: value for key, value in found.figures["each_clip"][0].items() if key != "boxes"}
    other = {**found.figures, "each_clip": [earlier, *found.figures["each_clip"][1:]]}
    assert compare(found.figures, other, Path("b.yaml"))["box_overlap_percent"] is None


def test_chosen_frames_of_other_candidates_are_not_compared(found: Evaluation) -> None:
    other = {**found.figures, "measured_on": {**found.figures["measured_on"], "candidate_frames": 24}}
    assert compare(found.figures, other, Path("b.yaml"))["same_frames_percent"] is None


def test_other_clips_and_other_labels_are_refused(found: Evaluation) -> None:
    with pytest.raises(AdafocusError, match=r"b\.yaml is of 8 clips and this evaluation of 8; 0\.npy is in only one"):
        compare(found.figures, changed(found.figures, 0, path="x.npy"), Path("b.yaml"))
    with pytest.raises(AdafocusError, match=r"0\.npy shows run, but in b\.yaml swim"):
        compare(found.figures, changed(found.figures, 0, labels=["swim"]), Path("b.yaml"))


def test_what_does_not_fit_is_told_before_any_clip_is_run(
    recognizer: Recognizer, opener: NumpyOpener, request_of: Request, tmp_path: Path
) -> None:
    alone = replace(request_of, ablations=False)
    write_report(tmp_path / "few.json", evaluate_bundle(recognizer, replace(alone, limit=2)).figures)
    calls = dict(opener.calls)
    with pytest.raises(AdafocusError, match="is of 2 clips and this evaluation of 8"):
        evaluate_bundle(recognizer, replace(alone, compare=tmp_path / "few.json"))
    with pytest.raises(AdafocusError, match="There is no baseline"):
        evaluate_bundle(recognizer, replace(alone, baseline=tmp_path / "missing.safetensors"))
    assert opener.calls == calls


def test_a_published_classifier_answers_for_the_bundle_s_labels(shared: Path, clip_list: Path, tmp_path: Path) -> None:
    from adafocus.calibration.datasets import read_clips
    from adafocus.calibration.evaluation.baseline import View, WholeFrameClassifier

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("classifier: {backbone: x3d_xs, frames: 2, size: 64, short_side_px: 64}\n")
    weights, clips = shared / "weights" / "x3d_xs_k400.safetensors", read_clips(clip_list)[:2]
    classifier = WholeFrameClassifier(weights, recipe, tuple(map(str, range(400))))
    own, more = classifier.predict(clips, [classifier.view, View(4, 32)])
    assert (own.name, more.name) == ("float on whole frames", "float on whole frames, 4 x 32 px")
    assert own.logits.shape == more.logits.shape == (2, 400)
    assert own.macs == pytest.approx(2 * more.macs, rel=0.1)
    with pytest.raises(AdafocusError, match="knows 400 classes, the bundle 2"):
        WholeFrameClassifier(weights, recipe, ("walk", "run")).predict(clips, [classifier.view])
    with pytest.raises(AdafocusError, match="does not say how it samples a clip"):
        WholeFrameClassifier(weights, None, ("walk", "run"))


@pytest.mark.parametrize(("text", "words"), [("a: [", "cannot be read"), ("a: 1", "of the kind None")])
def test_what_is_no_evaluation_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(AdafocusError, match=f"{words}.*adafocus evaluate BUNDLE CLIPS --out"):
        read_evaluation(path)
