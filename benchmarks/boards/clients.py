"""Measure whether clients of the page hold up recognition: three look, one of them takes nothing.

    python -m benchmarks.boards.clients CLIP --minutes 10 --out clients.json
    python -m benchmarks.device_figures clients=clients.json --out results/boards.yaml

A clip is served as a network camera; the program of a board recognizes it and serves its page. First nobody looks, then
two clients take pictures and messages, and a third one connects, takes nothing for half a minute, and connects again.
Memory, threads and open files of the program are read every second. SIGTERM ends it.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import click
import numpy as np
import psutil

from adafocus.errors import AdafocusError
from benchmarks.boards.demo import BOARDS, Camera, program
from benchmarks.harness import Benchmark, machine, option, out_option, write

START_LIMIT_S, END_LIMIT_S = 120.0, 30.0
STALLED_S = 30.0
SETTLED_S = 60.0
PIECE_BYTES = 65536
MARK = b"Content-Type: image/jpeg"


@dataclass
class Client:
    """Somebody who looks.

    Attributes:
        came_s: moments at which pictures or messages came, on the monotonic clock.
        connections: how many times it connected.
    """

    came_s: list[float] = field(default_factory=list)
    connections: int = 0

    def take(self, url: str, path: str, mark: bytes, stop: threading.Event) -> None:
        """Take everything as it comes, and connect again where the connection ends."""
        while not stop.is_set():
            with suppress(OSError, http.client.HTTPException), closing(_connected(url, path)) as answer:
                self.connections += 1
                rest = b""
                while not stop.is_set() and (piece := answer.read1(PIECE_BYTES)):
                    rest += piece
                    self.came_s += [time.monotonic()] * rest.count(mark)
                    # too short to hold a whole mark, which would be counted twice
                    rest = rest[1 - len(mark) :]

    def stall(self, url: str, path: str, stop: threading.Event) -> None:
        """Ask for pictures and take none, again and again."""
        place = urlsplit(url)
        while not stop.is_set():
            with socket.socket() as channel:
                # as little room as the kernel gives, so that the server feels it soon
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                channel.connect((place.hostname or "", place.port or 0))
                channel.sendall(f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
                self.connections += 1
                stop.wait(STALLED_S)


def _connected(url: str, path: str) -> http.client.HTTPResponse:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=START_LIMIT_S)
    connection.request("GET", path)
    return connection.getresponse()


def measure(
    board: str, clip: Path, fps: float, alone_s: float, seconds: float, extra: tuple[str, ...]
) -> dict[str, Any]:
    """Run the program, and report.

    Raises:
        AdafocusError: it did not start, ended by itself, or did not end when asked.
    """
    with TemporaryDirectory(prefix="adafocus-") as folder, closing(Camera(clip, fps)) as camera:
        events = Path(folder, "events.jsonl")
        call = program(board, camera.address, "--web", "127.0.0.1:0", "--events", str(events), *extra)
        process = subprocess.Popen(call, stdout=subprocess.PIPE, text=True)
        try:
            url = _url(process)
            _wait_for_answers(process, events)
            load_before = os.getloadavg()
            with closing(Watch(process)) as watch:
                watch.until(time.monotonic() + alone_s)
                looked_s = time.monotonic()
                clients = _look(url, watch, looked_s + seconds)
                ended_s = time.monotonic()
            process.send_signal(signal.SIGTERM)
            code = process.wait(END_LIMIT_S)
            took_s = time.monotonic() - ended_s
        finally:
            if process.poll() is None:
                process.kill()
        if code != 0:
            raise AdafocusError(f"The program ended with {code} on SIGTERM, expected 0.")
        told = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    # moments in the events are counted from a beginning of their own
    began_s = watch.began_s - next(event["t_s"] for event in told if event["event"] == "answer")
    return {
        "command": "python -m benchmarks.boards.clients CLIP --minutes MINUTES",
        "machine": machine(),
        "load_before": [round(value, 1) for value in load_before],
        "load_after": [round(value, 1) for value in os.getloadavg()],
        "board": board,
        "source": {"clip": clip.name, "fps": fps, "served": "MJPEG over HTTP, 127.0.0.1"},
        "seconds": {"nobody_looks": alone_s, "three_clients": seconds},
        "clients": clients,
        "memory": watch.memory(looked_s + min(SETTLED_S, seconds / 3)),
        **_answers(told, looked_s - began_s),
        "frames": told[-1]["frames"],
        "sigterm": {"exit_code": code, "took_s": took_s},
    }


class Watch:
    """Reads memory, threads and open files of a program every second."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._seen = process, psutil.Process(process.pid)
        self.began_s = time.monotonic()
        self.samples: list[tuple[float, int, int, int]] = []

    def until(self, end_s: float) -> None:
        """Watch until a moment.

        Raises:
            AdafocusError: the program ended by itself.
        """
        while (left := end_s - time.monotonic()) > 0:
            time.sleep(min(1.0, left))
            if self._process.poll() is not None:
                raise AdafocusError(f"The program ended with {self._process.returncode}, expected it to go on.")
            seen = self._seen
            self.samples.append((time.monotonic(), seen.memory_info().rss, seen.num_threads(), seen.num_fds()))

    def memory(self, since_s: float) -> dict[str, Any]:
        """Return memory since a moment, its slope by a line, and threads and open files at both ends and at most."""
        rows = np.array([row for row in self.samples if row[0] >= since_s])
        resident = rows[:, 1] / 2**20
        slope = float(np.polyfit(rows[:, 0] / 60, resident, 1)[0]) if len(rows) > 1 else 0.0
        return {
            "samples": len(rows),
            "resident_mb_first_last_most": [float(resident[0]), float(resident[-1]), float(resident.max())],
            "slope_kb_a_minute": 1024 * slope,
            "threads_first_last_most": [int(rows[0, 2]), int(rows[-1, 2]), int(rows[:, 2].max())],
            "open_files_first_last_most": [int(rows[0, 3]), int(rows[-1, 3]), int(rows[:, 3].max())],
        }

    def close(self) -> None:
        """Do nothing: the program is ended elsewhere."""


