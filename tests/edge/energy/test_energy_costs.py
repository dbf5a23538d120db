"""Which profile a budget in joules is charged from, which meter corrects it, and what is said where one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.energy.costs import EnergySource, place_of
from adafocus.edge.meters import Places
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError, MeterError
from tests.helpers.energy_profiles import FULL_J, GLANCE_J, IDLE_W, METER, figure, profile, write_profile
from tests.helpers.machines import write


@pytest.fixture(scope="module")
def recognizer(ready_bundle: Bundle) -> Recognizer:
    return Recognizer.open(ready_bundle)


@pytest.fixture
def nowhere(tmp_path: Path) -> Places:
    """Return a machine without a meter."""
    return Places(tmp_path / "sys", tmp_path / "vcio", str(tmp_path / "vcgencmd"), str(tmp_path / "powermetrics"))


@pytest.fixture
def with_meter(nowhere: Places) -> Places:
    """Return one with an INA260 on its supply."""
    write(nowhere.sys / "class/hwmon/hwmon0", {"name": "ina260", "power1_input": "4200000"})
    return nowhere


def opened(source: EnergySource, recognizer: Recognizer) -> tuple[str, tuple[str, ...], tuple[float, float]]:
    with source.open(recognizer, lambda sentence: None) as costs:
        energy = costs.about()["energy"]
        assert (energy["meter"] is None) == (not costs.profile.idle_w or bool(costs.notes))
        return energy["source"], costs.notes, (costs.low, costs.high)


def test_a_profile_is_looked_for_beside_its_bundle() -> None:
    assert place_of(Path("/b/one.zip")) == Path("/b/one.energy.json")
    assert place_of(Path("/b/one.v2")) == Path("/b/one.v2.energy.json")


def test_a_meter_of_the_same_scope_corrects_the_profile(
    recognizer: Recognizer, with_meter: Places, tmp_path: Path
) -> None:
    write_profile(recognizer.bundle, tmp_path / "b.energy.json")
    for name in ("auto", "hwmon"):
        source = EnergySource(tmp_path / "b.zip", meter=name, places=with_meter)
        with source.open(recognizer, lambda sentence: None) as costs:
            assert costs.about()["energy"]["meter"] == "ina260 (hwmon0)"
            assert (costs.source, costs.notes, costs.profile.idle_w) == ("profile", (), pytest.approx(IDLE_W))


def test_without_a_meter_it_is_the_profile_only(recognizer: Recognizer, nowhere: Places, tmp_path: Path) -> None:
    # clips that take no decoding may be measured just below idling
    per_clip = {"decode": figure(-0.001), "glance": figure(GLANCE_J), "full": figure(FULL_J)}
    place = write_profile(recognizer.bundle, tmp_path / "other.json", per_clip=per_clip)
    found = opened(EnergySource(tmp_path / "b.zip", place, places=nowhere), recognizer)
    assert (found[0], found[2]) == ("profile", (GLANCE_J, FULL_J))
    assert found[1][0].startswith("Profile only: clips are charged what other.json says. No meter of energy answers")
    with pytest.raises(MeterError):
        opened(EnergySource(tmp_path / "b.zip", place, "hwmon:ina260", nowhere), recognizer)


def test_a_meter_of_another_scope_is_not_set_against_the_profile(
    recognizer: Recognizer, with_meter: Places, tmp_path: Path
) -> None:
    place = write_profile(recognizer.bundle, tmp_path / "w.json", meter=METER.model_copy(update={"scope": "wall"}))
    _, notes, _ = opened(EnergySource(tmp_path / "b.zip", place, places=with_meter), recognizer)
    assert "measures the board input, and w.json is of the wall." in notes[0]
    with pytest.raises(AdafocusError, match=r"of the wall\. Leave --meter out"):
        opened(EnergySource(tmp_path / "b.zip", place, "hwmon", with_meter), recognizer)


def test_a_modelled_profile_says_so_and_takes_no_meter(
    recognizer: Recognizer, with_meter: Places, tmp_path: Path
) -> None:
    figures = {name: figure(joules).model_copy(update={"net_j": None}) for name, joules in (("glance", 1), ("full", 3))}
    place = write_profile(
        recognizer.bundle, tmp_path / "m.json", source="modelled", meter=None, idle_w=(), per_clip=figures
    )
    source, notes, ends = opened(EnergySource(tmp_path / "b.zip", place, places=with_meter), recognizer)
    assert (source, ends) == ("modelled", (1.5, 4.5))
    assert notes == ("The joules are modelled, not measured: m.json counts operations and bytes.",)
    with pytest.raises(AdafocusError, match="is modelled and knows no power of idling"):
        opened(EnergySource(tmp_path / "b.zip", place, "hwmon", with_meter), recognizer)


def test_without_a_profile_the_command_is_told_that_writes_one(
    recognizer: Recognizer, nowhere: Places, tmp_path: Path
) -> None:
    source = EnergySource(tmp_path / "b.zip", places=nowhere)
    with pytest.raises(AdafocusError, match=r"No meter of energy answers.*adafocus energy \S+b.zip CLIPS.*--modelled"):
        opened(source, recognizer)
    write(nowhere.sys / "class/hwmon/hwmon0", {"name": "ina260", "power1_input": "4200000"})
    with pytest.raises(AdafocusError, match=r"ina260 \(hwmon0\) answers here, so measure one: adafocus energy"):
        opened(source, recognizer)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"per_clip": {"full": figure(0.5)}}, "does not tell the joules above idling"),
        ({"idle_w": ()}, "does not tell the joules above idling"),
        ({"per_clip": {"glance": figure(0.5), "full": figure(0.4)}}, "expected numbers above 0 that rise"),
    ],
)
def test_a_profile_that_cannot_charge_is_refused(
    recognizer: Recognizer, nowhere: Places, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    place = write_profile(recognizer.bundle, tmp_path / "p.json", **change)
    with pytest.raises(AdafocusError, match=said):
        opened(EnergySource(tmp_path / "b.zip", place, places=nowhere), recognizer)


def test_what_differs_is_said_and_another_bundle_is_refused(
    recognizer: Recognizer, nowhere: Places, tmp_path: Path
) -> None:
    place, source = tmp_path / "p.json", EnergySource(tmp_path / "b.zip", tmp_path / "p.json", places=nowhere)
    facts = profile(recognizer.bundle).bundle.model_copy(update={"runtime": "onnx", "threads": 1})
    write_profile(recognizer.bundle, place, bundle=facts, device={"model": "a toaster"})
    notes = opened(source, recognizer)[1]
    assert notes[0].startswith("p.json is of a toaster, and this is ")
    assert (
        notes[1] == "p.json is of onnx with 1 thread, and this is litert with 2 threads, so the joules may be others."
    )
    write_profile(recognizer.bundle, place, bundle=facts.model_copy(update={"sha256": "0" * 64, "name": "other"}))
    with pytest.raises(AdafocusError, match="is the profile of another bundle, other, expected that of"):
        opened(source, recognizer)
