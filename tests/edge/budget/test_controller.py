"""The controller on made-up streams of clips: whatever comes, the mean comes to the budget."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adafocus.edge.budget.controller import TOLERANCE, WINDOW_CLIPS, Controller
from adafocus.edge.budget.costs import Budget, Costs, MacCosts, TimeCosts
from adafocus.edge.budget.threshold_curves import CalibratedCurve, Curve, LearnedCurve
from adafocus.edge.bundle.manifest import ExitBudget, Exits
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError
from tests.helpers.numpy_bundle import FOCUS_FRAMES, MACS, NumpyOpener, clip_of, numpy_bundle

CLASSES = 400
LOW, HIGH = 1.0, 3.0
TEMPLATE = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener()).recognize_clip(clip_of(0))
Slowness = Callable[[int], float]


def gmac_costs() -> MacCosts:
    return MacCosts((int(LOW * 1e9), int(HIGH * 1e9)))


def learned() -> LearnedCurve:
    return LearnedCurve(1, "softmax", CLASSES)


def prediction_of(stops: bool, confidence: float, slowness: float) -> Prediction:
    """Return a clip that stopped, or did not, on a machine so much slower than when its range was measured."""
    cost = LOW if stops else HIGH
    glance_ms = 0.9 * LOW * slowness
    timing = {"decode": 7.0, "glance": glance_ms, "other": cost * slowness - glance_ms, "total": 7.0 + cost * slowness}
    return dataclasses.replace(TEMPLATE, macs=round(cost * 1e9), confidences=(confidence,), timing_ms=timing)


def play(controller: Controller, confidences: Iterable[float], slowness: Slowness = lambda number: 1.0) -> np.ndarray:
    """Return the costs of clips that have these confidences after the glance."""
    costs = []
    for number, value in enumerate(confidences):
        threshold = controller.thresholds[0]
        assert math.isfinite(threshold)
        assert 0.0 <= controller.position <= 1.0
        costs.append(controller.observe(prediction_of(value >= threshold, value, slowness(number))))
    return np.array(costs)


def running_means(costs: np.ndarray) -> np.ndarray:
    """Means over 50 clips; entry i is that of the clips i to i + 49."""
    return np.convolve(costs, np.full(WINDOW_CLIPS, 1 / WINDOW_CLIPS), "valid")


def share_within(costs: np.ndarray, budget: float) -> float:
    """Share of running means within 5 % of the budget."""
    return float(np.mean(np.abs(running_means(costs) / budget - 1.0) <= TOLERANCE))


def easy(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.beta(6, 2, count)


def hard(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.beta(2, 5, count)


def step(rng: np.random.Generator) -> np.ndarray:
    return np.concatenate((easy(rng, 150), hard(rng, 150)))


def drift(rng: np.random.Generator) -> np.ndarray:
    return np.clip(np.linspace(0.9, 0.2, 300) + rng.normal(0, 0.1, 300), 0.01, 1.0)


def waves(rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([easy(rng, 20) if i % 2 else hard(rng, 20) for i in range(15)])


def two_kinds(rng: np.random.Generator) -> np.ndarray:
    return rng.choice([0.3, 0.9], 300)


STREAMS = {
    "step": step,
    "drift": drift,
    "waves": waves,
    "two kinds": two_kinds,
    "all equal": lambda rng: np.full(300, 0.42),
    "always confident": lambda rng: np.ones(300),
    "never confident": lambda rng: np.full(300, 1 / CLASSES),
}
CURVES: dict[str, Callable[[], Curve]] = {
    "learned": learned,
    "calibrated": lambda: CalibratedCurve([0.2, 0.5, 0.8], [[0.5], [0.7], [0.85]], "softmax", CLASSES),
    "calibrated for other clips": lambda: CalibratedCurve([0.1, 0.9], [[0.05], [0.1]], "softmax", CLASSES),
}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_running_mean_stays_at_the_budget(stream: str, curve: str, share: float) -> None:
    budget = LOW + share * (HIGH - LOW)
    for seed in range(3):
        confidences = STREAMS[stream](np.random.default_rng(seed))
        costs = play(Controller(Budget(budget, "GMAC"), gmac_costs(), CURVES[curve]()), confidences)
        assert share_within(costs[WINDOW_CLIPS:], budget) > 0.97
        assert costs.mean() == pytest.approx(budget, rel=0.02)


@pytest.mark.parametrize("curve", CURVES)
def test_fifty_clips_after_a_step_the_running_mean_is_back(curve: str) -> None:
    budget = 2.0
    for seed in range(10):
        confidences = step(np.random.default_rng(seed))
        costs = play(Controller(Budget(budget, "GMAC"), gmac_costs(), CURVES[curve]()), confidences)
        after = costs[150 : 150 + WINDOW_CLIPS].mean()
        assert after == pytest.approx(budget, rel=TOLERANCE)


@pytest.mark.parametrize("slower", [1.3, 1.6, 0.8])
def test_fifty_clips_after_the_machine_throttles_the_running_mean_is_back(slower: float) -> None:
    budget, half = 2.0, 150
    for seed in range(5):
        rng = np.random.default_rng(seed)
        noise = rng.lognormal(0.0, 0.05, 2 * half)
        controller = Controller(Budget(budget, "ms"), TimeCosts(LOW, HIGH, 0.9 * LOW), learned())
        noise[half:] *= slower
        costs = play(controller, easy(rng, 2 * half), noise.__getitem__)
        assert costs[half : half + WINDOW_CLIPS].mean() == pytest.approx(budget, rel=TOLERANCE)
        assert costs[half + WINDOW_CLIPS :].mean() == pytest.approx(budget, rel=0.03)


def test_one_clip_ten_times_slower_is_forgotten_soon_after_it_leaves_the_window() -> None:
    budget, odd, soon = 2.0, 120, 10
    for seed in range(5):
        controller = Controller(Budget(budget, "ms"), TimeCosts(LOW, HIGH, 0.9 * LOW), learned())
        costs = play(controller, easy(np.random.default_rng(seed), 400), lambda n: 10.0 if n == odd else 1.0)
        assert share_within(costs[WINDOW_CLIPS:odd], budget) > 0.97
        assert share_within(costs[odd + 1 + soon :], budget) > 0.97
        assert costs.mean() == pytest.approx(budget, rel=0.02)


def test_noise_of_the_clock_does_not_move_the_mean() -> None:
    rng, budget = np.random.default_rng(8), 1.8
    controller = Controller(Budget(budget, "ms"), TimeCosts(LOW, HIGH, 0.9 * LOW), learned())
    costs = play(controller, easy(rng, 400), lambda n: float(rng.lognormal(0.0, 0.3)))
    assert costs[WINDOW_CLIPS:].mean() == pytest.approx(budget, rel=TOLERANCE)


def test_what_no_clip_can_meet_is_not_paid_back_for_ever() -> None:
    """The machine is too slow for a while, even for the glance alone; fifty clips later nothing is left of it."""
    budget, slow = 1.5, range(100, 200)
    rng = np.random.default_rng(5)
    controller = Controller(Budget(budget, "ms"), TimeCosts(LOW, HIGH, 0.9 * LOW), learned())
    costs = play(controller, easy(rng, 400), lambda n: 2.0 if n in slow else 1.0)
    assert costs[slow.start + 20 : slow.stop] == pytest.approx(2.0 * LOW)
    after = running_means(costs[slow.stop + WINDOW_CLIPS // 5 :]) / budget - 1.0
    assert np.abs(after).max() < 2 * TOLERANCE


def test_a_budget_at_either_end_stops_always_or_never() -> None:
    confidences = easy(np.random.default_rng(0), 100)
    assert set(play(Controller(Budget(LOW, "GMAC"), gmac_costs(), learned()), confidences)) == {LOW}
    assert set(play(Controller(Budget(HIGH, "GMAC"), gmac_costs(), learned()), confidences)) == {HIGH}


def test_surer_clips_stop_more_often() -> None:
    """Keeping a budget must not mean throwing a coin."""
    confidences = easy(np.random.default_rng(2), 600)
    costs = play(Controller(Budget(2.0, "GMAC"), gmac_costs(), learned()), confidences)[100:]
    order = np.argsort(confidences[100:])
    quarter = len(order) // 4
    assert np.mean(costs[order[-quarter:]] == LOW) > 0.9
    assert np.mean(costs[order[:quarter]] == LOW) < 0.1


@settings(max_examples=150, deadline=None)
@given(
    share=st.floats(0.0, 1.0),
    confidences=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=120),
    slowness=st.lists(st.floats(0.01, 100.0), min_size=120, max_size=120),
    unit=st.sampled_from(["GMAC", "ms"]),
)
def test_nothing_takes_the_controller_out_of_its_bounds(
    share: float, confidences: list[float], slowness: list[float], unit: str
) -> None:
    costs: Costs = gmac_costs() if unit == "GMAC" else TimeCosts(LOW, HIGH, 0.9 * LOW)
    controller = Controller(Budget(LOW + share * (HIGH - LOW), unit), costs, learned())  # type: ignore[arg-type]
    spent = play(controller, confidences, lambda n: slowness[n])
    state = controller.state()
    assert math.isfinite(state["position"])
    assert state["mean"] == pytest.approx(spent.mean())
    assert state["running_mean"] == pytest.approx(spent[-WINDOW_CLIPS:].mean())
    if unit == "GMAC":
        assert LOW <= state["mean"] <= HIGH


@settings(max_examples=60, deadline=None)
@given(
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 10_000),
    shapes=st.lists(st.tuples(st.floats(0.5, 8.0), st.floats(0.5, 8.0)), min_size=1, max_size=4),
)
def test_the_mean_of_all_clips_converges(share: float, seed: int, shapes: list[tuple[float, float]]) -> None:
    rng, budget = np.random.default_rng(seed), LOW + share * (HIGH - LOW)
    confidences = np.concatenate([rng.beta(*shape, 400 // len(shapes)) for shape in shapes])
    costs = play(Controller(Budget(budget, "GMAC"), gmac_costs(), learned()), confidences)
    assert costs.mean() == pytest.approx(budget, rel=0.03)


def test_a_machine_that_takes_as_long_either_way_is_left_alone() -> None:
    controller = Controller(Budget(2.0, "ms"), TimeCosts(2.0, 2.0, 1.8), learned())
    play(controller, [0.5] * 60)
    assert 0.0 <= controller.position <= 1.0


def test_the_state_can_be_printed_as_json() -> None:
    controller = Controller(Budget(1.5, "GMAC"), gmac_costs(), learned())
    before = json.loads(json.dumps(controller.state(), allow_nan=False))
    assert (before["mean"], before["running_mean"], before["clips"]) == (None, None, 0)
    play(controller, easy(np.random.default_rng(1), 80))
    state = json.loads(json.dumps(controller.state(), allow_nan=False))
    assert (state["asked"], state["unit"], state["clips"], state["curve"]) == (1.5, "GMAC", 80, "learned here")
    assert state["range"] == [LOW, HIGH]
    assert state["thresholds"] == list(controller.thresholds)


def test_a_recognizer_meets_its_budget_with_the_exits_of_its_focus() -> None:
    recognizer = Recognizer(numpy_bundle("long"), "litert", 1, None, NumpyOpener())
    rng = np.random.default_rng(4)
    budget = Budget((MACS["glance"] + MACS["policy"] + 1.5 * MACS["focus"]) / 1e9, "GMAC")
    controller = Controller.start(budget, recognizer, clip_of(0))
    costs, exits = [], set()
    for brightness in rng.integers(0, 256, 300):
        recognizer.thresholds = controller.thresholds
        prediction = recognizer.recognize_clip(clip_of(int(brightness)))
        costs.append(controller.observe(prediction))
        exits.add(prediction.exit_index)
    assert np.mean(costs) == pytest.approx(budget.value, rel=0.01)
    assert share_within(np.array(costs[WINDOW_CLIPS:]), budget.value) > 0.97
    assert any(0 < index < FOCUS_FRAMES for index in exits)


def test_the_table_of_the_bundle_is_the_start() -> None:
    low, high = MACS["glance"] / 1e9, sum(MACS.values()) / 1e9
    rows = tuple(
        ExitBudget(unit="GMAC", budget=low + share * (high - low), thresholds=(threshold,))
        for share, threshold in ((0.25, 0.4), (0.75, 0.8))
    )
    recognizer = Recognizer(numpy_bundle("tsm", Exits(budgets=rows)), "litert", 1, None, NumpyOpener())
    controller = Controller.start(Budget((low + high) / 2, "GMAC"), recognizer, clip_of(0))
    assert controller.thresholds == pytest.approx((0.6,))
    assert controller.state()["curve"] == "calibrated in the bundle"


def test_a_budget_that_no_clip_can_meet_is_refused_at_the_start() -> None:
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    with pytest.raises(AdafocusError, match="below what the glance alone costs"):
        Controller.start(Budget(1e-9, "GMAC"), recognizer, clip_of(0))
