"""From the predictions of a bundle to one plain table of figures, and accuracy against cost where clips stop early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from adafocus.calibration.evaluation.metrics import (
    BEST,
    Reliability,
    Resamples,
    mean_average_precision,
    reliability,
    right_among_best,
)
from adafocus.calibration.exits.fitting import exits_taken
from adafocus.calibration.predictions.ablations import LEARNED
from adafocus.calibration.predictions.collect import Answers
from adafocus.calibration.predictions.ground_truth import Truth
from adafocus.edge.budget.costs import MACS_PER_GMAC
from adafocus.edge.bundle.manifest import Exits
from adafocus.edge.exits import ALWAYS, NEVER, confidences, softmax

SWEEP = 40


@dataclass(frozen=True)
class Point:
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


def stop(answers: Answers, confidences: NDArray[np.float64], thresholds: Sequence[float]) -> Point:
    """Let every clip stop at the first exit that is sure enough, as the device does.

    Args:
        answers: of n clips.
        confidences: ``(n, exits)``.
        thresholds: of all exits but the last.
    """
    taken = exits_taken(confidences, np.asarray(thresholds, np.float64))
    return Point(
        taken,
        float(answers.macs[taken].mean()) / MACS_PER_GMAC,
        float(answers.ms[np.arange(len(taken)), taken].mean()),
        float((taken == 0).mean()),
    )


def sweep(answers: Answers, confidences: NDArray[np.float64]) -> list[Point]:
    """One threshold for all exits, from always stopping to never; the cheapest point first."""
    early = confidences[:, :-1]
    steps = np.unique(np.quantile(early, np.linspace(0, 1, SWEEP)))
    points = [stop(answers, confidences, [step] * early.shape[1]) for step in (ALWAYS, *steps, NEVER)]
    return sorted({point.gmac: point for point in points}.values(), key=lambda point: point.gmac)


GLANCE, BASELINE = "glance alone", "float on whole frames"
OTHER = "another label"
SCORE_DIGITS = 4
# fewer sources than this make a rough interval
FEW_GROUPS = 10


@dataclass(frozen=True)
class Baseline:
    """Answers of a classifier on whole frames.

    Attributes:
        logits: ``(n, K)`` float32, in the bundle's order of labels.
        macs: of one clip.
        ms: of one clip in PyTorch, float32, without decoding; the median.
    """

    logits: NDArray[np.float32]
    macs: int
    ms: float


@dataclass(frozen=True)
class Asked:
    """What was asked, and of which clips.

    Attributes:
        answers: by way; of a way that draws, one for each seed.
        truth: of the n clips.
        exits: of the manifest.
        labels: of the bundle.
        groups: ``(n,)`` what is drawn together.
        names: ``(n,)`` what to call the clips.
        baseline: a classifier on whole frames, if one is to be set against the bundle.
    """

    answers: Mapping[str, tuple[Answers, ...]]
    truth: Truth
    exits: Exits
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    names: tuple[str, ...]
    baseline: Baseline | None = None

    def learned(self) -> Answers:
        """Answers of the learned policy."""
        return self.answers[LEARNED][0]


def figures_of(asked: Asked) -> dict[str, Any]:
    """Everything that is told of a bundle: ways, differences, costs, calibration, confusion, classes and clips."""
    resamples = Resamples(asked.groups)
    right = {
        name: np.mean([right_among_best(one.logits[:, -1], asked.truth, 1) for one in seeds], axis=0)
        for name, seeds in asked.answers.items()
    }
    if asked.baseline is not None:
        right[BASELINE] = right_among_best(asked.baseline.logits, asked.truth, 1)
    return {
        "clips": len(asked.names),
        "groups": resamples.groups,
        "few_groups": resamples.groups < FEW_GROUPS,
        "resamples": len(resamples.weights),
        "classes_shown": len(asked.truth.classes),
        "classes": len(asked.labels),
        "multi_label": asked.truth.multi_label,
        "ways": _ways(asked, right, resamples),
        "differences": _differences(right, resamples),
        "looks": _looks(asked.learned()),
        "curve": _curve(asked, resamples),
        "calibration": _calibration(asked, right[LEARNED]),
        "confusion": _confusion(asked),
        "by_class": _by_class(asked, right[LEARNED]),
        "each_clip": _rows(asked, right),
    }


def percent(share: float) -> float:
    """Points with two decimals, and no minus before nothing."""
    return round(100 * share, 2) + 0.0


def _interval(found: tuple[float, float] | None) -> list[float] | None:
    return None if found is None else [percent(value) for value in found]


def _ways(asked: Asked, right: Mapping[str, NDArray[np.float64]], resamples: Resamples) -> dict[str, Any]:
    learned = asked.learned()
    glance = _way([learned.logits[:, 0]], asked.truth, resamples)
    found = {GLANCE: glance | _cost(learned, 0)}
    for name, seeds in asked.answers.items():
        found[name] = _way([one.logits[:, -1] for one in seeds], asked.truth, resamples)
        costs = [_cost(one, -1) for one in seeds]
        found[name] |= {key: round(float(np.mean([cost[key] for cost in costs])), SCORE_DIGITS) for key in costs[0]}
        if len(seeds) > 1:
            found[name]["seeds"] = len(seeds)
    if asked.baseline is not None:
        cost = {"gmac": round(asked.baseline.macs / MACS_PER_GMAC, SCORE_DIGITS), "ms": round(asked.baseline.ms, 2)}
        found[BASELINE] = _way([asked.baseline.logits], asked.truth, resamples) | cost
    return found


def _way(runs: list[NDArray[np.float32]], truth: Truth, resamples: Resamples) -> dict[str, Any]:
    """Figures of one way; the mean of its runs, each ``(n, K)`` logits."""
    scores = [softmax(logits) for logits in runs]

    def precision(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.mean([mean_average_precision(one, truth, weights) for one in scores], axis=0)

    found: dict[str, Any] = {}
    for k in (1, BEST):
        hits = np.mean([right_among_best(logits, truth, k) for logits in runs], axis=0)
        found[f"top{k}_percent"] = percent(float(hits.mean()))
        found[f"top{k}_interval"] = _interval(resamples.interval(hits))
    return found | {
        "map_percent": percent(float(precision(np.ones((1, len(truth.first))))[0])),
        "map_interval": _interval(resamples.interval_of(precision)),
    }


def _cost(answers: Answers, place: int) -> dict[str, float]:
    return {
        "gmac": round(float(answers.macs[place]) / MACS_PER_GMAC, SCORE_DIGITS),
        "ms": round(float(answers.ms[:, place].mean()), 2),
    }


def _differences(right: Mapping[str, NDArray[np.float64]], resamples: Resamples) -> list[dict[str, Any]]:
    """What the learned policy is ahead of every other way, in points of top-1, on the same clips."""
    return [
        {"against": name, **difference(right[LEARNED], other, resamples)}
        for name, other in right.items()
        if name != LEARNED
    ]


def difference(one: NDArray[np.float64], other: NDArray[np.float64], resamples: Resamples) -> dict[str, Any]:
    """Paired difference of two ``(n,)`` shares of right answers in points, with its interval."""
    return {"points": percent(float((one - other).mean())), "interval": _interval(resamples.interval(one - other))}


def _looks(answers: Answers) -> dict[str, Any]:
    """What the learned policy does: a policy that always takes the same boxes and frames can be worth nothing.

    ``sides_percent`` of the frame's, ``off_centre_percent``: distance of the box's middle from the frame's, of half the
    frame's side, ``box_change_percent``: spread of the boxes' middles over all clips, likewise.
    """
    sides = answers.boxes[..., 2:]
    middles = 2 * (answers.boxes[..., :2] + sides / 2) - 1
    return {
        "sides_percent": percent(float(sides.mean())),
        "smallest_side_percent": percent(float(sides.min())),
        "off_centre_percent": percent(float(np.abs(middles).mean())),
        "box_change_percent": percent(float(middles.std((0, 1)).mean())),
        "frame_sets": len(np.unique(answers.chosen, axis=0)),
    }


def _curve(asked: Asked, resamples: Resamples) -> dict[str, Any]:
    """Accuracy against cost: at the manifest's budgets, over a sweep of one threshold, and never stopping early."""
    answers, exits = asked.learned(), asked.exits
    sure = confidences(answers.logits, exits.criterion, exits.temperature)
    right = np.column_stack([right_among_best(logits, asked.truth, 1) for logits in answers.logits.swapaxes(0, 1)])
    never = stop(answers, sure, [NEVER] * (right.shape[1] - 1))

    def row(point: Point) -> dict[str, Any]:
        hits = right[np.arange(len(right)), point.taken]
        found = difference(hits, right[:, -1], resamples)
        return {
            "gmac": round(point.gmac, SCORE_DIGITS),
            "ms": round(point.ms, 2),
            "stop_at_glance_percent": percent(point.at_glance),
            "top1_percent": percent(float(hits.mean())),
            "top1_interval": _interval(resamples.interval(hits)),
            "against_full": found["points"],
            "against_full_interval": found["interval"],
        }

    budgets: list[dict[str, Any]] = []
    for budget in exits.budgets:
        point = stop(answers, sure, budget.thresholds)
        spent = {"GMAC": point.gmac, "ms": point.ms}.get(budget.unit)
        off = None if spent is None else percent(spent / budget.budget - 1)
        budgets.append({"budget": budget.budget, "unit": budget.unit, "off_budget_percent": off, **row(point)})
    return {
        "criterion": exits.criterion,
        "fitted_on": None if exits.calibration is None else exits.calibration.model_dump(),
        "without_exits": row(never),
        "budgets": budgets,
        "sweep": [row(point) for point in sweep(answers, sure)],
    }