def _look(url: str, watch: Watch, end_s: float) -> dict[str, Any]:
    """Let three clients look until a moment; return what came to them."""
    stop = threading.Event()
    films, messages, stalled = [Client(), Client()], [Client(), Client()], Client()
    calls: list[Callable[[], None]] = []
    for film, message in zip(films, messages, strict=True):
        calls.append(lambda film=film: film.take(url, "/picture.mjpg", MARK, stop))  # type: ignore[misc]
        calls.append(lambda message=message: message.take(url, "/events", b"event: answer", stop))  # type: ignore[misc]
    calls.append(lambda: stalled.stall(url, "/picture.mjpg", stop))
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    began_s = time.monotonic()
    for thread in threads:
        thread.start()
    watch.until(end_s)
    passed_s = time.monotonic() - began_s
    stop.set()
    return {
        "pictures_a_second": [len(film.came_s) / passed_s for film in films],
        "longest_without_picture_s": [_longest(film.came_s) for film in films],
        "answers_told": [len(message.came_s) for message in messages],
        "connections": [one.connections for one in (*films, *messages)],
        "stalled_connections": stalled.connections,
    }


def _longest(moments: list[float]) -> float | None:
    return float(np.diff(moments).max()) if len(moments) > 1 else None


def _answers(told: list[dict[str, Any]], looked_s: float) -> dict[str, Any]:
    """Return what the answers took, before and since clients look."""
    found: dict[str, Any] = {}
    came = {"nobody_looks": lambda at: at < looked_s, "three_clients": lambda at: at >= looked_s}
    for name, is_then in came.items():
        then = [event for event in told if is_then(event["t_s"])]
        latency = [event["latency_ms"] for event in then if event["event"] == "answer"]
        percentiles = np.percentile(latency, (50, 90, 99, 100)) if latency else [0.0] * 4
        found[name] = {
            "answers": len(latency),
            "late": sum(event["event"] == "late" for event in then),
            "latency_ms": dict(zip(("p50", "p90", "p99", "max"), map(float, percentiles), strict=True)),
        }
    return {"answers": found}


def _url(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if "http://" in line:
            return line[line.index("http://") :].strip().rstrip("/")
    raise AdafocusError(f"The program ended with {process.wait()}, expected the address of its page.")


def _wait_for_answers(process: subprocess.Popen[str], events: Path) -> None:
    end_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        if events.is_file() and '"event": "answer"' in events.read_text(encoding="utf-8"):
            return
        time.sleep(0.05)
    raise AdafocusError(f"The program gave no answer within {START_LIMIT_S:g} s, expected one.")


@click.command(cls=Benchmark)
@click.argument("clip", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@option("--board", type=click.Choice(BOARDS), default=BOARDS[0], help="Run the program of this board.")
@option("--minutes", default=10.0, type=click.FloatRange(0.1), help="Let clients look for this long.")
@option("--alone", default=2.0, type=click.FloatRange(0.0), help="First let nobody look for so many minutes.")
@option("--fps", default=25.0, type=click.FloatRange(1, 120), help="Serve this many frames a second.")
@click.option("--option", "extra", multiple=True, help="Hand this on to the program, such as --threads=1; repeatable.")
@out_option
def main(
    clip: Path, board: str, minutes: float, alone: float, fps: float, extra: tuple[str, ...], out: Path | None
) -> None:
    """Serve CLIP as a camera, and let three clients look at what is recognized."""
    write(out, measure(board, clip, fps, 60 * alone, 60 * minutes, extra))


if __name__ == "__main__":
    main()
