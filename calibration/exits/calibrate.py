"""Calibrate a bundle: thresholds of its exits from held-out clips, run through its stages by the device code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.datasets.fingerprints import fingerprint, joined
from adafocus.calibration.exits.cross_validation import (
    OFFICIAL_CRITERIA,
    REPEATS,
    LabeledPredictions,
    Trial,
    UnseenResult,
    best_rule,
    candidate_rules,
    choose_folds,
    cross_validate,
    official_rules,
)
from adafocus.calibration.exits.fitting import OFFICIAL, ThresholdRule, budget_table, exit_costs, refuse_joules
from adafocus.calibration.exits.fusion import FusionResult, try_fusion
from adafocus.calibration.predictions.ablations import OWN, policy_name
from adafocus.calibration.predictions.collect import group_names
from adafocus.calibration.predictions.ground_truth import GroundTruth, ground_truth, read_label_map
from adafocus.calibration.predictions.store import load_or_collect
from adafocus.edge.budget.costs import MACS_PER_GMAC, Budget, refuse_out_of_range
from adafocus.edge.bundle.manifest import Calibration, ExitBudget, Exits
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

AUTO, BEST = "auto", "best"


@dataclass(frozen=True)
class Request:
    """What to calibrate with.

    Attributes:
        clip_list: a clip set that the network was not trained on.
        split: of it.
        label_map: YAML from its labels to the bundle's, where they differ.
        budgets: rows beside those of the table.
        criterion: the measure of confidence; ``auto``: whichever does best on unseen groups.
        method: ``best`` on unseen groups, or the ``official`` routine.
        folds: parts into which groups are divided; None for five, or one for each group where there are fewer.
        groups_within_labels: groups are numbered within each label, as those of UCF-101 are.
        predictions: file that keeps the predictions.
    """

    clip_list: Path
    split: str
    label_map: Path | None = None
    budgets: tuple[Budget, ...] = ()
    criterion: str = AUTO
    method: str = BEST
    folds: int | None = None
    groups_within_labels: bool = False
    predictions: Path | None = None


@dataclass(frozen=True)
class CalibrationResult:
    """What was found.

    Attributes:
        exits: for the manifest.
        rule: how its thresholds were found.
        unseen: what each of its rows comes to on unseen groups.
        trials: what was tried.
        full: cost in GMAC and share of right predictions where no clip stops early.
        glance: likewise of the glance alone.
        fusion: how glance and focus are best added; None where the last exit is no sum of both.
    """

    exits: Exits
    rule: ThresholdRule
    unseen: tuple[UnseenResult, ...]
    trials: tuple[Trial, ...]
    full: tuple[float, float]
    glance: tuple[float, float]
    fusion: FusionResult | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: everything that the manifest holds, and what was tried."""
        exits = self.exits
        return {
            "criterion": exits.criterion,
            "temperature": exits.temperature,
            "calibration": None if exits.calibration is None else exits.calibration.model_dump(exclude={"clips"}),
            "without_exits": {"gmac": self.full[0], "accuracy": self.full[1]},
            "glance_alone": {"gmac": self.glance[0], "accuracy": self.glance[1]},
            "fusion": None if self.fusion is None else {**asdict(self.fusion), "never_loses": self.fusion.never_loses},
            "tried": [
                {**asdict(trial.rule), "accuracy": trial.accuracy, "mean_absolute_error": trial.error}
                for trial in self.trials
            ],
            "budgets": [
                {
                    **row.model_dump(),
                    "expected_loss": self.full[1] - unseen.accuracy,
                    "realized": unseen.cost,
                    "exit_shares": list(unseen.exit_shares),
                }
                for row, unseen in zip(exits.budgets, self.unseen, strict=True)
            ],
        }


