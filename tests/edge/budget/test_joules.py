"""What clips cost in joules: by a profile, and by the windows of a meter."""

from __future__ import annotations

import dataclasses

import pytest

from adafocus.edge.budget.controller import Controller
from adafocus.edge.budget.costs import Budget
from adafocus.edge.budget.joules import MAX_WINDOW_S, MIN_WINDOW_CLIPS, EnergyCosts, EnergyProfile
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError
from benchmarks.energy.known_device import KnownDevice
from tests.helpers.numpy_bundle import NumpyOpener, clip_of, numpy_bundle

IDLE_W = 2.0
PROFILE = EnergyProfile(0.1, 0.3, 0.7, IDLE_W, "measured", "board input")
MACS = (2_000_000, 4_000_000, 6_000_000)


def clip_with(macs: int) -> Prediction:
    whole = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener()).recognize_clip(clip_of(0))
    return dataclasses.replace(whole, macs=macs)


@pytest.mark.parametrize(
    ("macs", "joules"), [(0, 0.1), (1_000_000, 0.2), (2_000_000, 0.3), (4_000_000, 0.5), (6_000_000, 0.7)]
)
def test_a_clip_is_charged_along_lines_between_decoding_the_glance_and_the_full_path(macs: int, joules: float) -> None:
    assert EnergyCosts(PROFILE, MACS).observe(clip_with(macs)) == pytest.approx(joules)


@pytest.mark.parametrize(
    "figures", [(0.1, 0.3, 0.3), (0.1, 0.0, 0.3), (-0.1, 0.2, 0.3), (0.0, 0.2, float("nan")), (0.0, 0.2, float("inf"))]
)
def test_figures_that_no_device_has_are_refused(figures: tuple[float, float, float]) -> None:
    with pytest.raises(AdafocusError, match=r"expected numbers above 0 that rise.*adafocus energy"):
        EnergyCosts(EnergyProfile(*figures), MACS)


def metered(device: KnownDevice, announced: list[str] | None = None, profile: EnergyProfile = PROFILE) -> EnergyCosts:
    warn = (lambda sentence: None) if announced is None else announced.append
    return EnergyCosts(profile, MACS, device, device, warn)


def play(costs: EnergyCosts, device: KnownDevice, clips: int, seconds: float, joules: float) -> None:
    """Let clips take so much, whatever the profile says."""
    prediction = clip_with(MACS[0])
    for _ in range(clips):
        device.work(seconds, joules / seconds)
        costs.observe(prediction)


def test_nothing_is_corrected_before_a_window_has_ten_seconds_and_thirty_clips() -> None:
    device = KnownDevice(IDLE_W)
    costs = metered(device)
    play(costs, device, 100, 0.099, 0.6)
    assert (costs.source, costs.correction) == ("profile", 1.0)
    play(costs, device, 3, 0.099, 0.6)
    assert costs.source == "measured"
    assert costs.correction == pytest.approx(2.0, rel=0.02)
    assert (costs.low, costs.high) == pytest.approx((0.6, 1.4), rel=0.02)
    seldom = KnownDevice(IDLE_W)
    few = metered(seldom)
    play(few, seldom, MIN_WINDOW_CLIPS, 2.0, 0.6)
    assert few.source == "profile"
    play(few, seldom, 1, 2.0, 0.6)
    assert few.correction == pytest.approx(2.0, rel=0.02)


def test_clips_that_come_hardly_ever_end_a_window_after_some_minutes() -> None:
    device = KnownDevice(IDLE_W)
    costs = metered(device)
    play(costs, device, 4, MAX_WINDOW_S / 2, 0.6)
    assert costs.about()["energy"]["windows"] == 1


def test_a_meter_that_is_read_once_a_second_has_longer_windows() -> None:
    device = KnownDevice(IDLE_W, period_s=1.0)
    costs = metered(device)
    play(costs, device, 199, 0.5, 0.3)
    assert costs.source == "profile"
    play(costs, device, 2, 0.5, 0.3)
    assert costs.correction == pytest.approx(1.0, rel=0.02)


def test_one_window_in_which_another_program_was_at_work_changes_nothing() -> None:
    device = KnownDevice(IDLE_W)
    costs = metered(device)
    # windows lie between the ends of clips, and 48 of these last just over 10 s
    play(costs, device, 1, 0.21, 0.3)
    for factor in (1.0, 1.0, 5.0, 1.0):
        device.factor = factor
        play(costs, device, 48, 0.21, 0.3)
        assert costs.correction == pytest.approx(1.0, rel=0.03)


def test_joules_below_those_of_idling_are_no_correction_and_are_said_once() -> None:
    device, announced = KnownDevice(0.8 * IDLE_W), list[str]()
    costs = metered(device, announced)
    play(costs, device, 200, 0.2, 0.01)
    assert (costs.source, costs.correction) == ("profile", 1.0)
    assert costs.about()["energy"]["lost_windows"] >= 2
    assert len(announced) == 1
    assert "no more than the 2 W of its idle power" in announced[0]


def test_what_a_meter_has_corrected_before_it_dies_stays_corrected() -> None:
    device, announced = KnownDevice(IDLE_W), list[str]()
    costs = metered(device, announced)
    play(costs, device, 103, 0.2, 0.6)
    assert costs.source == "measured"
    device.kill_meter()
    play(costs, device, 103, 0.2, 0.6)
    assert costs.source == "profile"
    assert costs.low == pytest.approx(0.6, rel=0.02)
    assert "times 2" in announced[0]


def test_modelled_joules_stay_modelled() -> None:
    costs = EnergyCosts(EnergyProfile(0.0, 0.002, 0.005, origin="modelled"), MACS)
    assert costs.observe(clip_with(MACS[0])) == pytest.approx(0.002)
    assert costs.about()["energy"]["source"] == "modelled"


def test_a_controller_takes_joules_and_says_where_they_come_from() -> None:
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    costs = EnergyCosts(PROFILE, recognizer.exit_macs, notes=("Profile only.",))
    controller = Controller.start(Budget(0.4, "J"), recognizer, clip_of(0), costs)
    controller.observe(recognizer.recognize_clip(clip_of(0)))
    state = controller.state()
    assert (state["unit"], state["range"], state["mean"]) == ("J", [0.3, 0.7], pytest.approx(0.7))
    assert state["energy"]["source"] == "profile"
    assert costs.notes == ("Profile only.",)
    with pytest.raises(AdafocusError, match=r"0.2 J, below what the glance alone costs: a clip costs 0.3 J"):
        Controller.start(Budget(0.2, "J"), recognizer, clip_of(0), costs)
