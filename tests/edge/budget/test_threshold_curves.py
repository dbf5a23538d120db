"""Thresholds between 'always stop' and 'never stop'."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adafocus.edge.budget.threshold_curves import CalibratedCurve, LearnedCurve, curve_of
from adafocus.edge.bundle.manifest import ExitBudget, Exits
from adafocus.edge.exits import ALWAYS, NEVER
from adafocus.errors import BundleError

CLASSES = 400
POSITIONS = st.floats(0.0, 1.0)
CONFIDENCES = {
    "softmax": st.floats(1 / CLASSES, 1.0),
    "entropy": st.floats(-math.log(CLASSES), 0.0),
    "logit": st.floats(-50.0, 50.0),
}
CRITERIA = st.sampled_from(sorted(CONFIDENCES))


def row(budget: float, *thresholds: float, unit: str = "GMAC") -> ExitBudget:
    return ExitBudget(unit=unit, budget=budget, thresholds=thresholds)  # type: ignore[arg-type]


def table(*rows: ExitBudget, unit: str = "GMAC", count: int = 2) -> CalibratedCurve | LearnedCurve:
    ranges = {"GMAC": (1.0, 5.0), "ms": (10.0, 30.0)}
    return curve_of(Exits(budgets=rows), count, CLASSES, unit, ranges)


def test_a_row_of_the_table_is_met_exactly() -> None:
    curve = table(row(2.0, 0.4, 0.6), row(4.0, 0.8, 0.9))
    assert curve.name == "calibrated in the bundle"
    assert curve.thresholds(0.25) == pytest.approx((0.4, 0.6))
    assert curve.thresholds(0.75) == pytest.approx((0.8, 0.9))
    assert curve.thresholds(0.5) == pytest.approx((0.6, 0.75))


def test_beyond_the_table_lie_always_and_never() -> None:
    curve = table(row(2.0, 0.4, 0.6), row(4.0, 0.8, 0.9))
    assert curve.thresholds(0.0) == (ALWAYS, ALWAYS)
    assert curve.thresholds(1.0) == (NEVER, NEVER)
    assert curve.thresholds(0.125) == pytest.approx((0.2, 0.3))
    assert curve.thresholds(0.875) == pytest.approx((0.9, 0.95))


def test_closed_exits_of_a_table_do_not_spoil_its_neighbours() -> None:
    curve = table(row(2.0, 0.4, 0.6), row(4.0, 0.8, NEVER))
    assert curve.thresholds(0.5) == pytest.approx((0.6, 0.8))
    assert curve.thresholds(0.75)[1] > 1.0


def test_rows_in_gmac_serve_a_budget_in_milliseconds_too() -> None:
    in_gmac, in_ms = row(3.0, 0.5, 0.5), row(20.0, 0.7, 0.7, unit="ms")
    assert table(in_gmac, in_ms, unit="ms").thresholds(0.5) == pytest.approx((0.5, 0.5))
    assert table(in_ms, unit="ms").thresholds(0.5) == pytest.approx((0.7, 0.7))
    assert table(in_ms, unit="GMAC").name == "learned here"


def test_a_table_for_other_exits_is_refused() -> None:
    with pytest.raises(BundleError, match=r"has 1 thresholds, expected 2"):
        table(row(2.0, 0.4))


@given(
    CRITERIA,
    st.lists(st.tuples(st.floats(-1, 7), st.floats(-60, 60), st.floats(-60, 60)), min_size=1, max_size=6),
    POSITIONS,
    POSITIONS,
)
def test_thresholds_of_any_table_rise_with_the_position(
    criterion: str, rows: list[tuple[float, float, float]], one: float, other: float
) -> None:
    budgets = tuple(row(*numbers) for numbers in rows)
    exits = Exits(criterion=criterion, budgets=budgets)  # type: ignore[arg-type]
    curve = curve_of(exits, 2, CLASSES, "GMAC", {"GMAC": (1.0, 5.0)})
    lower, higher = curve.thresholds(min(one, other)), curve.thresholds(max(one, other))
    assert all(a <= b for a, b in zip(lower, higher, strict=True))
    assert all(math.isfinite(value) for value in (*lower, *higher))


@given(CRITERIA, st.data(), POSITIONS, POSITIONS)
def test_learned_thresholds_rise_with_the_position(
    criterion: str, data: st.DataObject, one: float, other: float
) -> None:
    curve = LearnedCurve(3, criterion, CLASSES)  # type: ignore[arg-type]
    for value in data.draw(st.lists(CONFIDENCES[criterion], max_size=60)):
        curve.observe((value,))
    lower, higher = curve.thresholds(min(one, other)), curve.thresholds(max(one, other))
    assert len(lower) == 3
    assert all(a <= b for a, b in zip(lower, higher, strict=True))
    assert all(math.isfinite(value) for value in (*lower, *higher))


def test_the_position_is_the_share_of_clips_that_go_on() -> None:
    curve, rng = LearnedCurve(1, "softmax", CLASSES), np.random.default_rng(3)
    seen = rng.beta(5, 2, 50)
    for value in seen:
        curve.observe((float(value), 0.99))
    for share in (0.1, 0.5, 0.9):
        assert np.mean(seen < curve.thresholds(share)[0]) == pytest.approx(share, abs=0.02)


def test_only_clips_seen_lately_count() -> None:
    curve = LearnedCurve(1, "softmax", CLASSES)
    for value in (*[0.9] * 80, *[0.2] * 50):
        curve.observe((value,))
    assert curve.thresholds(0.5) == pytest.approx((0.2,))


def test_the_first_clip_goes_all_the_way_unless_none_may() -> None:
    curve = LearnedCurve(2, "softmax", CLASSES)
    assert curve.thresholds(0.3) == (NEVER, NEVER)
    assert curve.thresholds(0.0) == (ALWAYS, ALWAYS)


@pytest.mark.parametrize("criterion", ["softmax", "entropy", "logit"])
def test_even_the_surest_clip_goes_on_at_the_end_of_the_curve(criterion: str) -> None:
    surest = {"softmax": 1.0, "entropy": 0.0, "logit": 30.0}[criterion]
    for curve in (LearnedCurve(1, criterion, CLASSES), CalibratedCurve([0.5], [[surest]], criterion, CLASSES)):  # type: ignore[arg-type]
        curve.observe((surest,))
        assert curve.thresholds(0.5)[0] <= surest
        assert curve.thresholds(1.0)[0] > surest
