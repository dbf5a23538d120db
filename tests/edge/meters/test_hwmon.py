"""Sensor chips of the kernel: which voltage, which direction, and which of several."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.edge.meters import Places, choose_meter
from adafocus.edge.meters.hwmon import Hwmon
from adafocus.errors import MeterError
from tests.helpers.machines import write


def chip(root: Path, number: int, **files: object) -> Path:
    return write(root / "class/hwmon" / f"hwmon{number}", {name: str(value) for name, value in files.items()})


def test_an_ina260_tells_power_in_microwatts(tmp_path: Path) -> None:
    chip(tmp_path, 0, name="coretemp", temp1_input=40000)
    chip(tmp_path, 3, name="ina260", in0_input=1, in1_input=5100, curr1_input=823, power1_input=4_200_000)
    found = Hwmon(tmp_path)
    assert found.read() == {"supply": pytest.approx(4.2)}
    assert found.detail == "ina260 (hwmon3)"


def test_a_chip_without_power_is_volts_of_the_supply_times_amperes(tmp_path: Path) -> None:
    chip(tmp_path, 0, name="ina219", in0_input=99, in1_input=5000, curr1_input=600)
    assert Hwmon(tmp_path).read() == {"supply": pytest.approx(3.0)}


def test_a_km003c_has_its_volts_in_the_first_input(tmp_path: Path) -> None:
    chip(tmp_path, 0, name="powerz", in0_input=9000, in1_input=700, curr1_input=500)
    assert Hwmon(tmp_path).read() == {"supply": pytest.approx(4.5)}


@pytest.mark.parametrize("power", [{}, {"power1_input": 3_000_000}])
def test_a_current_against_the_meter_is_negative_whatever_the_power_says(tmp_path: Path, power: dict[str, int]) -> None:
    chip(tmp_path, 0, name="ina226", in1_input=5000, curr1_input=-600, **power)
    assert Hwmon(tmp_path).read() == {"supply": pytest.approx(-3.0)}


def test_one_of_several_chips_must_be_named_by_chip_or_folder(tmp_path: Path) -> None:
    chip(tmp_path, 1, name="ina219", in1_input=5000, curr1_input=600)
    chip(tmp_path, 2, name="ina219", in1_input=5000, curr1_input=800)
    chip(tmp_path, 3, name="ina260", power1_input=1_000_000)
    for name in ("", "ina219"):
        with pytest.raises(MeterError, match="--meter hwmon:hwmon1 or --meter hwmon:hwmon2"):
            Hwmon(tmp_path, name)
    assert Hwmon(tmp_path, "hwmon2").read() == {"supply": pytest.approx(4.0)}
    assert Hwmon(tmp_path, "INA260").read() == {"supply": pytest.approx(1.0)}


def test_a_chip_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    chip(tmp_path, 0, name="coretemp")
    with pytest.raises(MeterError, match="are: coretemp; expected the chip ina260"):
        Hwmon(tmp_path, "ina260")


def test_any_chip_that_is_named_is_taken_and_one_without_power_is_refused(tmp_path: Path) -> None:
    chip(tmp_path, 0, name="ltc2945", power1_input=2_500_000)
    assert Hwmon(tmp_path, "ltc2945").read() == {"supply": pytest.approx(2.5)}
    chip(tmp_path, 1, name="coretemp", temp1_input=40000)
    with pytest.raises(MeterError, match="neither power1_input nor curr1_input"):
        choose_meter("hwmon:coretemp", Places(sys=tmp_path))


def test_the_ina238_of_a_jetson_belongs_to_its_module(tmp_path: Path) -> None:
    chip(tmp_path, 0, name="ina238", power1_input=2_500_000)
    assert Hwmon(tmp_path).totals == ("supply",)
    write(tmp_path / "firmware/devicetree/base", {"compatible": "nvidia,p3971-0008\0nvidia,tegra264"})
    with pytest.raises(MeterError):
        Hwmon(tmp_path)
