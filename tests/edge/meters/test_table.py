"""The table of meters: addresses, the widest that answers, and what is said where none does."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from adafocus.edge import meters
from adafocus.edge.meters import METERS, Places, address_of, automatic_meters, choose_meter, meter_of
from adafocus.errors import MeterError
from tests.edge.meters.recorded import rapl_zone, shut
from tests.helpers.machines import jetson_sys, write


def places(sys: Path) -> Places:
    """Return a machine that has nothing but a tree."""
    return Places(sys, sys / "vcio", str(sys / "vcgencmd"), str(sys / "powermetrics"))


@pytest.mark.parametrize("name", METERS)
def test_every_row_has_a_module_and_an_example_that_is_understood(name: str) -> None:
    row = METERS[name]
    assert callable(import_module(f"{meters.__name__}.{row.module}").open_meter)
    address = address_of(row.example.strip("'"))
    assert address.kind == name
    assert meter_of(address).name == name
    assert not (row.automatic and row.needs_place)


@pytest.mark.parametrize(
    ("text", "place", "settings"),
    [
        ("rapl", "", {}),
        ("hwmon:ina260", "ina260", {}),
        ("shelly:plug.local:8080?id=1", "plug.local:8080", {"id": "1"}),
        (
            "log:my file?.csv?time=Time (s)&power=P+Q%26R&unit=mW",
            "my file?.csv",
            {"time": "Time (s)", "power": "P+Q&R", "unit": "mW"},
        ),
        (" log:C:\\power.csv ", "C:\\power.csv", {}),
    ],
)
def test_addresses_are_kind_place_and_settings(text: str, place: str, settings: dict[str, str]) -> None:
    found = address_of(text)
    assert (found.place, dict(found.settings)) == (place, settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no meter that is known here, expected auto, rapl"),
        ("RAPL", "'RAPL' is no meter"),
        ("wattmeter:3", "shelly:192.168.1.20"),
        ("rapl:0", "takes nothing after a colon"),
        ("rapl?x=1", "has no setting 'x', it takes none"),
        ("shelly", "needs a HOST"),
        ("log", "needs a FILE"),
        ("log:?time=t", "needs a FILE"),
        ("log:a.csv?tiem=t", "no setting 'tiem', expected format, power"),
        ("log:a.csv?time", "has no value"),
        ("log:a.csv?time=", "has no value"),
        ("log:a.csv?unit=W&unit=W", "stands there twice"),
        ("shelly:plug?unit=W", "no setting 'unit', expected id"),
        ("shelly:plug?id=one", "no number of an outlet"),
    ],
)
def test_addresses_that_mean_nothing_are_sentences(text: str, words: str) -> None:
    with pytest.raises(MeterError) as told:
        meter_of(address_of(text))
    assert words in str(told.value)


def test_auto_takes_the_widest_scope_that_answers(tmp_path: Path) -> None:
    rapl_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    assert choose_meter("auto", places(tmp_path)).name == "rapl"
    jetson_sys(tmp_path)
    assert choose_meter("auto", places(tmp_path)).name == "jetson"
    write(tmp_path / "class/hwmon/hwmon9", {"name": "ina260", "power1_input": "5000000"})
    chosen = choose_meter("auto", places(tmp_path))
    assert (chosen.name, chosen.scope, chosen.detail) == ("hwmon", "board input", "ina260 (hwmon9)")


def test_a_meter_that_is_named_is_taken_or_refused_alone(tmp_path: Path) -> None:
    jetson_sys(tmp_path)
    assert choose_meter("jetson", places(tmp_path)).name == "jetson"
    with pytest.raises(MeterError, match="No package of a processor"):
        choose_meter("rapl", places(tmp_path))


def test_no_meter_at_all_says_what_could_be_connected(tmp_path: Path) -> None:
    with pytest.raises(MeterError) as told:
        choose_meter("auto", places(tmp_path))
    for words in ("No meter of energy answers", "INA260", "KM003C", "Joulescope", "shelly:HOST", "log:FILE"):
        assert words in str(told.value)


def test_a_meter_that_is_shut_is_told_before_anything_is_bought(tmp_path: Path) -> None:
    zone = rapl_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    shut(zone / "energy_uj")
    with pytest.raises(MeterError, match=r"do not answer. rapl: .*sudo chmod"):
        choose_meter("auto", places(tmp_path))


def test_meters_that_need_no_name_are_tried_in_the_order_of_the_table(tmp_path: Path) -> None:
    assert [row.name for row, _ in automatic_meters(places(tmp_path))] == [
        "rapl",
        "jetson",
        "pmic",
        "hwmon",
        "nvml",
        "joulescope",
        "powermetrics",
    ]
