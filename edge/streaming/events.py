"""What a stream reports, one JSON object a line, each line written at once."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from adafocus.errors import AdafocusError

KINDS = ("started", "answer", "switched", "source", "late", "warning", "summary")
DECIMALS = 4
# how every line begins, also after another program has formatted it
EVENT = re.compile(rb'\s*\{\s*"event"\s*:\s*"')
BEGINNING_BYTES = 4096


def iso_time(ago_s: float = 0.0) -> str:
    """Return the wall clock's time some seconds ago as ISO 8601 in UTC, for people; nothing is computed from it."""
    moment = datetime.fromtimestamp(time.time() - ago_s, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Sink:
    """One open file that takes lines.

    Nothing is held in a buffer, so a reader sees a line when it is written, and nothing is left to complain about when
    the reader goes away.
    """

    def __init__(self, descriptor: int, *, owned: bool, broken_line: bool = False) -> None:
        """Write to an open file; ``close`` closes it where it is owned. Its last line may be broken off."""
        self._descriptor, self._owned = descriptor, owned
        self._broken_line = broken_line

    def put(self, line: bytes) -> None:
        """Write a whole line.

        Raises:
            OSError: it was not written, or not whole; the next line will start on a line of its own.
        """
        rest = b"\n" + line if self._broken_line else line
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
            self._broken_line = bool(rest)

    def close(self) -> None:
        """Close an owned file."""
        if self._owned:
            os.close(self._descriptor)


class EventLog:
    """Writes events to a file, to standard output, to both, or nowhere. Several threads may write.

    Every event carries ``event`` (one of ``KINDS``), ``at`` (wall clock) and ``t_s`` (seconds since the start, on the
    monotonic clock). A disk that is full does not end a stream: what cannot be written is counted and reported
    once, and later events are tried again.

    Attributes:
        written: lines that were written whole.
        lost: lines that could not be written.
        reader_left: whether the other end of a pipe was closed.
    """

    def __init__(
        self,
        *sinks: Sink,
        warn: Callable[[str], None] | None = None,
        hear: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Report to sinks.

        Args:
            sinks: without one, events are made, but written nowhere.
            warn: called once, with a sentence, when events can no longer be written.
            hear: called with every event.
        """
        self._sinks, self._warn, self._hear = sinks, warn, hear
        self._lock = threading.Lock()
        self._started_s = time.monotonic()
        self.written = self.lost = 0
        self.reader_left = False

    @classmethod
    def open(
        cls,
        path: Path | None,
        to_stdout: bool = False,
        warn: Callable[[str], None] | None = None,
        hear: Callable[[dict[str, Any]], None] | None = None,
    ) -> EventLog:
        """Report to a file, to standard output, or to both.

        Args:
            path: where to append; older lines stay.
            to_stdout: print as well.
            warn: see the constructor.
            hear: likewise.

        Raises:
            AdafocusError: the file cannot be written to, or holds anything but events.
        """
        sinks = []
        if to_stdout:
            sys.stdout.flush()
            sinks.append(Sink(sys.stdout.fileno(), owned=False))
        if path is not None:
            try:
                broken_line = _ends_within_a_line(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            except OSError as error:
                raise AdafocusError(f"Cannot write {path}: {error.strerror}. Choose another --events.") from error
            sinks.append(Sink(descriptor, owned=True, broken_line=broken_line))
        return cls(*sinks, warn=warn, hear=hear)

    def write(self, kind: str, **content: Any) -> dict[str, Any]:
        """Write one event, and give it back as it was written."""
        t_s = round(time.monotonic() - self._started_s, 3)
        event = {"event": kind, "at": iso_time(), "t_s": t_s} | {name: _plain(value) for name, value in content.items()}
        line = json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n"
        with self._lock:
            for sink in self._sinks:
                self._put(sink, line.encode())
        if self._hear is not None:
            self._hear(event)
        return event

    def close(self) -> None:
        """Close the file; standard output stays open."""
        with self._lock:
            for sink in self._sinks:
                sink.close()
            self._sinks = ()

    def _put(self, sink: Sink, line: bytes) -> None:
        try:
            sink.put(line)
        except BrokenPipeError:
            self.reader_left = True
            self.lost += 1
        except OSError as error:
            self.lost += 1
            if self.lost == 1 and self._warn is not None:
                self._warn(f"Events cannot be written ({error.strerror}); the stream goes on. Make room on the disk.")
        else:
            self.written += 1


def _ends_within_a_line(path: Path) -> bool:
    """Return whether a file of events ends in the middle of a line, as after a crash; False where there is none yet.

    Raises:
        AdafocusError: it holds something else, to which nothing must be appended.
        OSError: it cannot be read.
    """
    if not path.exists() or not stat.S_ISREG(path.stat().st_mode):
        # a pipe takes whatever comes, and must not be read from
        return False
    with path.open("rb") as file:
        beginning = file.read(BEGINNING_BYTES)
        if not beginning.strip():
            return False
        if EVENT.match(beginning) is None:
            raise AdafocusError(
                f"--events is {path}, which begins with {beginning[:20]!r}, expected a new file, or one of events, "
                "whose lines are appended to. Choose another --events."
            )
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _plain(value: Any) -> Any:
    """Round numbers, also in nested lists and objects, so that lines stay short."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
