"""What doctor says of meters: present with a reading, present but shut, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.edge.device.cameras import Finding
from adafocus.edge.device.meters import meters
from adafocus.edge.meters import METERS, Places
from tests.edge.meters.recorded import rapl_zone, shut
from tests.helpers.machines import intel_sys, jetson_sys, write


def found_in(root: Path, vcgencmd: str | None = None) -> dict[str, Finding]:
    """Return what is found on a machine that has a tree and perhaps the program of a Raspberry Pi."""
    if vcgencmd is not None:
        write(root, {"vcgencmd": f"#!/bin/sh\n{vcgencmd}"})
        (root / "vcgencmd").chmod(0o755)
    places = Places(root, root / "vcio", str(root / "vcgencmd"), str(root / "powermetrics"))
    return {finding.name: finding for finding in meters(places)}


def test_a_machine_without_meters_lists_each_with_its_reason_and_what_could_be_connected(tmp_path: Path) -> None:
    found = found_in(tmp_path)
    assert {finding.presence for finding in found.values()} == {"none"}
    assert all(finding.detail for finding in found.values())
    assert [*found][:-1] == [row.title for row in METERS.values() if row.automatic]
    assert "INA260" in found["others"].detail


def test_packages_are_counted_without_the_platform_and_a_sensor_chip_is_found(tmp_path: Path) -> None:
    rapl_zone(intel_sys(tmp_path), "intel-rapl:1", "psys", 9_000_000)
    found = found_in(tmp_path)
    assert found["RAPL"].text == "present: package-0 (package, --meter rapl)"
    assert found["INA2xx, KM003C (hwmon)"].text == "present: ina260 (hwmon1) (board input, --meter hwmon)"
    assert "others" not in found


def test_a_counter_that_cannot_be_read_says_how_to_allow_it(tmp_path: Path) -> None:
    shut(intel_sys(tmp_path) / "class/powercap/intel-rapl:0/energy_uj")
    rapl = found_in(tmp_path)["RAPL"]
    assert rapl.presence == "present but not readable"
    assert "sudo chmod" in rapl.detail


def test_a_jetson_tells_its_whole_and_its_parts(tmp_path: Path) -> None:
    found = found_in(jetson_sys(tmp_path))["INA3221 (Jetson)"]
    assert found.text == "present: VDD_IN; besides it VDD_CPU_GPU_CV (module input, --meter jetson)"


@pytest.mark.parametrize(
    ("vcgencmd", "presence", "words"),
    [
        ("echo 'VDD_CORE_A current(7)=1.2A'; echo 'VDD_CORE_V volt(15)=0.7V'", "present", "1 rails"),
        ("echo 'error=1 error_msg=\"Command not registered\"'", "none", "Raspberry Pi 5"),
        ("exit 255", "present but not readable", "usermod -aG video"),
    ],
)
def test_only_the_raspberry_pi_5_tells_currents(tmp_path: Path, vcgencmd: str, presence: str, words: str) -> None:
    found = found_in(tmp_path, vcgencmd)["PMIC (Raspberry Pi 5)"]
    assert found.presence == presence
    assert words in found.detail
