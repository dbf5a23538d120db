"""From the predictions of a bundle to one plain table of figures, and accuracy against cost where clips stop early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from adafocus.calibration.evaluation.metrics import (
    TOP_K,
    GroupBootstrap,
    Reliability,
    mean_average_precision,
    reliability,
    top_k_correct,
)
from adafocus.calibration.exits.fitting import exits_taken
from adafocus.calibration.predictions.ablations import LEARNED
from adafocus.calibration.predictions.collect import Predictions
from adafocus.calibration.predictions.ground_truth import GroundTruth
from adafocus.edge.budget.costs import MACS_PER_GMAC
from adafocus.edge.bundle.manifest import Exits
from adafocus.edge.exits import ALWAYS, NEVER, confidences, softmax

# names in an evaluation file, beside those of the ablations
GLANCE, BASELINE = "glance alone", "float on whole frames"
OTHER = "another label"
SWEEP_STEPS = 40
DIGITS = 4
# fewer sources than this make a rough interval
FEW_GROUPS = 10


@dataclass(frozen=True)
class Baseline:
    """Predictions of a classifier on whole frames.

    Attributes:
        logits: ``(n, K)`` float32, in the bundle's order of labels.
        macs: of one clip.
        ms: of one clip in PyTorch, float32, without decoding; the median.
    """

    logits: NDArray[np.float32]
    macs: int
    ms: float


@dataclass(frozen=True)
class EvaluationInput:
    """What figures are computed from.

    Attributes:
        predictions: by ablation; of a random one, one for each seed.
        truth: of the n clips.
        exits: of the manifest.
        labels: of the bundle.
        groups: ``(n,)`` what is drawn together.
        paths: ``(n,)`` what to call the clips.
        baseline: a classifier on whole frames, if one is to be set against the bundle.
    """

    predictions: Mapping[str, tuple[Predictions, ...]]
    truth: GroundTruth
    exits: Exits
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    paths: tuple[str, ...]
    baseline: Baseline | None = None

    @property
    def learned(self) -> Predictions:
        """Predictions with the learned policy."""
        return self.predictions[LEARNED][0]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """``(n, exits)`` confidence with the learned policy, by the manifest's criterion."""
        return confidences(self.learned.logits, self.exits.criterion, self.exits.temperature)


def compute_figures(given: EvaluationInput) -> dict[str, Any]:
    """Compute everything that is reported: ablations, differences, costs, calibration, confusion, classes and clips."""
    bootstrap = GroupBootstrap(given.groups)
    correct = {
        name: np.mean([top_k_correct(run.logits[:, -1], given.truth, 1) for run in runs], axis=0)
        for name, runs in given.predictions.items()
    }
    if given.baseline is not None:
        correct[BASELINE] = top_k_correct(given.baseline.logits, given.truth, 1)
    return {
        "clips": len(given.paths),
        "groups": bootstrap.groups,
        "few_groups": bootstrap.groups < FEW_GROUPS,
        "resamples": len(bootstrap.weights),
        "classes_shown": len(given.truth.classes),
        "classes": len(given.labels),
        "multi_label": given.truth.multi_label,
        "ways": _ablations(given, bootstrap),
        "differences": _differences(correct, bootstrap),
        "looks": _policy_statistics(given.learned),
        "curve": _curve(given, bootstrap),
        "calibration": _calibration(given, correct[LEARNED]),
        "confusion": _confusion(given),
        "by_class": _by_class(given, correct[LEARNED]),
        "each_clip": _each_clip(given, correct),
    }


def percent(share: float) -> float:
    """Turn a share into per cent with two decimals, and no minus before zero."""
    return round(100 * share, 2) + 0.0


def difference(one: NDArray[np.float64], other: NDArray[np.float64], bootstrap: GroupBootstrap) -> dict[str, Any]:
    """Return the paired difference of two ``(n,)`` shares of right predictions in points, with its interval."""
    return {"points": percent(float((one - other).mean())), "interval": _interval(bootstrap.interval(one - other))}


def _interval(found: tuple[float, float] | None) -> list[float] | None:
    """Turn an interval of shares into per cent."""
    return None if found is None else [percent(value) for value in found]


def _gmac(macs: float) -> float:
    """Turn multiply-accumulates into GMAC."""
    return round(macs / MACS_PER_GMAC, DIGITS)


@dataclass(frozen=True)
class OperatingPoint:
    """All clips at one set of thresholds.

    Attributes:
        taken: ``(n,)`` exit of each clip.
        gmac: mean.
        ms: mean.
        at_glance: share of clips that stop at the glance.
    """

    taken: NDArray[np.int64]
    gmac: float
    ms: float
    at_glance: float


def operating_point(
    predictions: Predictions, confidence: NDArray[np.float64], thresholds: Sequence[float]
) -> OperatingPoint:
    """Let every clip stop at the first exit whose confidence reaches its threshold, as the device does.

    Args:
        predictions: of n clips.
        confidence: ``(n, exits)``.
        thresholds: of all exits but the last.
    """
    taken = exits_taken(confidence, np.asarray(thresholds, np.float64))
    return OperatingPoint(
        taken,
        float(predictions.exit_macs[taken].mean()) / MACS_PER_GMAC,
        float(predictions.exit_ms[np.arange(len(taken)), taken].mean()),
        float((taken == 0).mean()),
    )


