"""Cameras and meters: present, present but shut, or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adafocus.edge.device.cameras import Finding, cameras, meters
from tests.helpers.machines import Programs, intel_sys, jetson_sys, pi_sys, write

PI_5_RAILS = "3V7_WL_SW_A current(0)=0.09A\nVDD_CORE_A current(7)=1.234A\nVDD_CORE_V volt(15)=0.72V"


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def without_modules(name: str) -> bool:
    return False


def test_video_devices_are_listed_in_order_with_their_names(tmp_path: Path) -> None:
    dev = write(tmp_path / "dev", {"video0": "", "video10": ""})
    found = cameras(pi_sys(tmp_path / "sys"), dev, tmp_path, without_modules)
    assert [(Path(camera.name).name, camera.presence, camera.detail) for camera in found] == [
        ("video0", "present", "unicam"),
        ("video10", "present", "bcm2835-codec-decode"),
    ]


def test_a_camera_that_the_container_does_not_see_is_told(tmp_path: Path) -> None:
    dev = write(tmp_path / "dev", {"video0": ""})
    found = cameras(pi_sys(tmp_path / "sys"), dev, tmp_path, without_modules)
    assert found[1].presence == "present but not readable"
    assert "container" in found[1].detail


def test_a_camera_that_this_user_may_not_open_says_how_to_allow_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev = write(tmp_path / "dev", {"video0": "", "video10": ""})
    # root, who may run the tests, may open any file
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "video0")
    found = cameras(pi_sys(tmp_path / "sys"), dev, tmp_path, without_modules)
    assert found[0].presence == "present but not readable"
    assert "usermod -aG video" in found[0].detail


def test_no_camera_is_an_empty_list(tmp_path: Path) -> None:
    assert cameras(tmp_path, tmp_path, tmp_path, without_modules) == []


def test_picamera2_is_found_or_told_how_to_be_seen(tmp_path: Path) -> None:
    (seen,) = cameras(tmp_path, tmp_path, tmp_path, lambda name: name == "picamera2")
    assert (seen.name, seen.presence) == ("Picamera2", "present")
    write(tmp_path, {"usr/lib/python3/dist-packages/picamera2/__init__.py": ""})
    (hidden,) = cameras(tmp_path, tmp_path, tmp_path, without_modules)
    assert hidden.presence == "present but not readable"
    assert "--system-site-packages" in hidden.detail


def test_a_jetson_camera_needs_its_service(tmp_path: Path) -> None:
    write(tmp_path, {"usr/lib/aarch64-linux-gnu/gstreamer-1.0/libgstnvarguscamerasrc.so": ""})
    (stopped,) = cameras(tmp_path, tmp_path, tmp_path, without_modules)
    assert "systemctl start nvargus-daemon" in stopped.text
    write(tmp_path, {"tmp/argus_socket": ""})
    (running,) = cameras(tmp_path, tmp_path, tmp_path, without_modules)
    assert running.presence == "present"


def test_a_machine_without_meters_lists_each_as_none(tmp_path: Path) -> None:
    found = meters(tmp_path, Programs(), without_modules)
    assert len(found) == 4
    assert {finding.presence for finding in found} == {"none"}


def test_rapl_counts_packages_only_and_a_sensor_chip_is_found(tmp_path: Path) -> None:
    found = by_name(meters(intel_sys(tmp_path), Programs(), without_modules))
    assert found["RAPL"].text == "present: package-0"
    assert found["INA2xx (hwmon)"].text == "present: ina260"


def test_a_counter_that_cannot_be_read_says_how_to_allow_it(tmp_path: Path) -> None:
    root = intel_sys(tmp_path)
    # root may read any file, so the counter is one that no one can read
    (root / "class/powercap/intel-rapl:0/energy_uj").unlink()
    (root / "class/powercap/intel-rapl:0/energy_uj").mkdir()
    rapl = by_name(meters(root, Programs(), without_modules))["RAPL"]
    assert rapl.presence == "present but not readable"
    assert "sudo chmod" in rapl.detail


def test_a_jetson_lists_its_rails_and_neither_unused_ones_nor_the_sum(tmp_path: Path) -> None:
    found = by_name(meters(jetson_sys(tmp_path), Programs(), without_modules))
    assert found["INA3221 (Jetson)"].text == "present: VDD_IN, VDD_CPU_GPU_CV"


def test_an_older_jetson_shows_its_rails_elsewhere(tmp_path: Path) -> None:
    chip = "bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    write(tmp_path, {f"{chip}/rail_name_0": "POM_5V_IN", f"{chip}/in_power0_input": "2400"})
    assert by_name(meters(tmp_path, Programs(), without_modules))["INA3221 (Jetson)"].text == "present: POM_5V_IN"


@pytest.mark.parametrize(
    ("answers", "presence", "words"),
    [
        ({"vcgencmd_pmic_read_adc": PI_5_RAILS}, "present", "2 rails"),
        ({"vcgencmd_version": "2024"}, "none", "Raspberry Pi 5"),
        ({}, "present but not readable", "usermod -aG video"),
    ],
)
def test_only_the_raspberry_pi_5_tells_currents(
    tmp_path: Path, answers: dict[str, str], presence: str, words: str
) -> None:
    found = by_name(meters(tmp_path, Programs(**answers), lambda name: name == "vcgencmd"))["PMIC (Raspberry Pi 5)"]
    assert found.presence == presence
    assert words in found.detail