def _calibration(asked: Asked, right: NDArray[np.float64]) -> dict[str, Any]:
    """How far the score of the last exit can be believed, without the manifest's temperature and with it."""
    logits = asked.learned().logits[:, -1]
    temperature = asked.exits.temperature
    found = {
        "before": reliability(softmax(logits), right),
        "after": reliability(softmax(logits, temperature), right),
    }
    return {"temperature": temperature} | {name: _bins(bins) for name, bins in found.items()}


def _bins(found: Reliability) -> dict[str, Any]:
    return {
        "error_percent": percent(found.error),
        "confidence": [round(value, SCORE_DIGITS) for value in found.confidence],
        "accuracy": [round(value, SCORE_DIGITS) for value in found.accuracy],
        "clips": list(found.clips),
    }


def _confusion(asked: Asked) -> dict[str, Any]:
    """Clips by their class (rows) and by the answer (columns); answers that no clip shows are counted together."""
    shown = asked.truth.classes
    place = np.full(len(asked.labels), len(shown))
    place[shown] = np.arange(len(shown))
    best = asked.learned().logits[:, -1].argmax(1)
    counts = confusion_matrix(place[asked.truth.first], place[best], labels=np.arange(len(shown) + 1))[:-1]
    names = [asked.labels[number] for number in shown]
    return {"rows": names, "columns": [*names, OTHER], "counts": counts.tolist()}