def threshold_sweep(predictions: Predictions, confidence: NDArray[np.float64]) -> list[OperatingPoint]:
    """Sweep one threshold for all exits from always stopping to never; the cheapest point first."""
    early = confidence[:, :-1]
    steps = np.unique(np.quantile(early, np.linspace(0, 1, SWEEP_STEPS)))
    points = [operating_point(predictions, confidence, [step] * early.shape[1]) for step in (ALWAYS, *steps, NEVER)]
    return sorted({point.gmac: point for point in points}.values(), key=lambda point: point.gmac)


def _ablations(given: EvaluationInput, bootstrap: GroupBootstrap) -> dict[str, Any]:
    """Return accuracy and cost of the glance alone, of every ablation and of the baseline."""
    learned, truth = given.learned, given.truth
    found = {GLANCE: _accuracy([learned.logits[:, 0]], truth, bootstrap) | _cost([learned], 0)}
    for name, runs in given.predictions.items():
        found[name] = _accuracy([run.logits[:, -1] for run in runs], truth, bootstrap) | _cost(runs, -1)
        if len(runs) > 1:
            found[name]["seeds"] = len(runs)
    if given.baseline is not None:
        cost = {"gmac": _gmac(given.baseline.macs), "ms": round(given.baseline.ms, 2)}
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
        found[f"top{k}_interval"] = _interval(bootstrap.interval(hits))
    return found | {
        "map_percent": percent(float(precision(np.ones((1, len(truth.targets))))[0])),
        "map_interval": _interval(bootstrap.interval_of(precision)),
    }


def _cost(runs: Sequence[Predictions], place: int) -> dict[str, float]:
    """Return the mean cost of a clip at one exit; the mean of the runs."""
    gmac = [_gmac(float(run.exit_macs[place])) for run in runs]
    ms = [round(float(run.exit_ms[:, place].mean()), 2) for run in runs]
    return {key: round(float(np.mean(values)), DIGITS) for key, values in (("gmac", gmac), ("ms", ms))}


def _differences(correct: Mapping[str, NDArray[np.float64]], bootstrap: GroupBootstrap) -> list[dict[str, Any]]:
    """Return how far the learned policy is ahead of everything else, in points of top-1, on the same clips."""
    return [
        {"against": name, **difference(correct[LEARNED], other, bootstrap)}
        for name, other in correct.items()
        if name != LEARNED
    ]


def _policy_statistics(predictions: Predictions) -> dict[str, Any]:
    """Summarize the learned policy: one that always gives the same boxes and frames can be worth nothing.

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


def _curve(given: EvaluationInput, bootstrap: GroupBootstrap) -> dict[str, Any]:
    """Return accuracy against cost: at the manifest's budgets, over a sweep of one threshold, and never stopping."""
    learned, exits, confidence = given.learned, given.exits, given.confidence
    correct = np.column_stack([top_k_correct(logits, given.truth, 1) for logits in learned.logits.swapaxes(0, 1)])

    def row(point: OperatingPoint) -> dict[str, Any]:
        hits = correct[np.arange(len(correct)), point.taken]
        found = difference(hits, correct[:, -1], bootstrap)
        return {
            "gmac": round(point.gmac, DIGITS),
            "ms": round(point.ms, 2),
            "stop_at_glance_percent": percent(point.at_glance),
            "top1_percent": percent(float(hits.mean())),
            "top1_interval": _interval(bootstrap.interval(hits)),
            "against_full": found["points"],
            "against_full_interval": found["interval"],
        }

    budgets: list[dict[str, Any]] = []
    for budget in exits.budgets:
        point = operating_point(learned, confidence, budget.thresholds)
        spent = {"GMAC": point.gmac, "ms": point.ms}.get(budget.unit)
        off = None if spent is None else percent(spent / budget.budget - 1)
        budgets.append({"budget": budget.budget, "unit": budget.unit, "off_budget_percent": off, **row(point)})
    return {
        "criterion": exits.criterion,
        "fitted_on": None if exits.calibration is None else exits.calibration.model_dump(),
        "without_exits": row(operating_point(learned, confidence, [NEVER] * (correct.shape[1] - 1))),
        "budgets": budgets,
        "sweep": [row(point) for point in threshold_sweep(learned, confidence)],
    }


def _calibration(given: EvaluationInput, correct: NDArray[np.float64]) -> dict[str, Any]:
    """Return how well the last exit's score is calibrated, without the manifest's temperature and with it."""
    logits, temperature = given.learned.logits[:, -1], given.exits.temperature
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
    best = given.learned.logits[:, -1].argmax(1)
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
    learned, exits, confidence = given.learned, given.exits, given.confidence
    logits = learned.logits[:, -1]
    scores = softmax(logits, exits.temperature)
    taken = {
        f"{budget.budget:g} {budget.unit}": operating_point(learned, confidence, budget.thresholds).taken
        for budget in exits.budgets
    }
    rows = []
    for number, path in enumerate(given.paths):
        best = int(logits[number].argmax())
        row: dict[str, Any] = {
            "path": path,
            "group": given.groups[number],
            "labels": [given.labels[place] for place in np.flatnonzero(given.truth.multi_hot[number])],
            "best": given.labels[best],
            "right": bool(correct[LEARNED][number]),
            "score": round(float(scores[number, best]), DIGITS),
            "exit": learned.logits.shape[1] - 1,
            "gmac": _gmac(float(learned.exit_macs[-1])),
            "frames": learned.candidate_indices[number].tolist(),
            "right_by_way": {name: round(float(values[number]), DIGITS) for name, values in correct.items()},
        }
        if taken:
            row["exit_by_budget"] = {budget: int(places[number]) for budget, places in taken.items()}
        rows.append(row)
    return rows
