"""Serve a real clip over HTTP faster than it was recorded, and break the stream on demand.

Motion JPEG, or H.264 in MPEG-TS, at so many frames a second. Lines on standard input break it: ``stall 2.5`` sends
nothing for 2.5 s, ``size`` goes on in the next size, ``damage 20`` sends 20 damaged frames. It is a process of its own,
so that it can be killed.
"""

from __future__ import annotations

import io
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import click
import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, option
from benchmarks.robustness.stream import Put, serve_streams
from benchmarks.robustness.stream_day import frames_of

BOUNDARY, QUALITY, CLIP_FRAMES = "frame", 85, 100
TYPES = {"mjpeg": f"multipart/x-mixed-replace; boundary={BOUNDARY}", "ts": "video/mp2t"}
SIZES = ((320, 240), (480, 360), (160, 120), (240, 320))
ROOT = Path(__file__).parents[2]


def as_mjpeg(frames: Sequence[NDArray[np.uint8]]) -> list[bytes]:
    """Return a part of a multipart answer for each frame."""
    parts = []
    for frame in frames:
        jpeg = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        parts.append(head.encode() + jpeg + b"\r\n")
    return parts


def as_ts(frames: Sequence[NDArray[np.uint8]]) -> list[bytes]:
    """Return the bytes of MPEG-TS that each frame adds; the first one can be decoded alone."""
    place, parts, before = io.BytesIO(), list[bytes](), 0
    with av.open(place, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.gop_size = "yuv420p", 25
        stream.options = {"tune": "zerolatency", "preset": "ultrafast"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
            parts.append(place.getvalue()[before:])
            before += len(parts[-1])
    return parts


def damaged(part: bytes) -> bytes:
    """Return a part with bytes of its second half changed."""
    changed = bytearray(part)
    for _ in range(max(4, len(part) // 50)):
        changed[random.randrange(len(part) // 2, len(part))] = random.randrange(256)
    return bytes(changed)


class Show:
    """What is sent now, and what was sent: all clients see the same."""

    def __init__(self, clip: Path, form: str, fps: float) -> None:
        """Encode the clip in every size."""
        frames = frames_of(clip)[:CLIP_FRAMES]
        make = as_mjpeg if form == "mjpeg" else as_ts
        self.parts = [make([np.asarray(cv2.resize(frame, size), np.uint8) for frame in frames]) for size in SIZES]
        self.form, self.fps = form, fps
        self.size = self.damage = 0
        self.stalled_until_s = 0.0

    def obey(self) -> None:
        """Take commands from standard input until it ends; then end."""
        for line in sys.stdin:
            command, _, value = line.strip().partition(" ")
            if command == "stall":
                self.stalled_until_s = time.monotonic() + float(value)
            elif command == "damage":
                self.damage = int(value)
            elif command == "size":
                self.size = (self.size + 1) % len(SIZES)

    def send(self, put: Put) -> None:
        """Send frames at their pace until the client goes."""
        began_s, number = time.monotonic(), 0
        while True:
            time.sleep(max(0.0, began_s + number / self.fps - time.monotonic()))
            while (left := self.stalled_until_s - time.monotonic()) > 0:
                time.sleep(left)
                began_s = time.monotonic() - number / self.fps
            parts = self.parts[self.size]
            part = parts[number % len(parts)]
            if self.damage > 0:
                self.damage -= 1
                part = damaged(part)
            put(part)
            number += 1


def serve(show: Show, port: int) -> None:
    """Serve until killed; the first line of standard output is the port, and every client has a line of its own."""

    def send(put: Put) -> None:
        print("a client", flush=True)
        show.send(put)

    threading.Thread(target=show.obey, daemon=True).start()
    serve_streams(port, TYPES[show.form], send)


class ServedClip:
    """The server as a process of its own.

    Attributes:
        port: where it listens.
        clients: connections that it took.
    """

    def __init__(self, clip: Path, form: str, fps: float) -> None:
        self._call = [sys.executable, "-m", "benchmarks.robustness.served_clip", str(clip), "--form", form]
        self._call += ["--fps", str(fps)]
        self.port = self.clients = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Where the stream is."""
        return f"http://127.0.0.1:{self.port}/clip"

    def start(self) -> None:
        """Start, on the port of last time if there was one, and wait until it listens.

        Raises:
            AdafocusError: it does not start.
        """
        call = [*self._call, "--port", str(self.port)]
        self._process = subprocess.Popen(
            call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, bufsize=1
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.strip().isdigit():
            raise AdafocusError("The server did not start, expected the number of its port.")
        self.port = int(line)
        threading.Thread(target=self._count, args=(self._process.stdout,), daemon=True).start()

    def _count(self, lines: Iterable[str] | None) -> None:
        for _ in lines or ():
            self.clients += 1

    def tell(self, command: str) -> None:
        """Send it a command."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(command + "\n")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@click.command(cls=Benchmark)
@click.argument("clip", type=PATH)
@option("--form", type=click.Choice(tuple(TYPES)), default="mjpeg", help="Serve it in this form.")
@option("--fps", default=200.0, help="Serve this many frames a second.")
@option("--port", default=0, help="Listen on this port.")
def main(clip: Path, form: str, fps: float, port: int) -> None:
    """Serve CLIP over HTTP on the loopback."""
    serve(Show(clip, form, fps), port)


if __name__ == "__main__":
    main()