def _by_class(asked: Asked, right: NDArray[np.float64]) -> list[dict[str, Any]]:
    found = []
    for number in asked.truth.classes:
        inside = asked.truth.all[:, number]
        accuracy = percent(float(right[inside].mean()))
        found.append({"label": asked.labels[number], "clips": int(inside.sum()), "top1_percent": accuracy})
    return found


def _rows(asked: Asked, right: Mapping[str, NDArray[np.float64]]) -> list[dict[str, Any]]:
    """One row for each clip, so that later evaluations can be set against this one clip by clip."""
    answers, exits = asked.learned(), asked.exits
    sure = confidences(answers.logits, exits.criterion, exits.temperature)
    logits = answers.logits[:, -1]
    scores = softmax(logits, exits.temperature)
    taken = {
        f"{budget.budget:g} {budget.unit}": stop(answers, sure, budget.thresholds).taken for budget in exits.budgets
    }
    rows = []
    for number, name in enumerate(asked.names):
        best = int(logits[number].argmax())
        row: dict[str, Any] = {
            "path": name,
            "group": asked.groups[number],
            "labels": [asked.labels[place] for place in np.flatnonzero(asked.truth.all[number])],
            "best": asked.labels[best],
            "right": bool(right[LEARNED][number]),
            "score": round(float(scores[number, best]), SCORE_DIGITS),
            "exit": answers.logits.shape[1] - 1,
            "gmac": round(float(answers.macs[-1]) / MACS_PER_GMAC, SCORE_DIGITS),
            "frames": answers.chosen[number].tolist(),
            "right_by_way": {way: round(float(values[number]), SCORE_DIGITS) for way, values in right.items()},
        }
        if taken:
            row["exit_by_budget"] = {budget: int(places[number]) for budget, places in taken.items()}
        rows.append(row)
    return rows
