"""Network streams, and their credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing

import pytest

from adafocus.edge.sources import open_source
from adafocus.edge.sources.source import moment_of_capture
from adafocus.errors import SourceError
from tests.helpers.mjpeg_server import MjpegServer

SECRET = "hunter2"


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
