"""Logs in columns: headings, separators, units, clocks, and lines that are not as they should be."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.meters.integration import integrate
from adafocus.edge.meters.logs import read_log
from adafocus.edge.meters.meter import SECOND_NS, Reading
from adafocus.errors import MeterError

POWER = {"time": "t", "time_unit": "s", "power": "p", "unit": "W"}
ROWS = "t,p\n0,4\n1,4\n2,4\n3,4\n"


def log(folder: Path, text: str) -> Path:
    path = folder / "log.csv"
    path.write_text(text)
    return path


def joules(path: Path, settings: dict[str, str]) -> Reading:
    found = read_log(path, dict(settings))
    times = found.trace.times_ns
    return integrate(found.trace, int(times[0]), int(times[-1]))


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        ROWS.replace(",", ";"),
        ROWS.replace(",", "\t"),
        ROWS.replace(",", "   "),
        "\ufeff" + ROWS,
        "# a comment\n\n" + ROWS,
        ROWS.replace("\n", "\r\n"),
        ROWS.replace("t,p", '"T" , "P"'),
        "t;p\n0,0;4,0\n1,0;4,0\n2,0;4,0\n3,0;4,0\n",
        ROWS + "4,",
        ROWS + "4,0.00",
        ROWS + "4",
    ],
    ids=[
        "comma",
        "semicolon",
        "tab",
        "blanks",
        "mark",
        "comment",
        "windows",
        "quotes",
        "decimal",
        "cell",
        "number",
        "cut",
    ],
)
def test_columns_are_found_however_they_are_separated(tmp_path: Path, text: str) -> None:
    assert joules(log(tmp_path, text), POWER).joules == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"unit": "W"}, 12.0),
        ({"unit": "mW"}, 0.012),
        ({"unit": "µW"}, 1.2e-5),
        ({"unit": "kW"}, 12000.0),
        ({"time_unit": "ms"}, 0.012),
    ],
)
def test_units_are_those_that_are_stated(tmp_path: Path, settings: dict[str, str], expected: float) -> None:
    assert joules(log(tmp_path, ROWS), POWER | settings).joules == pytest.approx(expected)


@pytest.mark.parametrize(("unit", "expected"), [("J", 3.0), ("Wh", 10800.0), ("mWh", 10.8), ("uWs", 3e-6)])
def test_a_counter_of_energy_is_a_difference(tmp_path: Path, unit: str, expected: float) -> None:
    path = log(tmp_path, "t,e\n0,7\n1,8\n2,9\n3,10\n")
    settings = {"time": "t", "time_unit": "s", "energy": "e", "unit": unit}
    assert joules(path, settings).joules == pytest.approx(expected)


def test_volts_and_amperes_are_multiplied_by_column_or_number(tmp_path: Path) -> None:
    path = log(tmp_path, "t,u,i\n0,5000,800\n1,5000,800\n2,5000,800\n")
    settings = {"time": "t", "time_unit": "s", "current": "i", "current_unit": "mA"}
    assert joules(path, settings | {"voltage": "u", "voltage_unit": "mV"}).joules == pytest.approx(8.0)
    assert joules(path, settings | {"voltage": "5.0"}).joules == pytest.approx(8.0)
    for wrong, words in (
        ({}, "Say the voltage, too"),
        ({"voltage": "u"}, "No unit is stated of the column u"),
        ({"voltage": "x", "voltage_unit": "V"}, "called 'x'"),
    ):
        with pytest.raises(MeterError, match=words):
            read_log(path, settings | wrong)


@pytest.mark.parametrize(
    ("text", "clock", "expected", "whose"),
    [
        ("2025-03-28 01:56:50.5", "utc", datetime(2025, 3, 28, 1, 56, 50, 500_000, timezone.utc).timestamp(), "unix"),
        (
            "2025-03-28T03:56:50.5+02:00",
            None,
            datetime(2025, 3, 28, 1, 56, 50, 500_000, timezone.utc).timestamp(),
            "unix",
        ),
        ("2025-03-28 01:56:50.500", None, datetime(2025, 3, 28, 1, 56, 50, 500_000).timestamp(), "unix"),
        (
            "2025-03-28T01:56:50.500000123Z",
            None,
            datetime(2025, 3, 28, 1, 56, 50, 500_000, timezone.utc).timestamp(),
            "unix",
        ),
        ("2025-03-28 01:56:50.500", "own", datetime(2025, 3, 28, 1, 56, 50, 500_000).timestamp(), "own"),
        ("1657568326.775", "unix", 1657568326.775, "unix"),
        ("326.775", "host", 326.775, "host"),
        ("326.775", None, 326.775, "own"),
    ],
)
def test_times_are_dates_or_numbers_of_a_clock(
    tmp_path: Path, text: str, clock: str | None, expected: float, whose: str
) -> None:
    later = text.replace("50.5", "51.5").replace("6.775", "7.775")
    path = log(tmp_path, f"t,p\n{text},4\n{later},4\n")
    settings = {"time": "t", "power": "p", "unit": "W"} | ({"clock": clock} if clock else {})
    if "-" not in text:
        settings["time_unit"] = "s"
    found = read_log(path, settings)
    assert found.clock == whose
    assert found.trace.times_ns[0] / SECOND_NS == pytest.approx(expected, abs=1e-6)
    assert np.diff(found.trace.times_ns)[0] == pytest.approx(SECOND_NS, abs=500)


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        ("", POWER, "is empty"),
        ("# nothing\n", POWER, "is empty"),
        ("t,p\n", POWER, "holds 0 samples"),
        ("t,p\n0,4\n", POWER, "holds 1 samples"),
        (ROWS, {}, "has the columns t, p. Say what they are"),
        (ROWS, POWER | {"power": "q"}, "expected one that is called 'q'. Name it: power=COLUMN"),
        ("p,p,t\n1,1,1\n", POWER, "expected one that is called 'p'"),
        (ROWS, POWER | {"unit": "mw"}, "unit=mw is no unit of the column p, expected one of W, mW, uW, kW"),
        (ROWS, POWER | {"unit": "Wh"}, "unit=Wh is no unit"),
        (ROWS, {key: POWER[key] for key in ("time", "power", "unit")}, "No unit is stated of the times"),
        (ROWS, POWER | {"time_unit": "h"}, "time_unit=h is no unit"),
        (ROWS, POWER | {"energy": "p"}, "power and energy is asked for"),
        (ROWS, {"time": "t", "time_unit": "s"}, "nothing is asked for"),
        (ROWS, POWER | {"clock": "gps"}, "clock=gps is none, expected one of unix, utc, local, host, own"),
        (ROWS, POWER | {"clock": "utc"}, "clock=utc is for dates"),
        (ROWS, POWER | {"scope": "house"}, "scope=house is none, expected one of wall"),
        ("t,p\n0,4\n1,four\n2,4\n", POWER, "line 3: 'four' in the column p, expected a number"),
        ("t,p\n0,4\n1\n2,4\n", POWER, "line 3: 1 columns, expected 2"),
        ("t,p\n0,4\n1,4,4\n2,4\n", POWER, "line 3: 3 columns, expected 2"),
        ("t,p\n0,4\nx,4\n", POWER, "expected a time as a number"),
        ("t,p\n0,4\n1e30,4\n", POWER, "beyond the year 2200"),
        ("t,p\n0,4\nnan,4\n", POWER, "beyond the year 2200"),
        ("t,p\n5,4\n5,4\n", POWER, "all samples have one time"),
        ("t,p\n0,\n1,\n", POWER, "holds no number in log"),
        ("t,p\n2025-03-28 01:56:50,4\n28.03.2025 01:56,4\n", POWER, "or dates such as"),
        ("t,p\n2025-03-28 01:56:50,4\n2025-03-28 01:56:51,4\n", POWER | {"clock": "host"}, "Say clock=local or utc"),
    ],
)
def test_what_is_not_understood_is_a_sentence(tmp_path: Path, text: str, settings: dict[str, str], words: str) -> None:
    with pytest.raises(MeterError) as told:
        read_log(log(tmp_path, text), dict(settings))
    assert words in str(told.value)


def test_a_scope_may_be_stated(tmp_path: Path) -> None:
    assert read_log(log(tmp_path, ROWS), dict(POWER)).trace.scope == "board input"
    assert read_log(log(tmp_path, ROWS), POWER | {"scope": "wall"}).trace.scope == "wall"


def test_an_empty_cell_is_a_sample_without_a_value(tmp_path: Path) -> None:
    rows = "".join(f"{number / 10},{'' if number == 40 else 4}\n" for number in range(101))
    found = joules(log(tmp_path, "t,p\n" + rows), POWER)
    assert found.samples == 100
    assert found.joules == pytest.approx(40.0)
