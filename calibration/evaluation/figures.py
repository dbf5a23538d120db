"""From the predictions of a bundle to one plain table of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from adafocus.calibration.evaluation.cost_curve import budget_points, curve_figures
from adafocus.calibration.evaluation.detection import detection_figures
from adafocus.calibration.evaluation.evaluation_input import BASELINE, GLANCE, EvaluationInput
from adafocus.calibration.evaluation.metrics import (
    DIGITS,
    TOP_K,
    GroupBootstrap,
    Reliability,
    count_ties,
    difference,
    in_gmac,
    mean_average_precision,
    percent,
    percents,
    reliability,
    top_k_correct,
)
from adafocus.calibration.evaluation.plain import plain_figures
from adafocus.calibration.predictions.collect import Predictions
from adafocus.calibration.predictions.ground_truth import GroundTruth
from adafocus.edge.exits import softmax

OTHER = "another label"
# fewer sources than this make a rough interval
FEW_GROUPS = 10


def compute_figures(given: EvaluationInput, run_in: str) -> dict[str, Any]:
    """Compute everything that is reported: ablations, differences, costs, calibration, confusion, classes and clips.

    Args:
        given: predictions and truth.
        run_in: what ran the bundle, such as ``litert, int8``.
    """
    bootstrap = GroupBootstrap(given.groups)
    correct = given.hits()
    figures = {
        "policy": given.policy,
        "clips": len(given.paths),
        "groups": bootstrap.groups,
        "few_groups": bootstrap.groups < FEW_GROUPS,
        "resamples": len(bootstrap.weights),
        "classes_shown": len(given.truth.classes),
        "classes": len(given.labels),
        "multi_label": given.truth.multi_label,
        "ties": {"glance": count_ties(given.own.logits[:, 0]), "final": count_ties(given.own.logits[:, -1])},
        "ways": _ablations(given, bootstrap),
        "differences": _differences(given.policy, correct, bootstrap),
        "plain": plain_figures(given, bootstrap, run_in),
        "fusion": _fusion(given, bootstrap),
        "detection": detection_figures(given, bootstrap),
        "looks": _policy_statistics(given.own),
        "curve": curve_figures(given, bootstrap),
        "calibration": _calibration(given, correct[given.policy]),
        "confusion": _confusion(given),
        "by_class": _by_class(given, correct[given.policy]),
        "each_clip": _each_clip(given, correct),
    }
    return {key: value for key, value in figures.items() if value is not None}


def _ablations(given: EvaluationInput, bootstrap: GroupBootstrap) -> dict[str, Any]:
    """Return accuracy and cost of the glance alone, of every ablation and of the baseline."""
    own, truth = given.own, given.truth
    found = {GLANCE: _accuracy([own.logits[:, 0]], truth, bootstrap) | _cost([own], 0)}
    for name, runs in given.predictions.items():
        found[name] = _accuracy([run.logits[:, -1] for run in runs], truth, bootstrap) | _cost(runs, -1)
        if len(runs) > 1:
            found[name]["seeds"] = len(runs)
    if given.baseline is not None:
        cost = {"gmac": in_gmac(given.baseline.macs), "ms": round(given.baseline.ms, 2)}
        found[BASELINE] = _accuracy([given.baseline.logits], truth, bootstrap) | cost
    return found


def _accuracy(runs: Sequence[NDArray[np.float32]], truth: GroundTruth, bootstrap: GroupBootstrap) -> dict[str, Any]:
    """Return top-1, top-5 and mAP of one ablation with intervals; the mean of its runs, each ``(n, K)`` logits."""
    scores = [softmax(logits) for logits in runs]

    def precision(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.mean([mean_average_precision(one, truth, weights) for one in scores], axis=0)

    found: dict[str, Any] = {}
    for k in (1, TOP_K):
        hits = np.mean([top_k_correct(logits, truth, k) for logits in runs], axis=0)
        found[f"top{k}_percent"] = percent(float(hits.mean()))
        found[f"top{k}_interval"] = percents(bootstrap.interval(hits))
    return found | {
        "map_percent": percent(float(precision(np.ones((1, len(truth.targets))))[0])),
        "map_interval": percents(bootstrap.interval_of(precision)),
    }


def _cost(runs: Sequence[Predictions], place: int) -> dict[str, float]:
    """Return the mean cost of a clip at one exit; the mean of the runs."""
    gmac = [in_gmac(float(run.exit_macs[place])) for run in runs]
    ms = [round(float(run.exit_ms[:, place].mean()), 2) for run in runs]
    return {key: round(float(np.mean(values)), DIGITS) for key, values in (("gmac", gmac), ("ms", ms))}


def _differences(
    policy: str, correct: Mapping[str, NDArray[np.float64]], bootstrap: GroupBootstrap
) -> list[dict[str, Any]]:
    """Return how far the bundle's own policy is ahead of everything else, in points of top-1, on the same clips."""
    return [
        {"against": name, **difference(correct[policy], other, bootstrap)}
        for name, other in correct.items()
        if name != policy
    ]


