"""The table of sources, and what addresses that fit nothing are answered."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from adafocus.edge.sources import SOURCES, is_live, kind_of, open_finite, open_source
from adafocus.errors import SourceError
from tests.helpers.videos import frames_of, write_video

SECRET = "hunter2"


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


@pytest.mark.parametrize("name", ["jetson:x.mp4", "gst:x.mp4", "camera:0"])
def test_a_file_that_is_called_like_a_live_source_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(Path("clip.avi"), 3, codec="mpeg4").rename(name)
    with pytest.raises(SourceError, match="the name of a file that is here") as caught:
        open_finite(name)
    (typed,) = shlex.split(str(caught.value).rpartition("folder, too: ")[2])
    assert len(frames_of(open_finite(typed))) == 3


def test_a_kind_is_imported_only_when_it_is_used() -> None:
    code = (
        "import sys, adafocus.edge.sources;"
        "print(sorted(m for m in sys.modules if m.startswith('adafocus.edge.sources.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for kind in SOURCES:
        assert (kind.module in loaded) == (kind.name == "video_file"), kind.name
