"""Cross-validation: how thresholds do on groups of clips that they were not fitted to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from adafocus.calibration.exits.fitting import OFFICIAL, FittedThresholds, ThresholdRule, exit_costs, exits_taken
from adafocus.calibration.exits.threshold_paths import FAMILIES
from adafocus.calibration.predictions.collect import Predictions
from adafocus.calibration.predictions.ground_truth import GroundTruth
from adafocus.edge.budget.costs import Budget
from adafocus.edge.exits import Criterion, confidences
from adafocus.errors import AdafocusError

CRITERIA: tuple[Criterion, ...] = ("softmax", "logit", "entropy")
OFFICIAL_CRITERIA: tuple[Criterion, ...] = ("logit", "entropy")
FOLDS, REPEATS = 5, 5


@dataclass(frozen=True)
class LabeledPredictions:
    """Predictions with their ground truth, and which clips belong together.

    Attributes:
        predictions: of n clips.
        truth: of the same clips.
        groups: ``(n,)`` sources.
    """

    predictions: Predictions
    truth: GroundTruth
    groups: NDArray[np.str_]

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """``(n, exits)``, whether each exit's prediction is among the clip's labels."""
        return np.take_along_axis(self.truth.multi_hot, self.predictions.logits.argmax(-1), axis=1)

    def fit(self, rule: ThresholdRule, members: NDArray[np.int64]) -> FittedThresholds:
        """Fit thresholds to some of the clips."""
        found = self.predictions
        return FittedThresholds(rule, found.logits[members], self.truth.targets[members], found.exit_macs)

    def subset(self, members: NDArray[np.int64]) -> LabeledPredictions:
        """Keep some of the clips."""
        found, truth = self.predictions, self.truth
        clips = tuple(found.clips[place] for place in members)
        kept = Predictions(clips, found.logits[members], found.exit_macs, found.exit_ms[members])
        return LabeledPredictions(
            kept, GroundTruth(truth.targets[members], truth.multi_hot[members]), self.groups[members]
        )


def candidate_rules(exits: int) -> tuple[ThresholdRule, ...]:
    """Return the rules to try; with two exits there is one threshold, so all families are the same."""
    families = list(FAMILIES) if exits > 2 else list(FAMILIES)[:1]
    return tuple(ThresholdRule(criterion, family) for criterion in CRITERIA for family in families)


def official_rules() -> tuple[ThresholdRule, ...]:
    """Return the official routine by both of its criteria."""
    return tuple(ThresholdRule(criterion, OFFICIAL) for criterion in OFFICIAL_CRITERIA)


@dataclass(frozen=True)
class UnseenResult:
    """What a budget comes to on unseen groups.

    Attributes:
        budget: what was asked.
        cost: realized mean cost of a clip, in the budget's unit; mean over repeats.
        error: relative, ``cost / budget - 1``.
        spread: standard deviation of that error over the parts that were left out, one at a time.
        accuracy: share of right predictions, 0..1; mean over repeats.
        exit_shares: share of clips that leaves at each exit.
    """

    budget: Budget
    cost: float
    error: float
    spread: float
    accuracy: float
    exit_shares: tuple[float, ...]


def cross_validate(
    sample: LabeledPredictions,
    budgets: Sequence[Budget],
    rules: Sequence[ThresholdRule],
    *,
    folds: int = FOLDS,
    repeats: int = REPEATS,
    seed: int = 0,
) -> list[UnseenResult]:
    """Fit to all groups but some, let the others leave where the thresholds say, and do so for every group.

    Args:
        sample: clips of at least two groups.
        budgets: mean costs of a clip.
        rules: how thresholds are found; of several, the best is selected anew without the groups that are left out.
        folds: parts into which groups are divided, or one for each group where there are fewer.
        repeats: divisions that are drawn.
        seed: of the divisions.

    Raises:
        AdafocusError: there is a single group, too few of them to select a rule on, or a budget in joules.
    """
    logits = sample.predictions.logits
    costs = [exit_costs(sample.predictions, budget.unit) for budget in budgets]
    taken = np.zeros((repeats, len(budgets), len(logits)), np.int64)
    errors: list[list[float]] = [[] for _ in budgets]
    for repeat, known, unseen in _splits(sample.groups, folds, repeats, seed):
        if len(rules) > 1 and len(set(sample.groups[known].tolist())) < 2:
            raise AdafocusError(
                f"{folds} folds of {len(set(sample.groups.tolist()))} groups leave a single group to select a rule on, "
                "expected two or more. Ask for more folds, or add clips of further groups."
            )
        rule = rules[0] if len(rules) == 1 else best_rule(sample.subset(known), budgets, rules, folds=folds)[0]
        fitted = sample.fit(rule, known)
        confidence = confidences(logits[unseen], rule.criterion, fitted.temperature)
        for place, budget in enumerate(budgets):
            leaving = exits_taken(confidence, fitted.thresholds(budget.value, costs[place]))
            taken[repeat, place, unseen] = leaving
            errors[place].append(float(costs[place][leaving].mean()) / budget.value - 1)
    return [
        _result(budget, costs[place], taken[:, place], errors[place], sample.correct)
        for place, budget in enumerate(budgets)
    ]


def _result(
    budget: Budget,
    costs: NDArray[np.float64],
    taken: NDArray[np.int64],
    errors: Sequence[float],
    correct: NDArray[np.bool_],
) -> UnseenResult:
    """Summarize one budget: ``taken`` is the exit of each clip in each repeat, ``(repeats, n)``."""
    realized = float(costs[taken].mean())
    shares = np.bincount(taken.ravel(), minlength=len(costs)) / taken.size
    return UnseenResult(
        budget,
        realized,
        realized / budget.value - 1,
        float(np.std(errors)),
        float(correct[np.arange(taken.shape[1]), taken].mean()),
        tuple(shares.tolist()),
    )


@dataclass(frozen=True)
class Trial:
    """How one rule did on unseen groups, over all budgets.

    Attributes:
        rule: how thresholds were found.
        accuracy: mean share of right predictions.
        error: mean of the budgets' absolute relative errors.
    """

    rule: ThresholdRule
    accuracy: float
    error: float


def best_rule(
    sample: LabeledPredictions,
    budgets: Sequence[Budget],
    rules: Sequence[ThresholdRule],
    *,
    folds: int = FOLDS,
    repeats: int = 1,
    seed: int = 0,
) -> tuple[ThresholdRule, list[Trial]]:
    """Select the rule with the best accuracy on unseen groups; of equal ones the one that keeps budgets best.

    Returns:
        the best, and how all of them did.

    Raises:
        AdafocusError: there is a single group, or a budget in joules.
    """
    trials = []
    for rule in rules:
        found = cross_validate(sample, budgets, [rule], folds=folds, repeats=repeats, seed=seed)
        accuracy, error = np.mean([(one.accuracy, abs(one.error)) for one in found], axis=0)
        trials.append(Trial(rule, float(accuracy), float(error)))
    return min(trials, key=lambda trial: (-trial.accuracy, trial.error)).rule, trials


def choose_folds(groups: Sequence[str], asked: int | None) -> int:
    """Return how many folds to make: what is asked, else :data:`FOLDS`, or one for each group where there are fewer.

    Raises:
        AdafocusError: there is a single group, or there are fewer than the folds that are asked.
    """
    _refuse_single_group(groups)
    count = len(set(groups))
    if asked is not None and asked > count:
        raise AdafocusError(
            f"{asked} folds need as many groups, found {count} groups of clips. Ask for fewer folds, leave --folds "
            "out, or add clips of further groups."
        )
    return min(FOLDS, count) if asked is None else asked


def _refuse_single_group(groups: Sequence[str]) -> None:
    if len(set(groups)) < 2:
        raise AdafocusError(
            f"All clips are of the group {str(groups[0])!r}, expected two or more: budgets are tried on "
            "groups that were left out. Name the source of each clip in the column group."
        )


def _splits(
    groups: NDArray[np.str_], folds: int, repeats: int, seed: int
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the number of the repeat, clips to fit to and clips that are left out."""
    _refuse_single_group(groups.tolist())
    count = len(set(groups.tolist()))
    for repeat in range(repeats):
        splitter = GroupKFold(min(folds, count), shuffle=True, random_state=seed + repeat)
        for known, unseen in splitter.split(groups, groups=groups):
            yield repeat, known, unseen