def _fusion(given: EvaluationInput, bootstrap: GroupBootstrap) -> dict[str, Any] | None:
    """Return how good the last exit is beside each of its two parts; None where its logits are no sum of two.

    The focus alone is what remains of the last logits without the share of the glance in them.
    """
    if not given.context.size:
        return None
    final = given.own.logits[:, -1]
    parts = {"glance": given.own.logits[:, 0], "focus": final - given.context}
    whole = top_k_correct(final, given.truth, 1)
    hits = {name: top_k_correct(logits, given.truth, 1) for name, logits in parts.items()}
    return {
        "final_percent": percent(float(whole.mean())),
        **{f"{name}_percent": percent(float(right.mean())) for name, right in hits.items()},
        "final_ahead": [
            {"against": f"{name} alone", **difference(whole, right, bootstrap)} for name, right in hits.items()
        ],
    }


def _policy_statistics(predictions: Predictions) -> dict[str, Any]:
    """Summarize the bundle's own policy: one that always gives the same boxes and frames can be worth nothing.

    ``sides_percent`` of the frame's, ``off_centre_percent``: distance of the box's middle from the frame's, of half the
    frame's side, ``box_change_percent``: spread of the boxes' middles over all clips, likewise.
    """
    sides = predictions.boxes[..., 2:]
    middles = 2 * (predictions.boxes[..., :2] + sides / 2) - 1
    return {
        "sides_percent": percent(float(sides.mean())),
        "smallest_side_percent": percent(float(sides.min())),
        "off_centre_percent": percent(float(np.abs(middles).mean())),
        "box_change_percent": percent(float(middles.std((0, 1)).mean())),
        "frame_sets": len(np.unique(predictions.candidate_indices, axis=0)),
    }


def _calibration(given: EvaluationInput, correct: NDArray[np.float64]) -> dict[str, Any]:
    """Return how well the last exit's score is calibrated, without the manifest's temperature and with it."""
    logits, temperature = given.own.logits[:, -1], given.exits.temperature
    return {
        "temperature": temperature,
        "before": _bins(reliability(softmax(logits), correct)),
        "after": _bins(reliability(softmax(logits, temperature), correct)),
    }


def _bins(found: Reliability) -> dict[str, Any]:
    """Turn bins of confidence into plain values."""
    return {
        "error_percent": percent(found.error),
        "confidence": [round(value, DIGITS) for value in found.confidence],
        "accuracy": [round(value, DIGITS) for value in found.accuracy],
        "clips": list(found.clips),
    }


def _confusion(given: EvaluationInput) -> dict[str, Any]:
    """Count clips by class (rows) and prediction (columns); predictions that no clip shows are counted together."""
    shown = given.truth.classes
    place = np.full(len(given.labels), len(shown))
    place[shown] = np.arange(len(shown))
    best = given.own.logits[:, -1].argmax(1)
    counts = confusion_matrix(place[given.truth.targets], place[best], labels=np.arange(len(shown) + 1))[:-1]
    names = [given.labels[number] for number in shown]
    return {"rows": names, "columns": [*names, OTHER], "counts": counts.tolist()}


def _by_class(given: EvaluationInput, correct: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return clips and top-1 of every class that is shown."""
    found = []
    for number in given.truth.classes:
        inside = given.truth.multi_hot[:, number]
        accuracy = percent(float(correct[inside].mean()))
        found.append({"label": given.labels[number], "clips": int(inside.sum()), "top1_percent": accuracy})
    return found


def _each_clip(given: EvaluationInput, correct: Mapping[str, NDArray[np.float64]]) -> list[dict[str, Any]]:
    """Return one row for each clip, so that later evaluations can be set against this one clip by clip."""
    own, exits = given.own, given.exits
    logits = own.logits[:, -1]
    scores = softmax(logits, exits.temperature)
    taken = {name: point.taken for name, point in budget_points(given).items()}
    rows = []
    for number, path in enumerate(given.paths):
        best = int(logits[number].argmax())
        row: dict[str, Any] = {
            "path": path,
            "group": given.groups[number],
            "labels": [given.labels[place] for place in np.flatnonzero(given.truth.multi_hot[number])],
            "best": given.labels[best],
            "right": bool(correct[given.policy][number]),
            "score": round(float(scores[number, best]), DIGITS),
            "exit": own.logits.shape[1] - 1,
            "gmac": in_gmac(float(own.exit_macs[-1])),
            "frames": own.candidate_indices[number].tolist(),
            "boxes": [[round(value, DIGITS) for value in box] for box in own.boxes[number].tolist()],
            "right_by_way": {name: round(float(values[number]), DIGITS) for name, values in correct.items()},
        }
        if taken:
            row["exit_by_budget"] = {budget: int(places[number]) for budget, places in taken.items()}
        rows.append(row)
    return rows
