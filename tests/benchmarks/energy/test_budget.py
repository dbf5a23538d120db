"""A budget of 0.4 J on a device whose power is known: what clips really take comes to the budget."""

from __future__ import annotations

import numpy as np
import pytest

from adafocus.edge.meters.meter import SECOND_NS
from adafocus.edge.recognizer import Recognizer
from benchmarks.energy.budget import Experiment, Remembered, experiments
from benchmarks.energy.known_device import KnownDevice
from tests.helpers.numpy_bundle import NumpyOpener, clip_of, numpy_bundle

MAX_PERCENT = 3.0


@pytest.fixture(scope="module")
def found() -> dict[str, Experiment]:
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    remembered = Remembered(recognizer, [clip_of(level) for level in range(256)])
    order = np.random.default_rng(3).integers(0, 256, 600).tolist()
    return {one.name: one for one in experiments(remembered, order)}


def test_the_running_mean_of_what_was_really_used_is_within_three_percent(found: dict[str, Experiment]) -> None:
    assert {name: one.worst_percent for name, one in found.items() if one.worst_percent > MAX_PERCENT} == {}
    right = found["the profile is right"]
    assert (right.settled_at, right.source) == (50, "measured")
    assert right.windows >= 8
    assert 20 < right.stopped_percent < 80


def test_without_a_meter_the_profile_is_all_there_is(found: dict[str, Experiment]) -> None:
    alone = found["the profile is right, without a meter"]
    assert (alone.source, alone.windows, alone.correction) == ("profile", 0, 1.0)


def test_a_wrong_profile_is_corrected_by_windows_of_the_meter(found: dict[str, Experiment]) -> None:
    for name in ("the profile says a fifth too little", "the device takes a fifth more from half-way on"):
        assert found[name].correction == pytest.approx(1.2, rel=0.02)
        assert 50 < found[name].settled_at < 550


def test_a_meter_that_dies_is_announced_once_and_the_budget_goes_on_from_the_profile(
    found: dict[str, Experiment],
) -> None:
    dead = found["the meter dies half-way"]
    assert dead.lost_windows >= 2
    assert dead.source == "profile"
    assert dead.correction == pytest.approx(1.0, rel=0.02)
    assert len(dead.announced) == 1
    assert "goes on from the profile alone" in dead.announced[0]
    assert "gave nothing for" in dead.announced[0]
    assert all(not one.announced for name, one in found.items() if one is not dead)


def test_the_meter_of_a_known_device_tells_what_it_used() -> None:
    device = KnownDevice(2.7)
    rng = np.random.default_rng(1)
    above_j = sum(device.work(float(rng.uniform(0.01, 0.2)), float(rng.uniform(0.0, 4.0))) for _ in range(300))
    reading = device.window(SECOND_NS, device.mark(), wait=False)
    assert reading.joules == pytest.approx(device.joules(1.0, device.now_s), rel=0.005)
    assert device.joules(0.0, device.now_s) == pytest.approx(2.7 * device.now_s + above_j)
