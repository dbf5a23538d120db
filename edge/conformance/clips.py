"""Vectors of whole clips: from frames to a prediction, with graphs whose answers are given, and with real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.budget.controller import Controller
from adafocus.edge.budget.costs import Budget, MacCosts
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import ExitBudget, Exits, Geometry
from adafocus.edge.conformance.material import (
    Record,
    case,
    floats,
    joined,
    near,
    nears,
    numbers,
    picture,
    samples,
    scene,
    scene_record,
)
from adafocus.edge.conformance.trial import (
    CANDIDATES,
    GLANCE_FRAMES,
    LABELS,
    AnsweringOpener,
    Answers,
    Variant,
    codes,
    trial_bundle,
    trial_manifest,
)
from adafocus.edge.exits import ALWAYS
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import DEFAULT_RUNTIME
from adafocus.edge.runtimes.graph import Arrays
from adafocus.edge.sources.source import Frame
from adafocus.edge.video.clip import Clip, clip_from_frames

Thresholds = tuple[float, ...] | None

FRAMES, FPS = 13, 10.0
# of more, samples are told
MAX_FLOATS = 64
# height and width of frames, and the square that moves in them
SMALL, SMALL_BLOCK = (48, 66), (6, 8, 14, 1, 3)
REAL, REAL_BLOCK = (120, 160), (20, 20, 40, 2, 6)
WHOLE: dict[str, Any] = {"boxes_in": "frame"}
# variant, boxes, the measure of confidence, fields of the geometry, thresholds to try
KINDS: dict[str, tuple[Variant, int, Exits, dict[str, Any], tuple[Thresholds, ...]]] = {
    "square, one box": ("tsm", 1, Exits(), {}, (None, (0.5,), (0.999,))),
    "square, a box for each frame, four exits of two calls": (
        "long",
        CANDIDATES,
        Exits(criterion="logit"),
        {},
        (None, (2.0, 9.0, 9.0, 9.0), (2.25, 3.0, 9.0, 9.0), (2.25, 9.0, 9.0, 4.0), (9.0, 9.0, 5.0, 9.0)),
    ),
    "whole frame, squeezed": (
        "tsm",
        CANDIDATES,
        Exits(criterion="entropy", temperature=1.5),
        {**WHOLE, "glance_fit": "squeezed"},
        (None, (-1.6,)),
    ),
    "motion, spread, padded": (
        "x3d",
        1,
        Exits(temperature=2.0),
        {**WHOLE, "glance_fit": "padded", "policy": "motion", "focus_span": "spread", "box_min": 0.6},
        (None, (0.2,)),
    ),
    "motion, densest, square": (
        "x3d",
        1,
        Exits(),
        {**WHOLE, "policy": "motion", "focus_span": "densest", "box_min": 0.37},
        (None,),
    ),
    "motion, densest, from the median": (
        "x3d",
        1,
        Exits(),
        {**WHOLE, "policy": "motion", "focus_span": "densest", "box_min": 0.37, "change_from": "median"},
        (None,),
    ),
    "a network, spread": ("tsm", 1, Exits(), {**WHOLE, "focus_span": "spread"}, (None,)),
    "a network, densest": ("tsm", 1, Exits(), {**WHOLE, "focus_span": "densest", "box_min": 0.37}, (None,)),
}


def vectors() -> list[Record]:
    """Return the vectors with made-up graphs."""
    return joined((_trials(), _controlled()))


def frames_of(count: int, size: tuple[int, int], block: Sequence[int]) -> tuple[Record, list[Frame]]:
    """Return frames of a scene, told and as the device takes them, in BGR."""
    told = scene_record(5, count, *size, block)
    pixels = [np.ascontiguousarray(scene(5, number, *size, block)[:, :, ::-1]) for number in range(count)]
    return told, [Frame(frame, number, number / FPS, "vectors") for number, frame in enumerate(pixels)]


def _answers(variant: Variant, boxes: int) -> Answers:
    """Return what made-up graphs answer."""
    long = variant == "long"
    glance: Arrays = {
        "features": codes(list(range(-9, 9)), GLANCE_FRAMES, 6),
        # as real numbers 0.25, 2, -1, 2, 0.5: of two that are equal the first counts
        "glance_logits": codes([-2, 5, -7, 5, -1], 1, len(LABELS)),
        "context": codes([-8, 2, 100, -120, 33], 1, len(LABELS)),
    }
    policy: Arrays = {
        "boxes": np.array(floats(7, 4 * boxes), np.float32).reshape(boxes, 4) * np.float32(0.5),
        "frame_weights": np.array([0.125, 0.5, 0.375], np.float32),
    }
    rows = [[-2, 6, -7, 9, -1], [0, 8, -7, 10, -1], [-3, 17, -7, 4, -1], [-2, 20, -7, 1, -1]]
    calls = [rows[:2], rows[2:]] if long else [rows[3:]]
    focus: list[Arrays] = []
    for call in calls:
        answer: Arrays = {"logits": codes([value for row in call for value in row], len(call), len(LABELS))}
        if long:
            answer["context"] = codes(call[-1], 1, len(LABELS))
        focus.append(answer)
    return {"glance": [glance], "policy": [policy], "focus": focus}


def _trials() -> Iterator[Record]:
    """Clips through made-up graphs, with and without early stops."""
    told, frames = frames_of(FRAMES, SMALL, SMALL_BLOCK)
    for name, (variant, boxes, exits, looking, choices) in KINDS.items():
        manifest = trial_manifest(variant, boxes, exits, **looking)
        answers = _answers(variant, boxes)
        stages = manifest.geometry.stage_names
        shown = {
            stage: [{tensor: numbers(values) for tensor, values in call.items()} for call in calls]
            for stage, calls in answers.items()
            if stage in stages
        }
        runs = []
        for thresholds in choices:
            recognizer = Recognizer(trial_bundle(manifest), DEFAULT_RUNTIME, 1, None, AnsweringOpener(answers))
            recognizer.thresholds = thresholds
            clip = clip_from_frames(frames, manifest.geometry)
            runs.append((clip, recognizer.recognize_clip(clip)))
        given = {"manifest": json.loads(manifest.model_dump_json()), "frames": told, "answers": shown}
        yield case(name, "clip", given | {"thresholds": choices}, _runs(runs, manifest.geometry))


def _runs(runs: Sequence[tuple[Clip, Prediction]], geometry: Geometry) -> Record:
    """Tell the first run in full, and of every run where it stopped and what it cost."""
    ends = [
        {
            "calls": [call.stage for call in prediction.calls],
            "exit_stage": prediction.exit_stage,
            "exit_index": prediction.exit_index,
            "confidences": nears(prediction.confidences),
            "frame_indices": list(prediction.frame_indices),
            "label": prediction.label,
            "score": near(prediction.score),
            "macs": prediction.macs,
        }
        for _, prediction in runs
    ]
    return {**predicted(*runs[0], geometry), "runs": ends}


def predicted(clip: Clip, prediction: Prediction, geometry: Geometry) -> Record:
    """Tell a prediction, what the stages were given and what they gave."""
    sides = [
        (geometry.frame_size,) * 2 if geometry.boxes_in == "square" else clip.candidates[place].shape[:2]
        for place in prediction.candidate_indices
    ]
    boxes = prediction.boxes.astype(np.float64) * np.array([[*size, *size] for size in sides]).reshape(-1, 4)
    return {
        "glance_indices": numbers(clip.glance_indices),
        "candidate_frames": numbers(clip.candidate_indices),
        "glance": picture(clip.glance),
        "candidates": list(prediction.candidate_indices),
        "frame_indices": list(prediction.frame_indices),
        "boxes": numbers(prediction.boxes),
        "boxes_px": numbers(np.rint(boxes).astype(int)),
        "patches": picture(prediction.patches),
        "calls": [
            {
                "stage": call.stage,
                "inputs": {name: _tensor(values) for name, values in call.inputs.items()},
                "outputs": {name: _tensor(values) for name, values in call.outputs.items()},
            }
            for call in prediction.calls
        ],
        "top": [[label, near(score)] for label, score in prediction.top(3)],
    }


def _tensor(values: NDArray[np.generic]) -> Record:
    """Tell a tensor; floats by values or samples, as runtimes and processors differ in their last digits."""
    if values.dtype.kind != "f":
        return picture(values)
    shape = {"shape": list(values.shape), "dtype": values.dtype.name}
    if values.size > MAX_FLOATS:
        return {**shape, "samples": samples(values)}
    return {**shape, "values": numbers(values)}


def _controlled() -> Iterator[Record]:
    """A budget that is held over many clips: the threshold before each, by what those before cost."""
    row = ExitBudget(unit="GMAC", budget=0.0012, thresholds=(0.6,))
    mixed, harder = floats(91, 70), [0.95] * 30 + [0.05] * 40
    stories: dict[str, tuple[tuple[ExitBudget, ...], list[float]]] = {
        "calibrated": ((row,), mixed),
        "learned": ((), mixed),
        "clips get harder": ((row,), harder),
    }
    for name, (budgets, sure) in stories.items():
        manifest = trial_manifest("tsm", 1, Exits(budgets=budgets))
        recognizer = Recognizer(trial_bundle(manifest), DEFAULT_RUNTIME, 1, None, AnsweringOpener(_answers("tsm", 1)))
        clip = clip_from_frames(frames_of(FRAMES, SMALL, SMALL_BLOCK)[1], manifest.geometry)
        # a prediction whose confidence and cost are replaced by those of the story
        whole = recognizer.recognize_clip(clip)
        controller = Controller.start(Budget(0.0013, "GMAC"), recognizer, clip, MacCosts(recognizer.exit_macs))
        thresholds, positions, costs = [], [], []
        for confidence in sure:
            (threshold,) = controller.thresholds
            thresholds.append(threshold)
            positions.append(controller.position)
            stops = confidence >= threshold
            passed = (confidence,) if stops else (confidence, 0.9)
            shown = replace(whole, macs=recognizer.exit_macs[0 if stops else -1], confidences=passed)
            costs.append(controller.observe(shown))
        given = {
            "exit_macs": list(recognizer.exit_macs),
            "budget_gmac": 0.0013,
            "rows": [[row.budget, list(row.thresholds)] for row in budgets],
            "classes": len(LABELS),
            "criterion": "softmax",
            "glance_confidences": sure,
        }
        found = {"thresholds": nears(thresholds), "positions": nears(positions), "costs": nears(costs)}
        yield case(name, "controller", given, found)


def golden_vectors(path: Path) -> list[Record]:
    """Return the vector of a real bundle: one clip all the way, to the glance, and by the first budget of its table.

    Args:
        path: of a bundle with graphs for LiteRT.

    Raises:
        AdafocusError: no such bundle, or it cannot run here.
    """
    with Bundle.open(path) as bundle:
        manifest, (told, frames) = bundle.manifest, frames_of(FRAMES, REAL, REAL_BLOCK)
        recognizer = Recognizer.open(bundle, DEFAULT_RUNTIME, 1)
        clip = clip_from_frames(frames, manifest.geometry)
        exits = len(recognizer.exit_macs) - 1
        choices: list[Thresholds] = [None, (ALWAYS,) * exits, *(row.thresholds for row in manifest.exits.budgets[:1])]
        runs = []
        for thresholds in choices:
            recognizer.thresholds = thresholds
            runs.append((clip, recognizer.recognize_clip(clip)))
    given = {
        "bundle": manifest.name,
        "graphs_sha256": {stage: graphs[DEFAULT_RUNTIME].sha256 for stage, graphs in manifest.stages.items()},
        "runtime": DEFAULT_RUNTIME,
        "frames": told,
        "thresholds": choices,
    }
    return [case(manifest.name, "golden", given, _runs(runs, manifest.geometry))]
