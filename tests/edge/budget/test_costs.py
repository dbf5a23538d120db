"""What a budget may be, and what clips cost."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adafocus.edge.budget.costs import Budget, MacCosts, TimeCosts, compute_ms, costs_of
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError
from tests.helpers.numpy_bundle import FOCUS_FRAMES, MACS, NumpyOpener, clip_of, numpy_bundle

LOW, HIGH = MACS["glance"] / 1e9, sum(MACS.values()) / 1e9


@pytest.fixture
def recognizer() -> Recognizer:
    return Recognizer(numpy_bundle(), "litert", 1, 0.9, NumpyOpener())


def taking(prediction: Prediction, **milliseconds: float) -> Prediction:
    """Return the same prediction, had it taken so long."""
    return dataclasses.replace(prediction, timing_ms={**milliseconds, "total": sum(milliseconds.values())})


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("8GMAC", 8.0, "GMAC"),
        ("8 GMAC", 8.0, "GMAC"),
        ("8gmac", 8.0, "GMAC"),
        (" .5 Gmac ", 0.5, "GMAC"),
        ("120ms", 120.0, "ms"),
        ("120 ms", 120.0, "ms"),
        ("0.4J", 0.4, "J"),
        ("0.4 j", 0.4, "J"),
    ],
)
def test_a_budget_is_a_number_with_a_unit(text: str, value: float, unit: str) -> None:
    assert Budget.parse(text) == Budget(value, unit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8",
        "GMAC",
        "8 GB",
        "-1GMAC",
        "0ms",
        "0.0J",
        "nan ms",
        "inf GMAC",
        "1e999ms",
        "8,5GMAC",
        "1 2ms",
        "9" * 400 + "ms",
    ],
)
def test_what_is_no_budget_ends_in_a_sentence(text: str) -> None:
    with pytest.raises(AdafocusError, match=r"expected a number above 0 with its unit.*--budget"):
        Budget.parse(text)


@given(st.text(max_size=12))
def test_any_text_is_a_budget_or_a_sentence(text: str) -> None:
    try:
        budget = Budget.parse(text)
    except AdafocusError:
        return
    assert 0.0 < budget.value < math.inf


@given(st.floats(1e-6, 1e6), st.sampled_from(["GMAC", "ms", "J"]))
def test_what_is_printed_can_be_typed(value: float, unit: str) -> None:
    written = Budget(value, unit)  # type: ignore[arg-type]
    if "e" not in str(written):
        assert Budget.parse(str(written)).value == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(("value", "word"), [(LOW * 0.99, "below"), (HIGH * 1.01, "above")])
def test_a_budget_out_of_range_is_refused_with_the_range(recognizer: Recognizer, value: float, word: str) -> None:
    with pytest.raises(AdafocusError) as found:
        costs_of(Budget(value, "GMAC"), recognizer, clip_of(0))
    assert word in str(found.value)
    assert f"{LOW:.4g} GMAC" in str(found.value)
    assert f"{HIGH:.4g} GMAC" in str(found.value)


@pytest.mark.parametrize("value", [LOW, (LOW + HIGH) / 2, HIGH])
def test_a_budget_from_the_glance_to_the_full_path_is_taken(recognizer: Recognizer, value: float) -> None:
    costs = costs_of(Budget(value, "GMAC"), recognizer, clip_of(0))
    assert (costs.low, costs.high) == (LOW, HIGH)


@pytest.mark.parametrize("value", [1e-6, 1e6])
def test_the_range_in_milliseconds_is_measured_here(recognizer: Recognizer, value: float) -> None:
    with pytest.raises(AdafocusError, match=r"on this machine now: a clip costs [\d.e-]+ ms after the glance and"):
        costs_of(Budget(value, "ms"), recognizer, clip_of(0))
    assert recognizer.thresholds == (0.9,)


def test_the_suggested_budget_is_within_the_range(recognizer: Recognizer) -> None:
    for budget in (Budget(1e6, "ms"), Budget(1e6, "GMAC"), Budget(1.0, "J")):
        with pytest.raises(AdafocusError) as found:
            costs_of(budget, recognizer, clip_of(0))
        suggested = Budget.parse(str(found.value).rpartition("--budget ")[2].rstrip("."))
        if suggested.unit == "GMAC":
            assert costs_of(suggested, recognizer, clip_of(0)).low == LOW


def test_a_suggestion_of_three_digits_can_be_typed(recognizer: Recognizer) -> None:
    recognizer.exit_macs = (200 * 10**9, 350 * 10**9)
    with pytest.raises(AdafocusError, match="--budget 280GMAC"):
        costs_of(Budget(1.0, "GMAC"), recognizer, clip_of(0))


def test_joules_need_a_profile(recognizer: Recognizer) -> None:
    with pytest.raises(AdafocusError, match=r"nothing says how many joules.*adafocus energy.*GMAC.*ms"):
        costs_of(Budget(0.4, "J"), recognizer, clip_of(0))


def test_the_cost_in_gmac_is_that_of_the_stages_that_ran() -> None:
    recognizer = Recognizer(numpy_bundle("long"), "litert", 1, None, NumpyOpener())
    costs = MacCosts(recognizer.exit_macs)
    assert costs.observe(recognizer.recognize_clip(clip_of(0))) == pytest.approx(costs.high)
    assert costs.observe(recognizer.recognize_clip(clip_of(0), stop_after="glance")) == pytest.approx(costs.low)
    assert costs.high == pytest.approx((MACS["glance"] + MACS["policy"] + FOCUS_FRAMES // 2 * MACS["focus"]) / 1e9)


def test_the_cost_in_milliseconds_leaves_out_decoding_alone(recognizer: Recognizer) -> None:
    prediction = recognizer.recognize_clip(clip_of(0))
    assert compute_ms(taking(prediction, decode=500.0, resize=3.0, glance=10.0, focus=20.0, other=1.0)) == 34.0


def test_the_range_moves_with_the_speed_of_the_glance(recognizer: Recognizer) -> None:
    prediction, costs = recognizer.recognize_clip(clip_of(0)), TimeCosts(12.0, 40.0, 10.0)
    for _ in range(9):
        costs.observe(taking(prediction, decode=0.0, glance=20.0, other=4.0))
    assert (costs.low, costs.high) == (24.0, 80.0)
    costs.observe(taking(prediction, decode=0.0, glance=900.0))
    assert (costs.low, costs.high) == (24.0, 80.0)
