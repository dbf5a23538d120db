"""The sensors of a Jetson: which rail is the whole, on every kind of board; and a recorded trace played back."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.edge.meters import Address, Places, meter_of
from adafocus.edge.meters.jetson import Jetson
from adafocus.errors import MeterError
from tests.edge.meters.recorded import JETSON_CHIP, overwrite, played_back, shut, trace_of
from tests.helpers.machines import jetson_sys, write

# by the trapezoid rule over all 913 readings, ../shared/energy/README.md
RECORDED_J = 58.844


def orin(root: Path, chip: str, **rails: tuple[int, int]) -> Path:
    """Write rails of one chip with millivolts and milliamperes."""
    files: dict[str, str] = {}
    for number, (label, (millivolts, milliamperes)) in enumerate(rails.items(), 1):
        files |= {f"in{number}_label": label, f"in{number}_input": str(millivolts)}
        files[f"curr{number}_input"] = str(milliamperes)
    return write(root / "bus/i2c/drivers/ina3221" / chip / "hwmon/hwmon1", files)


def test_an_orin_nano_is_its_input_with_parts_beside_it(tmp_path: Path) -> None:
    found = Jetson(jetson_sys(tmp_path))
    assert found.totals == ("VDD_IN",)
    assert found.scope == "module input"
    assert found.read() == {"VDD_IN": pytest.approx(4.5), "VDD_CPU_GPU_CV": pytest.approx(4.5)}


def test_sums_that_newer_kernels_show_are_no_rails(tmp_path: Path) -> None:
    jetson_sys(tmp_path)
    write(tmp_path / JETSON_CHIP, {"curr4_input": "1800", "in4_label": "sum", "in4_input": "1", "curr7_input": "1"})
    assert set(Jetson(tmp_path).read()) == {"VDD_IN", "VDD_CPU_GPU_CV"}


def test_an_agx_orin_has_no_input_and_is_the_sum_of_its_rails(tmp_path: Path) -> None:
    orin(tmp_path, "1-0040", VDD_GPU_SOC=(5000, 400), VDD_CPU_CV=(5000, 200), VIN_SYS_5V0=(5000, 600))
    orin(tmp_path, "1-0041", NC=(5000, 900), VDDQ_VDD2_1V8AO=(5000, 100))
    found = Jetson(tmp_path)
    assert found.totals == ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO")
    assert found.scope == "module rails"
    assert sum(found.read().values()) == pytest.approx(6.5)


def test_an_older_jetson_shows_power_elsewhere_and_in_mw(tmp_path: Path) -> None:
    chip = "bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    files = {"rail_name_0": "POM_5V_IN", "in_power0_input": "2400", "rail_name_1": "POM_5V_GPU"}
    write(tmp_path / chip, files | {"in_voltage1_input": "5000", "in_current1_input": "100"})
    found = Jetson(tmp_path)
    assert found.totals == ("POM_5V_IN",)
    assert found.read() == {"POM_5V_IN": pytest.approx(2.4), "POM_5V_GPU": pytest.approx(0.5)}


def test_an_agx_xavier_is_the_sum_of_six(tmp_path: Path) -> None:
    orin(tmp_path, "1-0040", GPU=(1000, 1000), CPU=(1000, 1000), SOC=(1000, 1000))
    orin(tmp_path, "1-0041", CV=(1000, 1000), VDDRQ=(1000, 1000), SYS5V=(1000, 1000))
    found = Jetson(tmp_path)
    assert len(found.totals) == 6
    assert sum(found.read().values()) == pytest.approx(6.0)


def test_an_agx_thor_has_a_chip_of_another_kind_at_its_input(tmp_path: Path) -> None:
    orin(tmp_path, "2-0040", VDD_GPU=(5000, 400), VDD_CPU_SOC_MSS=(5000, 200), VIN_SYS_5V0=(5000, 600))
    write(tmp_path / "bus/i2c/drivers/ina238/2-0044/hwmon/hwmon5", {"name": "ina238", "power1_input": "21500000"})
    found = Jetson(tmp_path)
    assert found.totals == ("VIN",)
    assert found.read()["VIN"] == pytest.approx(21.5)


def test_a_board_whose_whole_nobody_knows_is_refused(tmp_path: Path) -> None:
    orin(tmp_path, "1-0040", VDD_GPU_SOC=(5000, 400), VDD_CPU_CV=(5000, 200))
    with pytest.raises(MeterError, match="none of them is known as the whole of this board"):
        Jetson(tmp_path)


def test_an_input_that_does_not_answer_is_a_reason_and_a_part_is_not(tmp_path: Path) -> None:
    jetson_sys(tmp_path)
    shut(tmp_path / JETSON_CHIP / "curr2_input")
    meter = meter_of(Address("jetson"), Places(sys=tmp_path))
    assert meter.available() is None
    assert meter.detail == "VDD_IN; besides it VDD_CPU_GPU_CV"
    shut(tmp_path / JETSON_CHIP / "curr1_input")
    refused = meter.available()
    assert refused is not None
    assert refused.present
    assert "curr1_input cannot be read" in refused.reason
    assert "sudo adafocus" in refused.reason


@pytest.mark.slow
def test_a_recorded_orin_nx_is_measured_to_half_a_percent(tmp_path: Path, shared: Path) -> None:
    times, watts = trace_of(shared / "energy" / "jetson_ina3221_87hz_e2fl.csv", 1e-3)
    orin(tmp_path, "1-0040", VDD_IN=(1000, round(1e3 * watts[0])), VDD_CPU_GPU_CV=(1000, 900))
    current = tmp_path / JETSON_CHIP / "curr1_input"
    assert current.exists()
    meter = meter_of(Address("jetson"), Places(sys=tmp_path))
    found = played_back(meter, (times, watts), lambda value: overwrite(current, f"{round(1e3 * value)}\n"))
    assert found.joules == pytest.approx(RECORDED_J, rel=0.005)
    assert found.coverage > 0.95
    assert found.samples > 90
