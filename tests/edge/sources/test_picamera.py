"""The camera of a Raspberry Pi, with a stand-in of Picamera2."""

from __future__ import annotations

import sys
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from adafocus.edge.sources import open_source
from adafocus.edge.sources.picamera import bgr_picture
from adafocus.edge.sources.source import moment_of_capture
from adafocus.errors import SourceError


def padded(rows: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    """Rows in memory, each followed by bytes that belong to nobody."""
    flat = rows.reshape(len(rows), -1)
    memory = np.full((len(rows), stride), 199, np.uint8)
    memory[:, : flat.shape[1]] = flat
    return memory.reshape(-1)


class StandInRequest:
    """What ``Picamera2.capture_request`` gives (picamera2/request.py, CompletedRequest)."""

    def __init__(self, camera: StandInCamera, number: int) -> None:
        self.config, self._camera, self._number = camera.camera_config, camera, number

    def make_buffer(self, name: str) -> NDArray[np.uint8]:
        width, height = self.config[name]["size"]
        stride = self.config[name]["stride"]
        picture = picture_of(self._number, width, height)
        if name == "main":
            return padded(picture, stride)
        planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
        chroma = planes[height:].reshape(height, width // 2)
        tail = np.full(64, 7, np.uint8)
        return np.concatenate([padded(planes[:height], stride), padded(chroma, stride // 2), tail])

    def get_metadata(self) -> dict[str, int]:
        import time

        return {"SensorTimestamp": time.monotonic_ns() - 20_000_000}

    def release(self) -> None:
        self._camera.held -= 1


def picture_of(number: int, width: int, height: int) -> NDArray[np.uint8]:
    ramp = np.linspace(0, 200, width)[None, :, None] + np.array([10.0, 20.0, 30.0]) + number
    return np.broadcast_to(ramp, (height, width, 3)).astype(np.uint8)


class StandInCamera:
    """The part of Picamera2 that is used, with strides of 64-byte rows as on a Pi."""

    instances: list[StandInCamera]
    fails = ""

    def __init__(self, camera_num: int = 0) -> None:
        if camera_num > 0:
            raise IndexError("list index out of range")
        if self.fails == "acquire":
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.held = self.number = 0
        self.calls: list[str] = []
        StandInCamera.instances.append(self)

    def create_video_configuration(self, main: Any, lores: Any, controls: Any, buffer_count: int) -> dict[str, Any]:
        strided = {
            name: {**stream, "stride": -(-stream["size"][0] * channels // 64) * 64}
            for name, stream, channels in (("main", main, 3), ("lores", lores, 1))
        }
        return {**strided, "controls": controls, "buffer_count": buffer_count}

    def configure(self, config: dict[str, Any]) -> None:
        self.camera_config = config

    def start(self) -> None:
        if self.fails == "start":
            raise RuntimeError("lores stream size too big")
        self.calls.append("start")

    def capture_request(self, wait: float) -> StandInRequest:
        if self.number == 3:
            raise FutureTimeoutError
        assert self.held < self.camera_config["buffer_count"], "the camera has no buffer left"
        self.held += 1
        self.number += 1
        return StandInRequest(self, self.number)

    def cancel_all_and_flush(self) -> None:
        self.calls.append("cancel")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def pi(monkeypatch: pytest.MonkeyPatch) -> type[StandInCamera]:
    library = ModuleType("picamera2")
    library.Picamera2 = StandInCamera  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", library)
    monkeypatch.setattr(StandInCamera, "instances", [], raising=False)
    return StandInCamera


def test_a_pi_camera_gives_both_pictures_of_one_moment(pi: type[StandInCamera]) -> None:
    source = open_source("picamera:0", width_px=202, height_px=120, small_width_px=100, small_height_px=60)
    for number in (1, 2):
        assert source.grab()
        frame = source.retrieve()
        assert frame is not None
        assert np.array_equal(frame.pixels, picture_of(number, 202, 120))
        assert frame.small is not None
        assert frame.small.shape == (60, 100, 3)
        # colour is stored at half the resolution, so it comes back nearly, not exactly
        assert np.abs(frame.small.astype(int) - picture_of(number, 100, 60)).mean() < 4
        assert frame.number == number - 1
        assert 0.01 < moment_of_capture(0) - frame.timestamp_s < 5
        assert pi.instances[0].held == 0
    source.close()
    source.close()
    assert pi.instances[0].calls == ["start", "stop", "close"]


def test_a_pi_camera_gets_its_buffers_back_whether_or_not_anybody_looked(pi: type[StandInCamera]) -> None:
    source = open_source("picamera")
    assert [source.grab() for _ in range(3)] == [True, True, True]
    assert pi.instances[0].held == 1
    assert not source.grab()
    assert pi.instances[0].held == 0
    assert source.retrieve() is None
    assert "cancel" in pi.instances[0].calls
    source.close()
    assert not source.grab()


def test_the_small_picture_has_the_field_of_view_of_the_large_one(pi: type[StandInCamera]) -> None:
    open_source("picamera", width_px=1640, height_px=1232).close()
    width, height = pi.instances[0].camera_config["lores"]["size"]
    assert width / height == pytest.approx(1640 / 1232, rel=0.01)


@pytest.mark.parametrize(
    ("address", "fails", "options", "words"),
    [
        ("picamera:1", "", {}, "There is no picamera:1"),
        ("picamera:0", "acquire", {}, "another process has it"),
        ("picamera:0", "start", {}, "does not start with 1280x720"),
        ("picamera:0", "", {"width_px": 641}, "even numbers"),
    ],
)
def test_a_pi_camera_that_does_not_open_ends_in_a_sentence(
    pi: type[StandInCamera],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    fails: str,
    options: dict[str, Any],
    words: str,
) -> None:
    monkeypatch.setattr(pi, "fails", fails)
    with pytest.raises(SourceError, match=words):
        open_source(address, **options)
    assert all("close" in camera.calls for camera in pi.instances)


def test_a_missing_picamera2_is_named_with_its_install_command() -> None:
    if "picamera2" in sys.modules:
        pytest.skip("expected in CI: Picamera2 is installed here")
    with pytest.raises(SourceError, match="sudo apt install python3-picamera2"):
        open_source("picamera:0")


def test_another_pixel_format_of_a_pi_camera_ends_in_a_sentence() -> None:
    with pytest.raises(SourceError, match="gives MJPEG"):
        bgr_picture(np.zeros(10, np.uint8), {"format": "MJPEG", "size": (2, 2), "stride": 2})