def calibrate_bundle(recognizer: Recognizer, request: Request) -> CalibrationResult:
    """Run every exit on the clips and find thresholds for a table of budgets.

    Raises:
        AdafocusError: the clips cannot be read, are of one group or show one class, a label is unknown, or a budget
            cannot be met.
    """
    rules = _rules(request, len(recognizer.exit_macs))
    budgets = _budgets(request.budgets, recognizer.exit_macs)
    clips, label_map = read_clips(request.clip_list, request.split), read_label_map(request.label_map)
    # what is wrong is told before clips are run for hours
    truth = ground_truth(clips, recognizer.bundle.manifest.labels, label_map)
    folds = choose_folds(group_names(clips, request.groups_within_labels), request.folds)
    _refuse_one_class(truth, clips)
    sample = _labeled_predictions(recognizer, request, clips, label_map)
    costs = {budget.unit: exit_costs(sample.predictions, budget.unit) for budget in budgets}
    for budget in budgets:
        if budget.unit == "ms":
            refuse_out_of_range(budget, float(costs["ms"][0]), float(costs["ms"][-1]))
    rule, trials = best_rule(sample, budgets, rules, folds=folds, repeats=REPEATS)
    unseen = cross_validate(sample, budgets, [rule], folds=folds)
    fitted = sample.fit(rule, np.arange(len(sample.groups)))
    rows = [
        ExitBudget(
            unit=budget.unit,
            budget=budget.value,
            thresholds=tuple(fitted.thresholds(budget.value, costs[budget.unit]).tolist()),
            expected_accuracy=expected.accuracy,
            expected_error=expected.error,
            expected_error_spread=expected.spread,
        )
        for budget, expected in zip(budgets, unseen, strict=True)
    ]
    calibration = Calibration(
        dataset=request.clip_list.name,
        split=request.split,
        n=len(sample.groups),
        groups=len(set(sample.groups.tolist())),
        runtime=recognizer.runtime,  # type: ignore[arg-type]
        family=rule.family,
        clips=joined(fingerprint(clip.path) for clip in sample.predictions.clips),
    )
    exits = Exits(
        criterion=rule.criterion, temperature=fitted.temperature, budgets=tuple(rows), calibration=calibration
    )
    accuracy, gmac = sample.correct.mean(0), sample.predictions.exit_macs / MACS_PER_GMAC
    ends = [(float(gmac[place]), float(accuracy[place])) for place in (-1, 0)]
    return CalibrationResult(exits, rule, tuple(unseen), tuple(trials), ends[0], ends[1], _fusion(sample))


def _refuse_one_class(truth: GroundTruth, clips: Sequence[LabeledClip]) -> None:
    """Refuse clips of one class: how confident a network is when it takes it for another cannot be told from them."""
    if len(truth.classes) == 1:
        raise AdafocusError(
            f"All {len(clips)} clips show {clips[0].label}, expected clips of two or more classes: thresholds that are "
            "found on one class hold for no other. Add clips of other classes."
        )


def _fusion(sample: LabeledPredictions) -> FusionResult | None:
    """Try how glance and focus are best added; None where the last exit is no sum, or old predictions do not say."""
    found = sample.predictions
    if not found.context.size:
        return None
    return try_fusion(found.logits[:, 0], found.context, found.logits[:, -1], sample.truth, sample.groups)


def _rules(request: Request, exits: int) -> list[ThresholdRule]:
    """Return the rules that the request allows."""
    every = official_rules() if request.method == OFFICIAL else candidate_rules(exits)
    allowed = [rule for rule in every if request.criterion in (AUTO, rule.criterion)]
    if not allowed:
        raise AdafocusError(
            f"The official routine has no criterion {request.criterion!r}, only {' or '.join(OFFICIAL_CRITERIA)}. "
            "Leave --criterion out, or --method official."
        )
    return allowed


def _budgets(asked: Sequence[Budget], exit_macs: Sequence[int]) -> list[Budget]:
    """Return the table's budgets and those that were asked, each once; by unit, the smallest first."""
    for budget in asked:
        refuse_joules(budget.unit)
        if budget.unit == "GMAC":
            refuse_out_of_range(budget, exit_macs[0] / MACS_PER_GMAC, exit_macs[-1] / MACS_PER_GMAC)
    return sorted({*budget_table(exit_macs), *asked}, key=lambda budget: (budget.unit, budget.value))


def _labeled_predictions(
    recognizer: Recognizer, request: Request, clips: Sequence[LabeledClip], label_map: dict[str, str]
) -> LabeledPredictions:
    """Collect the predictions of all exits."""
    manifest = recognizer.bundle.manifest
    own = policy_name(manifest.geometry)
    found = load_or_collect(recognizer, clips, {own: OWN}, request.predictions)[own]
    truth = ground_truth(found.clips, manifest.labels, label_map)
    return LabeledPredictions(found, truth, np.array(found.groups(request.groups_within_labels)))
