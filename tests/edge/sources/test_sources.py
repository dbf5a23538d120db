"""Every kind of source, the table, and what addresses that fit nothing are answered."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from adafocus.edge.sources import SOURCES, VideoFile, capture, is_live, kind_of, open_finite, open_source, webcam
from adafocus.edge.sources.array import ArraySource
from adafocus.edge.sources.base import Frame, Source, moment_of_capture, safe_name
from adafocus.edge.sources.gstreamer import unavailable
from adafocus.edge.sources.jetson import camera_pipeline, decoder_pipeline
from adafocus.edge.sources.picamera import bgr_picture
from adafocus.errors import SourceError, VideoError
from tests.helpers.mjpeg_server import MjpegServer
from tests.helpers.videos import write_video

SECRET = "hunter2"


def frames_of(source: Source) -> list[Frame]:
    found = []
    with closing(source):
        while source.grab():
            frame = source.retrieve()
            assert frame is not None
            assert frame.timestamp_s == source.timestamp_s
            found.append(frame)
    return found


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("camera:0", "webcam"),
        ("/dev/video12", "webcam"),
        ("picamera", "picamera"),
        ("picamera:1", "picamera"),
        ("jetson:0", "jetson"),
        ("jetson:clip.mp4", "jetson"),
        ("gst:videotestsrc ! appsink", "gstreamer"),
        ("rtsp://host/stream", "network"),
        ("RTSPS://host/stream", "network"),
        ("http://host:80/a.npy", "network"),
        ("https://host/clip.mp4", "network"),
        ("frames.npy", "array"),
        ("missing.mp4", "video_file"),
        ("folder/without_suffix", "video_file"),
    ],
)
def test_the_kind_follows_from_the_address(address: str, kind: str) -> None:
    assert kind_of(address).name == kind


def test_only_cameras_and_streams_are_live() -> None:
    assert {kind.name for kind in SOURCES if kind.live} == {"webcam", "picamera", "jetson", "gstreamer", "network"}
    assert is_live("camera:0")
    assert not is_live("clip.mp4")


@pytest.mark.parametrize("address", ["", "webcam", "camera:", "camera:x", "ftp://host/clip.mp4", "usb:0", "jetson:"])
def test_an_address_that_fits_nothing_is_answered_with_the_kinds(address: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(address)
    for kind in SOURCES:
        assert kind.name in str(caught.value)
        assert kind.example in str(caught.value)


def test_an_option_that_a_kind_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="widht_px"):
        open_source(write_video(tmp_path / "clip.mp4", 2), widht_px=3)


@pytest.mark.parametrize("address", ["camera:0", "rtsp://me:hunter2@host/", Path("rtsp://me:hunter2@host/")])
def test_a_live_source_has_no_clip(address: str | Path) -> None:
    with pytest.raises(SourceError, match="adafocus stream") as caught:
        open_finite(address)
    assert SECRET not in str(caught.value)


def test_a_kind_is_imported_only_when_it_is_used() -> None:
    code = (
        "import sys, adafocus.edge.sources;"
        "print(sorted(m for m in sys.modules if m.startswith('adafocus.edge.sources.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for kind in SOURCES:
        assert (kind.module in loaded) == (kind.name == "video_file"), kind.name


def test_a_video_file_gives_frames_with_times_numbers_and_a_name(tmp_path: Path) -> None:
    frames = frames_of(open_source(write_video(tmp_path / "clip.mp4", 10)))
    assert [frame.number for frame in frames] == list(range(10))
    assert np.allclose([frame.timestamp_s for frame in frames], np.arange(10) / 25, atol=1e-3)
    assert {frame.source for frame in frames} == {"clip.mp4"}
    assert frames[0].pixels.shape == (48, 64, 3)
    assert frames[0].small is None


def test_frames_do_not_share_memory(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", 4)
    first, second, *_ = frames_of(VideoFile(path))
    assert not np.shares_memory(first.pixels, second.pixels)


def write_varying(path: Path, times_ms: list[int]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, time_ms in enumerate(times_ms):
            picture = np.full((48, 64, 3), 10 * number + 20, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_times_of_a_varying_frame_rate_are_those_of_the_container(tmp_path: Path, suffix: str) -> None:
    times_ms = [0, 33, 66, 500, 533, 1500, 1510, 1520, 4000, 4040]
    frames = frames_of(open_source(write_varying(tmp_path / f"varying{suffix}", times_ms)))
    assert [round(1e3 * frame.timestamp_s) for frame in frames] == times_ms
    for number, frame in enumerate(frames):
        assert abs(float(frame.pixels.mean()) - (10 * number + 20)) < 4


def test_rotation_in_the_header_stands_the_frame_upright(shared: Path) -> None:
    path = shared / "smoke" / "rotated_90.mov"
    frame = frames_of(open_source(path))[0]
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="bgr24")
    assert frame.pixels.shape[:2] == stored.shape[1::-1]
    difference = [float(np.abs(np.rot90(stored, turns).astype(int) - frame.pixels).mean()) for turns in (1, 3)]
    assert min(difference) < 1 < max(difference)


def test_a_damaged_file_ends_without_an_error(shared: Path) -> None:
    frames = frames_of(open_source(shared / "smoke" / "corrupted.mp4"))
    with closing(VideoFile(shared / "smoke" / "corrupted.mp4")) as video:
        assert 0 < len(frames) < video.stated_frames


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.mov", "clip.ts", "clip.webm"])
def test_any_container_is_read(tmp_path: Path, name: str) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    assert len(frames_of(open_source(write_video(tmp_path / name, 12, codec=codec)))) == 12


def test_a_raw_stream_without_a_clock_follows_its_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.h264", 6)
    times = [frame.timestamp_s for frame in frames_of(open_source(path))]
    assert len(times) == 6
    assert times[0] == 0
    assert all(after > before for before, after in pairwise(times))


def test_files_are_closed(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", 3)
    np.save(tmp_path / "frames.npy", np.zeros((3, 4, 4, 3), np.uint8))
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.zeros((4, 4, 3), np.uint8))
    for address in (video, tmp_path / "frames.npy", folder):
        frames_of(open_source(address))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            source = open_source(address)
            source.grab()
            source.close()
            source.close()
        assert len(os.listdir("/proc/self/fd")) == before, address


def test_pictures_come_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    for number in (10, 2, 1, 100):
        cv2.imwrite(str(tmp_path / f"frame_{number}.png"), np.full((6, 8, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    source = open_source(tmp_path, fps=10)
    frames = frames_of(source)
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [1, 2, 10, 100]
    assert [frame.timestamp_s for frame in frames] == [0, 0.1, 0.2, 0.3]
    assert {frame.source for frame in frames} == {tmp_path.name}


def test_a_damaged_picture_is_no_frame_and_not_the_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((6, 8, 3), 50, np.uint8))
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    cv2.imwrite(str(tmp_path / "3.png"), np.full((6, 8, 3), 70, np.uint8))
    with closing(open_source(tmp_path)) as source:
        found = []
        while source.grab():
            found.append(source.retrieve() is not None)
    assert found == [True, False, True]
    assert not capfd.readouterr().err


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_an_array_gives_its_frames(tmp_path: Path, order: str) -> None:
    stored = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "frames.npy", stored)
    frames = frames_of(open_source(tmp_path / "frames.npy", order=order, fps=50))
    expected = stored[..., ::-1] if order == "rgb" else stored
    assert np.array_equal(np.stack([frame.pixels for frame in frames]), expected)
    assert [frame.timestamp_s for frame in frames] == [0, 0.02, 0.04, 0.06, 0.08]


def test_a_grey_array_becomes_colour() -> None:
    stored = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    frames = frames_of(ArraySource(stored))
    assert np.array_equal(frames[1].pixels, np.repeat(stored[1, :, :, None], 3, 2))


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), "float32"),
        (np.zeros((2, 4, 4, 4), np.uint8), r"\(2, 4, 4, 4\)"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\)"),
        (np.zeros((0, 4, 4, 3), np.uint8), r"\(0, 4, 4, 3\)"),
    ],
)
def test_an_array_of_something_else_ends_in_a_sentence(tmp_path: Path, stored: NDArray[Any], found: str) -> None:
    np.save(tmp_path / "frames.npy", stored)
    with pytest.raises(SourceError, match=f"{found}.*expected uint8"):
        open_source(tmp_path / "frames.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array at all", b"\x93NUMPY\x01\x00\x04\x00(((\n"])
def test_a_damaged_array_ends_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "frames.npy").write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read as an array"):
        open_source(tmp_path / "frames.npy")


def test_an_array_that_would_run_code_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match="cannot be read as an array"):
        open_source(tmp_path / "frames.npy")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://me:hunter2@10.0.0.1:554/a", "rtsp://***@10.0.0.1:554/a"),
        ("rtsp://me:p@hunter2@host/a", "rtsp://***@host/a"),
        ("rtsp://me:p/hunter2@host/a", "rtsp://***@host/a"),
        ("rtsp://me:#hunter2@host/a", "rtsp://***@host/a"),
        ("http://host/a?token=hunter2&x=1", "http://host/a?***"),
        (
            "gst:rtspsrc location=rtsp://me:hunter2@host/a ! fakesink",
            "gst:rtspsrc location=rtsp://***@host/a ! fakesink",
        ),
        ('gst:rtspsrc user-id=me user-pw="hunter2" location=rtsp://h/ ! x', None),
        ("gst:souphttpsrc proxy-pw=hunter2 ! x", "gst:souphttpsrc proxy-pw=*** ! x"),
        ("rtsp://host/plain", "rtsp://host/plain"),
        ("camera:0", "camera:0"),
    ],
)
def test_credentials_are_not_shown(address: str, shown: str | None) -> None:
    assert SECRET not in safe_name(address)
    assert shown is None or safe_name(address) == shown


@given(
    user=st.text(st.characters(codec="utf-8", exclude_characters=" /?#\"'\\"), min_size=1, max_size=8),
    password=st.text("abcXYZ0189:@%!$&*()+,;=-._~", max_size=12),
)
def test_no_password_is_ever_shown(user: str, password: str) -> None:
    marked = f"{password}s3cr3t"
    assert "s3cr3t" not in safe_name(f"rtsp://{user.strip() or 'u'}:{marked}@host/stream")


def test_a_network_camera_gives_frames_stamped_when_they_arrive() -> None:
    with MjpegServer() as server, closing(open_source(f"http://127.0.0.1:{server.port}/cam")) as source:
        assert source.live
        moments = []
        for _ in range(5):
            assert source.grab()
            frame = source.retrieve()
            assert frame is not None
            assert moment_of_capture(frame.timestamp_s) == frame.timestamp_s
            moments.append(frame.timestamp_s)
        assert moments == sorted(moments)


NETWORK_SCRIPT = """
import os, sys
from adafocus.errors import AdafocusError
from adafocus.edge.sources import open_source
for address in sys.argv[1:]:
    try:
        source = open_source(address, open_s=10.0, read_s=10.0)
        print(source.name, source.grab(), source.retrieve().source)
    except AdafocusError as error:
        print(error)
