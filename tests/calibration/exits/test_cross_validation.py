"""How thresholds do on groups that they were not fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from adafocus.calibration.exits.cross_validation import (
    LabeledPredictions,
    best_rule,
    candidate_rules,
    choose_folds,
    cross_validate,
)
from adafocus.calibration.exits.fitting import OFFICIAL, ThresholdRule, budget_table, exit_costs, exits_taken
from adafocus.calibration.predictions.collect import Predictions
from adafocus.calibration.predictions.ground_truth import GroundTruth
from adafocus.edge.budget.costs import Budget
from adafocus.edge.exits import confidences
from adafocus.errors import AdafocusError
from tests.helpers.made_up_predictions import made_sample

SOFTMAX = ThresholdRule("softmax", "shared")


@pytest.mark.parametrize("exits", [2, 9])
def test_five_budgets_are_kept_within_five_percent_on_unseen_groups(exits: int) -> None:
    sample = made_sample(clips=300, exits=exits, groups=40)
    budgets = [Budget(value, "GMAC") for value in (1.5, 2.0, 2.7, 3.5, 4.3)]
    found = cross_validate(sample, budgets, [SOFTMAX], repeats=3)
    assert [one.budget for one in found] == budgets
    for one in found:
        assert abs(one.error) < 0.05
        assert one.cost == pytest.approx(one.budget.value * (1 + one.error))
        assert sum(one.exit_shares) == pytest.approx(1)
        assert len(one.exit_shares) == exits
        assert one.spread > 0


def test_thresholds_are_unbiased_where_the_official_routine_overspends() -> None:
    errors: dict[str, list[float]] = {"shared": [], OFFICIAL: []}
    for seed in range(12):
        known = made_sample(clips=60, exits=9, groups=60, seed=seed)
        unseen = made_sample(clips=2000, exits=9, groups=2000, seed=1000 + seed)
        costs = exit_costs(known.predictions, "GMAC")
        for family, found in errors.items():
            fitted = known.fit(ThresholdRule("logit", family), np.arange(60))
            confidence = confidences(unseen.predictions.logits, "logit")
            found.append(costs[exits_taken(confidence, fitted.thresholds(2.5, costs))].mean() / 2.5 - 1)
    assert abs(np.mean(errors["shared"])) < 0.03
    assert np.mean(errors[OFFICIAL]) > 0.05


def test_what_is_told_of_unseen_groups_was_not_fitted_to_them() -> None:
    sample = made_sample(clips=100, groups=2)
    predictions = sample.predictions
    shifted = predictions.logits.copy()
    strange = sample.groups == "g1"
    shifted[strange] += 100
    odd = LabeledPredictions(
        Predictions(predictions.clips, shifted, predictions.exit_macs, predictions.exit_ms), sample.truth, sample.groups
    )
    (found,) = cross_validate(odd, [Budget(3.0, "GMAC")], [ThresholdRule("logit", "shared")], folds=5, repeats=1)
    # of either group all clips leave early or none, as the other one is elsewhere
    assert found.exit_shares[0] == pytest.approx(strange.mean())


def test_the_best_rule_is_the_one_with_the_best_accuracy() -> None:
    sample = made_sample(clips=300, exits=2)
    rng = np.random.default_rng(0)
    # a constant of each clip says nothing about it, and misleads the raw logit only
    logits = sample.predictions.logits + rng.normal(0, 5, (300, 1, 1)).astype(np.float32)
    predictions = Predictions(
        sample.predictions.clips, logits, sample.predictions.exit_macs, sample.predictions.exit_ms
    )
    sample = LabeledPredictions(predictions, sample.truth, sample.groups)
    budgets = budget_table(predictions.exit_macs.tolist())
    rule, trials = best_rule(sample, budgets, candidate_rules(2))
    assert rule.criterion != "logit"
    by_criterion = {trial.rule.criterion: trial.accuracy for trial in trials}
    assert by_criterion["logit"] < by_criterion[rule.criterion] == max(by_criterion.values())
    nested = cross_validate(sample, budgets[:2], candidate_rules(2), repeats=1)
    assert all(abs(one.error) < 0.1 for one in nested)


def test_with_two_exits_all_families_are_one() -> None:
    assert len(candidate_rules(2)) == 3
    assert len(candidate_rules(17)) == 6


def test_a_clip_with_several_labels_is_right_with_any_of_them() -> None:
    sample = made_sample(clips=4)
    every = np.zeros_like(sample.truth.multi_hot)
    every[:, [0, 1]] = True
    logits = np.zeros_like(sample.predictions.logits)
    logits[:, 0, 1], logits[:, 1, 2] = 5, 5
    predictions = Predictions(
        sample.predictions.clips, logits, sample.predictions.exit_macs, sample.predictions.exit_ms
    )
    both = LabeledPredictions(predictions, GroundTruth(sample.truth.targets, every), sample.groups)
    assert both.correct.tolist() == [[True, False]] * 4


def test_a_time_is_the_median_of_clips_so_that_a_busy_moment_does_not_count() -> None:
    sample = made_sample(clips=9)
    sample.predictions.exit_ms[0] = 1e6
    assert exit_costs(sample.predictions, "ms").tolist() == [10.0, 50.0]


def test_a_single_group_and_joules_are_refused() -> None:
    sample = made_sample(clips=20, groups=1)
    with pytest.raises(AdafocusError, match=r"All clips are of the group 'g0', expected two or more"):
        cross_validate(sample, [Budget(2.0, "GMAC")], [SOFTMAX])
    with pytest.raises(AdafocusError, match=r"no budgets in joules.*--budget 1.2GMAC"):
        exit_costs(sample.predictions, "J")


@pytest.mark.parametrize(("groups", "folds"), [(2, 3), (3, 5), (7, 10)])
def test_more_folds_than_groups_are_refused_when_they_are_asked(groups: int, folds: int) -> None:
    names = [f"g{number % groups}" for number in range(20)]
    with pytest.raises(AdafocusError, match=f"{folds} folds need as many groups, found {groups} groups"):
        choose_folds(names, folds)
    assert choose_folds(names, groups) == groups
    assert choose_folds(names, None) == min(5, groups)


def test_a_single_group_cannot_be_divided() -> None:
    for asked in (None, 2, 5):
        with pytest.raises(AdafocusError, match="All clips are of the group 'kitchen'"):
            choose_folds(["kitchen"] * 4, asked)


@pytest.mark.parametrize(("groups", "folds"), [(2, 2), (2, 5), (3, 2)])
def test_too_few_groups_to_select_a_rule_on_end_in_a_sentence(groups: int, folds: int) -> None:
    sample, rules = made_sample(clips=40, groups=groups), candidate_rules(2)
    with pytest.raises(AdafocusError, match=f"{folds} folds of {groups} groups leave a single group to select a rule"):
        cross_validate(sample, [Budget(2.0, "GMAC")], rules, folds=folds)
