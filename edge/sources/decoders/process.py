"""Frames from a process that decodes, with a limit on how long each answer may take.

The process is asked by one letter on its standard input: ``g`` for the next frame, ``r`` for the pixels of it. It
answers with a line of JSON, and after that of ``r`` with the pixels, BGR, row by row. The first line comes by itself,
when the first frame is there. ``error`` in a line is a sentence on what went wrong.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from adafocus.edge.sources.source import FALLBACK_FPS, Frame, safe_name
from adafocus.errors import SourceError

# for a process that was told to end, and for one that was killed
LEAVE_S, END_S = 0.2, 2.0
Answer = tuple[dict[str, Any], bytes]


class DecoderFailed(SourceError):
    """The process does not decode this, or does not answer any more."""


class PackageMissing(DecoderFailed):
    """The process cannot import what it decodes with."""


class ProcessSource:
    """Frames of a process that decodes; a :class:`adafocus.edge.sources.source.Source`.

    Attributes:
        name: safe to print.
        live: whether frames come when they come.
        number: of the frame grabbed last, counted from 0.
        timestamp_s: its moment: of a file from 0, of a live source on this machine's monotonic clock.
        fps: frames per second, nominal where none are stated.
        stated_frames: as the file states, 0 where it states none.
    """

    def __init__(self, command: Sequence[str], name: str, live: bool, limit_s: float) -> None:
        """Start the process and wait for its first frame.

        Args:
            command: program and arguments.
            name: safe to print.
            live: whether frames come when they come.
            limit_s: for the first frame, and for each answer after it.

        Raises:
            DecoderFailed: it cannot be started, gives no frame in time, or says why it gives none.
        """
        self.name, self.live, self.number, self.timestamp_s = name, live, -1, 0.0
        self._limit_s, self._ended = limit_s, False
        try:
            # Ctrl-C is for this process, which ends that one in order
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise DecoderFailed(f"{command[0]} cannot be started: {error.strerror}") from error
        self._answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name=f"answers of {name}", daemon=True).start()
        try:
            first, _ = self._next()
        except BaseException:
            self.close()
            raise
        self.fps = float(first["fps"]) or FALLBACK_FPS
        self.stated_frames = int(first["frames"])

    def grab(self) -> bool:
        """Advance to the next frame; False at the end.

        Raises:
            DecoderFailed: it gives none in time, or says why it gives none.
        """
        if self._ended:
            return False
        found, _ = self._ask(b"g")
        if found.get("end"):
            self._ended = True
            return False
        self.number += 1
        stated = found["time_s"]
        if self.live:
            self.timestamp_s = time.monotonic()
        else:
            self.timestamp_s = self.number / self.fps if stated is None else max(float(stated), 0.0)
        return True

    def retrieve(self) -> Frame | None:
        """Make the grabbed frame; None where there is none.

        Raises:
            DecoderFailed: it does not come in time.
        """
        if self.number < 0 or self._ended:
            return None
        shape, data = self._ask(b"r")
        height, width, stride = shape["height"], shape["width"], shape["stride"]
        rows = np.frombuffer(data, np.uint8).reshape(height, stride)[:, : 3 * width]
        return Frame(np.ascontiguousarray(rows).reshape(height, width, 3), self.number, self.timestamp_s, self.name)

    def close(self) -> None:
        """End the process, by force where it does not end by itself; twice is allowed."""
        self._ended = True
        if self._process.stdin is not None and not self._process.stdin.closed:
            # it may be gone already
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                # it hangs in its driver, and ends when the driver lets go
                return

    def _ask(self, letter: bytes) -> Answer:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(letter)
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise DecoderFailed(f"{self.name}: the decoder has ended.") from error
        return self._next()

    def _next(self) -> Answer:
        try:
            found = self._answers.get(timeout=self._limit_s)
        except queue.Empty:
            raise DecoderFailed(f"{self.name}: the decoder gave nothing for {self._limit_s:g} s.") from None
        if found is None:
            raise DecoderFailed(f"{self.name}: the decoder has ended.")
        if "missing" in found[0]:
            raise PackageMissing(str(found[0]["missing"]))
        if "error" in found[0]:
            raise DecoderFailed(safe_name(f"{self.name}: {found[0]['error']}"))
        return found

    def _listen(self) -> None:
        """Put answers in a row until the process ends."""
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while line := pipe.readline():
                content = json.loads(line)
                self._answers.put((content, pipe.read(content.get("bytes", 0))))
        self._answers.put(None)
