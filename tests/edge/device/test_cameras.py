"""Cameras: present, present but shut, or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adafocus.edge.device.cameras import cameras
from tests.helpers.machines import pi_sys, write


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
