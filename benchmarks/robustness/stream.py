"""Measure whether a stream runs for long without growing, and whether it finds its source again.

    python -m benchmarks.robustness.stream BUNDLE CLIP --minutes 10 --out stream.json

A process serves a real clip as MJPEG over HTTP on the loopback at 30 frames a second; ``adafocus stream`` reads it in
another process. Its resident memory is read every second. Once, the server is killed and started again.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import psutil

from adafocus.edge.streaming.statistics import resident_bytes
from adafocus.errors import AdafocusError
from benchmarks.harness import Benchmark, machine, option, out_option, write

# writes bytes to a client
Put = Callable[[bytes], Any]
BOUNDARY = "frame"
QUALITY = 85
SETTLED_S = 60.0
MAX_CLIP_FRAMES = 600
START_LIMIT_S = 20.0
END_LIMIT_S = 20.0


def jpegs_of(clip: Path, max_side_px: int | None = None) -> list[bytes]:
    """Return the frames of a clip as JPEG, encoded once.

    Args:
        clip: the first frames of which are taken.
        max_side_px: of a frame; larger ones are shrunk.

    Raises:
        AdafocusError: no frame can be decoded.
    """
    capture = cv2.VideoCapture(str(clip))
    frames: list[bytes] = []
    while len(frames) < MAX_CLIP_FRAMES:
        found, pixels = capture.read()
        if not found:
            break
        scale = 1.0 if max_side_px is None else min(1.0, max_side_px / max(pixels.shape[:2]))
        if scale < 1.0:
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frames.append(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())
    capture.release()
    if not frames:
        raise AdafocusError(f"No frame of {clip} can be decoded, expected a real clip.")
    return frames


def serve(clip: Path, port: int, fps: float, max_side_px: int | None = None) -> None:
    """Serve a clip for ever, forwards and backwards, so that it has no cut, at its pace to every client."""
    frames = jpegs_of(clip, max_side_px)
    endless = [*frames, *frames[-2:0:-1]]

    def send(put: Put) -> None:
        began_s = time.monotonic()
        for number in range(10**9):
            time.sleep(max(0.0, began_s + number / fps - time.monotonic()))
            jpeg = endless[number % len(endless)]
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            put(head.encode() + jpeg + b"\r\n")

    serve_streams(port, f"multipart/x-mixed-replace; boundary={BOUNDARY}", send)


def serve_streams(port: int, content_type: str, send: Callable[[Put], None]) -> None:
    """Serve over HTTP on the loopback until killed; the first line of standard output is the port.

    Args:
        port: to listen on; 0 for any that is free.
        content_type: of every answer.
        send: called for every client, with what writes to it; ends with the client.
    """

    class Handler(BaseHTTPRequestHandler):
        """Every request gets the stream from its first frame on."""

        def do_GET(self) -> None:
            """Send until the client goes."""
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            try:
                send(self.wfile.write)
            except OSError:
                # the client has gone
                return

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        """Takes its old port again at once."""

        allow_reuse_address = True
        daemon_threads = True

    server = Server(("127.0.0.1", port), Handler)
    print(server.server_address[1], flush=True)
    # whoever started it says that it was stopped
    with suppress(KeyboardInterrupt):
        server.serve_forever()


class ClipServer:
    """The server as a process of its own, so that it can be killed."""

    def __init__(self, clip: Path, fps: float, max_side_px: int | None = None) -> None:
        self._clip, self._fps, self._max_side_px = clip, fps, max_side_px
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Where the stream is."""
        return f"http://127.0.0.1:{self.port}/clip.mjpg"

    def start(self) -> None:
        """Start, on the port of last time if there was one, and wait until it listens.

        Raises:
            AdafocusError: it does not start.
        """
        call = [sys.executable, "-m", "benchmarks.robustness.stream", "--serve", "--port", str(self.port)]
        call += ["--fps", str(self._fps), str(self._clip)]
        call += [] if self._max_side_px is None else ["--max-side", str(self._max_side_px)]
        self._process = subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.strip().isdigit():
            raise AdafocusError(f"The server of {self._clip} did not start, expected the number of its port.")
        self.port = int(line)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None


@dataclass
class Stream:
    """`adafocus stream --json` as a process; its events by kind, with the moment each was read."""

    process: subprocess.Popen[str]
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    rss: list[tuple[float, int]] = field(default_factory=list)

    @classmethod
    def start(cls, bundle: Path, address: str, extra: tuple[str, ...]) -> Stream:
        """Start reading a source."""
        program = Path(sys.executable).parent / "adafocus"
        call = [str(program), "stream", str(bundle), address, "--json", *extra]
        stream = cls(subprocess.Popen(call, stdout=subprocess.PIPE, text=True))
        threading.Thread(target=stream._read, daemon=True).start()
        return stream

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.events.append((time.monotonic(), json.loads(line)))

    def of(self, kind: str, after_s: float = 0.0) -> Iterator[tuple[float, dict[str, Any]]]:
        """Return the events of a kind that were read after a moment."""
        return ((at, event) for at, event in list(self.events) if event["event"] == kind and at > after_s)

    def look(self) -> None:
        """Read the resident memory once."""
        # a process that has ended has no memory
        with suppress(psutil.Error):
            self.rss.append((time.monotonic(), resident_bytes(self.process.pid)))

    def watch(self, until_s: float) -> None:
        """Read the memory every second.

        Raises:
            AdafocusError: the stream ended by itself.
        """
        while (left := until_s - time.monotonic()) > 0:
            time.sleep(min(1.0, left))
            if self.process.poll() is not None:
                raise AdafocusError(f"adafocus stream ended with {self.process.returncode}, expected it to go on.")
            self.look()

    def end(self) -> dict[str, Any]:
        """Press Ctrl-C and return the summary.

        Raises:
            AdafocusError: it does not end, ends with an error, or gives no summary.
        """
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(END_LIMIT_S)
        time.sleep(0.2)
        summary = next((event for _, event in self.of("summary")), None)
        if code != 0 or summary is None:
            raise AdafocusError(f"adafocus stream ended with {code} and summary {summary}, expected 0 and one.")
        return summary


