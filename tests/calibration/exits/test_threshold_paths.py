"""Paths of thresholds and what clips cost along them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adafocus.calibration.exits.fitting import OFFICIAL, FittedThresholds, ThresholdRule, exits_taken, fit_temperature
from adafocus.calibration.exits.threshold_paths import FAMILIES, CostCurve, smoothed_cdf
from adafocus.edge.exits import NEVER, confidences, softmax
from tests.helpers.made_up_predictions import made_sample

RULES = [ThresholdRule(criterion, family) for criterion in ("softmax", "logit", "entropy") for family in FAMILIES]  # type: ignore[arg-type]


def test_one_of_n_values_lies_above_its_rank_of_all_there_is() -> None:
    values, below = smoothed_cdf(np.array([0.5, 0.2, 0.9]), 0.0, 1.0)
    assert np.interp([0.0, 0.2, 0.5, 0.9, 1.0], values, below) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_where_many_values_are_equal_the_nearer_side_is_found() -> None:
    confidence = np.array([0.1, *[0.5] * 6, 0.8])
    values, below = smoothed_cdf(confidence, 0.0, 1.0)
    few, many = (float(np.interp(share, below, values)) for share in (0.3, 0.7))
    assert (confidence < few).sum() == 1
    assert (confidence < many).sum() == 7


def test_exits_are_taken_where_the_device_takes_them() -> None:
    confidence = np.array([[0.9, 0.1, 0.0], [0.5, 0.6, 0.0], [0.1, 0.1, 0.0]])
    assert exits_taken(confidence, np.array([0.9, 0.6])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), exits=st.integers(1, 5))
@settings(deadline=None, max_examples=25)
def test_thresholds_and_costs_rise_along_a_path(family: str, data: st.DataObject, exits: int) -> None:
    value = st.floats(0.01, 1.0)
    row = st.lists(value, min_size=exits, max_size=exits)
    confidence = np.array(data.draw(st.lists(row, min_size=2, max_size=30)))
    path = FAMILIES[family](confidence, 0.0, 1.0 + 1e-9)
    assert (np.diff(path.positions) > 0).all()
    assert (np.diff(path.thresholds, axis=0) >= 0).all()
    assert (path.at(0.0) == 0.0).all()
    assert (path.at(1.0) > 1.0).all()
    left = path.leaving_positions(confidence)
    assert (np.diff(left, axis=1) >= 0).all()
    costs = np.cumsum(np.arange(1.0, exits + 2))
    curve = CostCurve(left, costs)
    assert (np.diff(curve.costs) >= -1e-9).all()
    assert curve.costs[[0, -1]] == pytest.approx(costs[[0, -1]])


@pytest.mark.parametrize("rule", RULES, ids=str)
@given(budgets=st.lists(st.floats(1.0, 5.0), min_size=2, max_size=6))
@settings(deadline=None, max_examples=20)
def test_a_larger_budget_has_no_lower_threshold(rule: ThresholdRule, budgets: list[float]) -> None:
    sample = made_sample(clips=60, exits=4)
    fitted = sample.fit(rule, np.arange(60))
    costs = sample.predictions.exit_macs / 1e9
    rows = np.array([fitted.thresholds(budget, costs) for budget in sorted(budgets)])
    assert (np.diff(rows, axis=0) >= 0).all()


@pytest.mark.parametrize("rule", [*RULES, ThresholdRule("logit", OFFICIAL)], ids=str)
def test_clips_cost_the_budget_that_thresholds_were_fitted_to(rule: ThresholdRule) -> None:
    sample = made_sample(clips=400, exits=5)
    fitted = sample.fit(rule, np.arange(400))
    costs = sample.predictions.exit_macs / 1e9
    confidence = confidences(sample.predictions.logits, rule.criterion, fitted.temperature)
    for budget in (1.5, 2.5, 3.5, 4.5):
        realized = costs[exits_taken(confidence, fitted.thresholds(budget, costs))].mean()
        assert realized == pytest.approx(budget, rel=0.03)


def test_int8_logits_with_few_values_meet_a_budget_as_nearly_as_they_can() -> None:
    sample = made_sample(clips=300)
    rough = np.round(sample.predictions.logits)
    fitted = FittedThresholds(
        ThresholdRule("logit", "shared"), rough, sample.truth.targets, sample.predictions.exit_macs
    )
    confidence = confidences(rough, "logit")
    costs = np.array([1.0, 5.0])
    possible = [1.0 + 4.0 * (confidence[:, 0] < step).mean() for step in (*np.unique(confidence[:, 0]), np.inf)]
    for budget in np.linspace(1.1, 4.9, 20):
        realized = costs[exits_taken(confidence, fitted.thresholds(budget, costs))].mean()
        assert abs(realized - budget) <= min(abs(step - budget) for step in possible) + 4 / 300


def test_an_exit_that_saves_nothing_is_never_taken() -> None:
    sample = made_sample(clips=100, exits=5)
    macs = np.array([1, 3, 3, 5, 5]) * 10**9
    fitted = FittedThresholds(
        ThresholdRule("entropy", "geometric"), sample.predictions.logits, sample.truth.targets, macs
    )
    confidence = confidences(sample.predictions.logits, "entropy")
    thresholds = fitted.thresholds(3.0, macs / 1e9)
    assert (thresholds[[1, 3]] == NEVER).all()
    assert (thresholds[[0, 2]] < 0).all()
    assert (macs / 1e9)[exits_taken(confidence, thresholds)].mean() == pytest.approx(3.0, rel=0.03)


def test_the_temperature_undoes_the_scale_of_logits_that_were_right() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (4000, 1, 5))
    drawn = (softmax(logits[:, 0]).cumsum(1) > rng.uniform(0, 1, (4000, 1))).argmax(1)
    for scale in (0.5, 1.0, 4.0):
        assert fit_temperature((scale * logits).astype(np.float32), drawn) == pytest.approx(scale, rel=0.06)


def test_saturated_logits_have_a_temperature_and_thresholds() -> None:
    sample = made_sample(clips=50)
    logits = sample.predictions.logits * 400
    for criterion in ("softmax", "logit", "entropy"):
        fitted = FittedThresholds(
            ThresholdRule(criterion, "shared"), logits, sample.truth.targets, sample.predictions.exit_macs
        )  # type: ignore[arg-type]
        assert np.isfinite(fitted.thresholds(3.0, np.array([1.0, 5.0]))).all()
        assert np.isfinite(fitted.temperature)