"""


def test_credentials_work_and_appear_nowhere_even_with_every_log_turned_on() -> None:
    with MjpegServer(user="me", password=SECRET) as server:
        address = f"me:{SECRET}@127.0.0.1:{server.port}/"
        wrong = f"http://me:{SECRET}wrong@127.0.0.1:{server.port}/?token={SECRET}"
        calls = [sys.executable, "-c", NETWORK_SCRIPT, f"http://{address}", wrong, f"rtsp://{address}"]
        loud = {**os.environ, "OPENCV_LOG_LEVEL": "DEBUG", "OPENCV_FFMPEG_DEBUG": "1", "OPENCV_FFMPEG_LOGLEVEL": "56"}
        done = subprocess.run(calls, capture_output=True, text=True, check=True, env=loud, timeout=60)
    opened, refused, no_stream = done.stdout.splitlines()
    assert opened == f"http://***@127.0.0.1:{server.port}/ True http://***@127.0.0.1:{server.port}/"
    assert "does not open" in refused
    assert "does not open" in no_stream
    assert SECRET not in done.stdout + done.stderr


def test_what_is_no_video_on_the_network_ends_in_a_sentence() -> None:
    with MjpegServer() as server:
        port = server.port
    with pytest.raises(SourceError, match=r"does not open within 1 s"):
        open_source(f"http://127.0.0.1:{port}/", open_s=1.0)


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


def test_gstreamer_that_is_not_built_in_ends_in_how_to_get_it() -> None:
    if unavailable() is None:
        pytest.skip("expected in CI: this OpenCV has GStreamer")
    for address in ("gst:videotestsrc ! appsink", "jetson:0"):
        with pytest.raises(SourceError, match=r"built without GStreamer.*python3-opencv.*JetPack"):
            open_source(address)


def test_a_jetson_camera_keeps_the_newest_frame_only() -> None:
    assert camera_pipeline(1, 1920, 1080, 30, 2) == (
        "nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),width=1920,height=1080,framerate=30/1 ! "
        "nvvidconv flip-method=2 ! video/x-raw,format=BGRx ! videoconvert ! video/x-raw,format=BGR ! "
        "appsink drop=true max-buffers=1 sync=false"
    )


def test_a_jetson_decodes_files_without_dropping_and_streams_with() -> None:
    file = decoder_pipeline("my clip.mp4", "h264", 100)
    assert file.startswith('filesrc location="my clip.mp4" ! qtdemux ! h264parse ! nvv4l2decoder ! ')
    assert "drop=false" in file
    stream = decoder_pipeline("rtsp://host/a", "h265", 50)
    assert stream.startswith('rtspsrc location="rtsp://host/a" latency=50 ! rtph265depay ! h265parse ! nvv4l2decoder ')
    assert stream.endswith("appsink drop=true max-buffers=1 sync=false")


@pytest.mark.parametrize("address", ['a".mp4', "clip.avi", "udp://host"])
def test_what_a_jetson_cannot_decode_ends_in_a_sentence(address: str) -> None:
    with pytest.raises(SourceError):
        decoder_pipeline(address, "h264", 100)


def test_a_pipeline_gets_a_sink_and_hides_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV with GStreamer, as far as opening goes."""
    from adafocus.edge.sources import gstreamer

    opened: list[tuple[str, int]] = []
    monkeypatch.setattr(gstreamer, "unavailable", lambda: None)
    monkeypatch.setattr(gstreamer, "open_capture", lambda pipeline, backend, *_: opened.append((pipeline, backend)))
    with pytest.raises(SourceError, match="does not start") as caught:
        open_source(f"gst: rtspsrc location=rtsp://me:{SECRET}@host/ ! decodebin")
    assert SECRET not in str(caught.value)
    pipeline, backend = opened[0]
    assert pipeline.startswith(f"rtspsrc location=rtsp://me:{SECRET}@host/ ! decodebin ! videoconvert ! ")
    assert pipeline.endswith("appsink drop=true max-buffers=1 sync=false")
    assert backend == cv2.CAP_GSTREAMER


def test_a_stated_moment_of_another_clock_is_not_believed() -> None:
    import time

    now = time.monotonic()
    assert moment_of_capture(now - 0.05) == now - 0.05
    for strange in (-1.0, 0.0, now + 60, now - 3600):
        assert now <= moment_of_capture(strange) <= now + 10


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


def test_a_capture_that_opencv_refuses_is_none() -> None:
    assert capture.open_capture("/nonexistent.mp4", cv2.CAP_FFMPEG) is None


def test_a_missing_video_keeps_its_sentence() -> None:
    with pytest.raises(VideoError, match="There is no video at"):
        open_source("missing.mp4")
