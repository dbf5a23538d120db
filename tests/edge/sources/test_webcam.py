"""Cameras of the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from adafocus.edge.sources import open_source, webcam
from adafocus.errors import SourceError


def test_a_camera_that_is_not_there_ends_in_a_sentence() -> None:
    if Path("/dev/video97").exists():
        pytest.skip("expected in CI: this machine has a /dev/video97")
    with pytest.raises(SourceError, match=r"There is no /dev/video97.*ls /dev/video\*"):
        open_source("camera:97")


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a file where a camera would be; it opens, but is no camera."""
    monkeypatch.setattr(webcam, "DEVICES", tmp_path)
    (tmp_path / "video3").write_bytes(b"")
    monkeypatch.setattr(webcam, "open_capture", lambda *_: None)
    return tmp_path / "video3"


def test_a_camera_that_another_process_has_is_answered_with_its_name(device: Path) -> None:
    hold = f"import sys; held = open({str(device)!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SourceError, match=rf"in use by \S+ \(process {other.pid}\).*one process at a time"):
            open_source("camera:3")
        other.stdin.close()
    with pytest.raises(SourceError, match="does not open as a camera"):
        open_source("camera:3")


def test_a_camera_is_opened_with_the_wanted_size(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: dict[int, float] = {}

    class Opened:
        def set(self, prop: int, value: float) -> bool:
            wanted[prop] = value
            return True

    monkeypatch.setattr(webcam, "open_capture", lambda *_: Opened())
    source = open_source("camera:3", width_px=640, height_px=480, fps=15)
    assert (source.name, source.live) == ("camera:3", True)
    assert wanted[cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert wanted[cv2.CAP_PROP_FRAME_HEIGHT] == 480
    assert wanted[cv2.CAP_PROP_FPS] == 15
    with pytest.raises(SourceError, match="width_px is 0"):
        open_source("camera:3", width_px=0)
