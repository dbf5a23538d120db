"""GStreamer pipelines, those of a Jetson among them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.sources import gstreamer, open_source
from adafocus.edge.sources.decoders.process import DecoderFailed
from adafocus.edge.sources.gstreamer import open_pipeline, pythons
from adafocus.edge.sources.jetson import camera_pipeline, decoder_pipeline
from adafocus.errors import SourceError
from tests.helpers.videos import encode, frames_of

SECRET = "hunter2"
BLUE = "videotestsrc num-buffers=6 pattern=blue ! video/x-raw,width=101,height=64,framerate=20/1"
IMPORTS = "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; Gst.init(None); "
HAS_ELEMENTS = "raise SystemExit(not all(map(Gst.ElementFactory.find, ('videotestsrc', 'appsink', 'avidemux'))))"


@pytest.fixture(scope="module")
def elements() -> None:
    """PyGObject with GStreamer and its usual elements."""
    found = (subprocess.run([python, "-I", "-c", IMPORTS + HAS_ELEMENTS], capture_output=True) for python in pythons())
    if all(done.returncode for done in found):
        pytest.skip(f"expected in CI: no Python here has PyGObject with GStreamer: {gstreamer.INSTALL}")


@pytest.mark.usefixtures("elements")
@pytest.mark.parametrize("end", ["", " ! appsink", " ! videoconvert ! appsink drop=false sync=false"])
def test_a_pipeline_of_pygobject_gives_its_frames(end: str) -> None:
    source = open_source(f"gst:{BLUE}{end}")
    assert (source.live, source.fps) == (True, 20)
    frames = frames_of(source)
    # the newest one is kept where nobody takes the others
    assert 1 <= len(frames) <= 6
    for frame in frames:
        assert frame.pixels.shape == (64, 101, 3)
        assert (frame.pixels == (255, 0, 0)).all()


@pytest.mark.usefixtures("elements")
def test_a_file_in_a_pipeline_gives_every_frame_and_its_time(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.avi", 12, "rawvideo", "bgr24")
    source = open_pipeline(f'filesrc location="{path}" ! avidemux', "clip.avi", live=False)
    assert (source.fps, source.stated_frames) == (30, 12)
    frames, expected = frames_of(source), frames_of(open_source(path))
    assert np.allclose([frame.timestamp_s for frame in frames], np.arange(12) / 30, atol=1e-3)
    for frame, other in zip(frames, expected, strict=True):
        assert np.array_equal(frame.pixels, other.pixels)


@pytest.mark.usefixtures("elements")
@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        ("nosuchelement ! appsink", 'no element "nosuchelement"'),
        (f"filesrc location=/no/{SECRET} user-pw={SECRET} ! appsink", "no property"),
        ("videotestsrc ! fakesink name=appsink", "does not end in an appsink"),
        ("filesrc location=/no/file ! appsink", "Resource not found"),
    ],
)
def test_a_pipeline_that_does_not_start_says_why(pipeline: str, reason: str) -> None:
    with pytest.raises(DecoderFailed, match=reason) as caught:
        open_source(f"gst:{pipeline}")
    assert f"user-pw={SECRET}" not in str(caught.value)
    assert "gst-launch-1.0" in str(caught.value)


@pytest.mark.usefixtures("elements")
def test_a_source_that_gives_nothing_is_given_up() -> None:
    with pytest.raises(DecoderFailed, match="no frame came for"):
        open_source("gst:appsrc ! appsink", timeout_s=0.5)


def test_without_pygobject_the_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "python").write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -I -S "$@"\n')
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(gstreamer, "pythons", lambda: [str(tmp_path / "python")])
    for address in ("gst:videotestsrc ! appsink", "jetson:0"):
        with pytest.raises(SourceError, match=r"No module named 'gi'.*sudo apt install python3-gi"):
            open_source(address)


def test_a_jetson_camera_keeps_the_newest_frame_only() -> None:
    assert camera_pipeline(1, 1920, 1080, 30, 2) == (
        "nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),width=1920,height=1080,framerate=30/1 ! "
        "nvvidconv flip-method=2 ! video/x-raw,format=BGRx ! videoconvert ! video/x-raw,format=BGR ! "
        "appsink drop=true max-buffers=1 sync=false"
    )


def test_a_jetson_decodes_files_without_dropping_and_streams_with() -> None:
    assert decoder_pipeline("my clip.mp4", "h264", 100) == (
        'filesrc location="my clip.mp4" ! qtdemux ! h264parse ! nvv4l2decoder ! nvvidconv ! '
        "video/x-raw,format=BGRx ! videoconvert ! video/x-raw,format=BGR ! "
        "appsink drop=false max-buffers=4 sync=false"
    )
    stream = decoder_pipeline("rtsp://host/a", "h265", 50)
    assert stream.startswith('rtspsrc location="rtsp://host/a" latency=50 ! rtph265depay ! h265parse ! nvv4l2decoder ')
    assert stream.endswith("appsink drop=true max-buffers=1 sync=false")


@pytest.mark.parametrize("address", ['a".mp4', "clip.avi", "udp://host"])
def test_what_a_jetson_cannot_decode_ends_in_a_sentence(address: str) -> None:
    with pytest.raises(SourceError):
        decoder_pipeline(address, "h264", 100)