def measure(bundle: Path, clip: Path, seconds: float, fps: float, extra: tuple[str, ...]) -> dict[str, Any]:
    """Run a stream, kill and restart its source two thirds through, and report.

    Raises:
        AdafocusError: something did not start, or ended too early.
    """
    server = ClipServer(clip, fps)
    server.start()
    stream = Stream.start(bundle, server.address, extra)
    try:
        began_s = _first(stream, "answer", 0.0, START_LIMIT_S + seconds)
        stream.watch(began_s + 2 / 3 * seconds)
        killed_s = time.monotonic()
        server.kill()
        stream.watch(killed_s + min(10.0, seconds / 10))
        server.start()
        restarted_s = time.monotonic()
        running_s = _first(stream, "source", restarted_s, seconds, state="running")
        answered_s = _first(stream, "answer", running_s, seconds)
        stream.watch(began_s + seconds)
        summary = stream.end()
    finally:
        if stream.process.poll() is None:
            stream.process.kill()
        server.kill()
    return {
        "command": "python -m benchmarks.robustness.stream BUNDLE CLIP --minutes MINUTES",
        "machine": machine(),
        "source": {"clip": clip.name, "fps": fps, "served": "MJPEG over HTTP, 127.0.0.1"},
        "seconds": round(seconds, 1),
        "memory": _memory(stream.rss, began_s, seconds),
        "interruption": {
            "source_away_s": round(restarted_s - killed_s, 2),
            "picked_up_after_s": round(running_s - restarted_s, 2),
            "answered_after_s": round(answered_s - restarted_s, 2),
        },
        "frames": summary["frames"],
        "answers": summary["answers"],
        "late": summary["late"],
        "latency_ms": summary["latency_ms"],
        "compute_ms": summary["compute_ms"],
        "host_ms": summary["host_ms"],
        "exits": summary["exits"],
    }


def _first(stream: Stream, kind: str, after_s: float, limit_s: float, **wanted: Any) -> float:
    """Wait for the first event of a kind, and return when it was read."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        for at, event in stream.of(kind, after_s):
            if all(event.get(name) == value for name, value in wanted.items()):
                return at
        stream.watch(time.monotonic() + 0.05)
    raise AdafocusError(f"No event {kind} {wanted or ''} within {limit_s:g} s, expected one.")


def _memory(samples: list[tuple[float, int]], began_s: float, seconds: float) -> dict[str, Any]:
    """Return the growth after the first minute, or after the first third of a shorter run."""
    settled_s = began_s + min(SETTLED_S, seconds / 3)
    later = [held for at, held in samples if at >= settled_s]
    return {
        "settled_after_s": round(settled_s - began_s, 1),
        "settled_bytes": later[0],
        "most_later_bytes": max(later),
        "growth_bytes": max(later) - later[0],
        "slope_bytes_per_minute": round(60 * float(np.polyfit(range(len(later)), later, 1)[0])) if later[1:] else 0,
        "samples": len(later),
    }


@click.command(cls=Benchmark)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="BUNDLE CLIP")
@option("--minutes", default=10.0, type=click.FloatRange(0.1), help="Stream for this many minutes.")
@option("--fps", default=30.0, help="Serve this many frames a second.")
@out_option
@click.option(
    "--stream-option",
    "extra",
    multiple=True,
    help="Hand this option on to adafocus stream, such as --threads=1; repeatable.",
)
@click.option("--serve", "serving", is_flag=True, hidden=True)
@click.option("--port", default=0, hidden=True)
@click.option("--max-side", "max_side_px", type=int, hidden=True)
def main(
    paths: tuple[Path, ...],
    minutes: float,
    fps: float,
    out: Path | None,
    extra: tuple[str, ...],
    serving: bool,
    port: int,
    max_side_px: int | None,
) -> None:
    """Stream CLIP with BUNDLE while its source dies and comes back."""
    if serving:
        serve(paths[0], port, fps, max_side_px)
        return
    if len(paths) != 2:
        raise AdafocusError(f"Found {len(paths)} paths, expected two: a bundle and a clip.")
    write(out, measure(paths[0], paths[1].resolve(), 60 * minutes, fps, extra))


if __name__ == "__main__":
    main()
