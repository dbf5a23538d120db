"""GStreamer pipelines, those of a Jetson among them."""

from __future__ import annotations

import cv2
import pytest

from adafocus.edge.sources import open_source
from adafocus.edge.sources.gstreamer import unavailable
from adafocus.edge.sources.jetson import camera_pipeline, decoder_pipeline
from adafocus.errors import SourceError

SECRET = "hunter2"


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
