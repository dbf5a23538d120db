"""The drop policy of live sources: the newest frame is kept, and what nobody took is counted.

A thread grabs every frame as it comes, so that no queue of old ones builds up in a driver, and makes a picture only of
frames that somebody waits for. A source that fails is opened again, with growing pauses, until it is back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2

from adafocus.edge.sources.source import FALLBACK_FPS, Frame, Source, safe_name
from adafocus.errors import AdafocusError, SourceError

Phase = Literal["opening", "running", "waiting", "ended"]

FIRST_PAUSE_S = 0.5
# with the time that opening takes, a source that is back is seen within 5 s
LONGEST_PAUSE_S = 3.0
CLOSE_S = 2.0
# frames come as regularly as clocks of two machines allow; a little early is on time
EARLY_SHARE = 0.25
# a frame that comes after such a pause is made even while nobody waits: the next one may be long in coming
RARE_S = 1.0
FAILURES = (AdafocusError, cv2.error, OSError, RuntimeError)


@dataclass(frozen=True)
class State:
    """What a live source is doing, as one moment saw it.

    Attributes:
        phase: ``opening``, ``running``, ``waiting`` for the next attempt, or ``ended``.
        reason: why it is waiting, or ended; empty where all is well.
        attempt: how many times in a row it could not be opened or gave nothing, 0 while it runs.
        connections: how many times it was opened and gave a frame.
        interruptions: how many of these connections ended by themselves.
        grabbed: frames that came.
        delivered: frames that were handed out.
        dropped: frames that came and were not handed out, damaged ones among them.
    """

    phase: Phase
    reason: str
    attempt: int
    connections: int
    interruptions: int
    grabbed: int
    delivered: int
    dropped: int


class Latest:
    """The newest frame of a live source.

    Attributes:
        name: of the source, safe to print.
        live: True.
    """

    live = True

    def __init__(
        self, reopen: Callable[[], Source], name: str, max_fps: float | None = None, first: Source | None = None
    ) -> None:
        """Start the thread.

        Args:
            reopen: opens the source; called in the thread, again after every failure.
            name: what to call it, safe to print.
            max_fps: hand out at most this many frames a second.
            first: the source, opened already.

        Raises:
            SourceError: ``max_fps`` is not above 0, or ``first`` is not live.
        """
        if max_fps is not None and not max_fps > 0:
            raise SourceError(f"max_fps is {max_fps}, expected frames per second above 0.")
        if first is not None and not first.live:
            first.close()
            raise _not_live(first.name)
        self.name = name
        self._reopen, self._source = reopen, first
        self._period_s = 0.0 if max_fps is None else (1 - EARLY_SHARE) / max_fps
        self._fps = FALLBACK_FPS if first is None else first.fps
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._waiting = 0
        self._newest: Frame | None = None
        self._delivered_at = float("-inf")
        self._state = State("opening", "", 0, 0, 0, 0, 0, 0)
        self._thread = threading.Thread(target=self._run, name=f"frames of {name}", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, address: str | Path, max_fps: float | None = None, patient: bool = False, **options: Any) -> Latest:
        """Open a live source by its address.

        Args:
            address: of a live source.
            max_fps: hand out at most this many frames a second.
            patient: wait for a source that is not there yet, instead of failing at once.
            options: of the source.

        Raises:
            SourceError: the address means no live source, or it cannot be opened (unless ``patient``).
        """
        from adafocus.edge.sources import address_text, is_live, open_source

        if not is_live(address):
            raise _not_live(safe_name(str(address)))

        def reopen() -> Source:
            return open_source(address, **options)

        return cls(reopen, safe_name(address_text(address)), max_fps, None if patient else reopen())

    @property
    def state(self) -> State:
        """What it is doing now."""
        with self._changed:
            return self._state

    @property
    def fps(self) -> float:
        """Frames per second that the source states, or a nominal rate."""
        return self._fps

    def read(self, timeout_s: float) -> Frame | None:
        """Wait for the newest frame that was not handed out yet.

        Numbers count all frames that came, over interruptions. A frame is handed to one reader.

        Args:
            timeout_s: how long to wait.

        Returns:
            The frame, or None where none came in time, or the source was closed.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            # a picture that was made for a reader who had left is used only while nothing newer came
            if self._newest is not None and self._newest.number + 1 != self._state.grabbed:
                self._newest = None
            self._waiting += 1
            try:
                while self._newest is None:
                    left = deadline - time.monotonic()
                    if left <= 0 or self._stop.is_set() or self._state.phase == "ended":
                        return None
                    self._changed.wait(left)
                frame, self._newest = self._newest, None
                self._tell(delivered=self._state.delivered + 1)
                return frame
            finally:
                self._waiting -= 1

    def close(self) -> None:
        """End the thread and release the source; returns within a bounded time even where the source hangs.

        A source that hangs in its driver is released by its own thread as soon as the driver lets go.
        """
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)
        with self._changed:
            self._newest = None
            self._tell(phase="ended", reason="closed")

    def __enter__(self) -> Latest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, **changes: Any) -> None:
        """Change the state; the condition is held."""
        state = replace(self._state, **changes)
        self._state = replace(state, dropped=state.grabbed - state.delivered - (self._newest is not None))
        self._changed.notify_all()

    def _run(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            grabbed = self._state.grabbed
            try:
                reason = self._connection()
            except FAILURES as error:
                reason = safe_name(str(error))
            except Exception as error:
                # a camera's library may raise anything; the thread would end without a word
                reason = f"{self.name} failed: {type(error).__name__}: {safe_name(str(error))}"
            finally:
                self._release()
            gave = self._state.grabbed > grabbed
            attempt = 1 if gave else attempt + 1
            with self._changed:
                if not self._stop.is_set():
                    ended = self._state.interruptions + gave
                    self._tell(phase="waiting", reason=reason, attempt=attempt, interruptions=ended)
            self._stop.wait(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempt - 1, 10)))
        with self._changed:
            self._tell(phase="ended", reason="closed")

    def _connection(self) -> str:
        """Open the source and grab until it ends; why it ended."""
        if self._source is None:
            with self._changed:
                self._tell(phase="opening")
            self._source = self._reopen()
            self._fps = self._source.fps
        source, running, grabbed_at = self._source, False, time.monotonic()
        while not self._stop.is_set():
            if not source.grab():
                return f"{self.name} gives no frames any more." if running else f"{self.name} gives no frames."
            before, grabbed_at = grabbed_at, time.monotonic()
            with self._changed:
                again = {} if running else {"connections": self._state.connections + 1}
                self._tell(phase="running", reason="", attempt=0, grabbed=self._state.grabbed + 1, **again)
                number = self._state.grabbed - 1
                # the first frame is made as well: the second may be an hour away
                somebody = self._waiting > 0 or not running or grabbed_at - before > RARE_S
                wanted = somebody and time.monotonic() - self._delivered_at >= self._period_s
            running = True
            if wanted:
                self._deliver(source.retrieve(), number)
        return ""

    def _deliver(self, frame: Frame | None, number: int) -> None:
        if frame is None:
            return
        self._delivered_at = time.monotonic()
        with self._changed:
            self._newest = replace(frame, number=number, source=self.name)
            self._tell()

    def _release(self) -> None:
        source, self._source = self._source, None
        if source is None:
            return
        try:
            source.close()
        except FAILURES:
            # a device that vanished cannot be closed in order; there is nothing left to do about it
            return


def _not_live(name: str) -> SourceError:
    return SourceError(
        f"{name} is no live source, expected a camera or a network stream. Every frame of it is read in order: open it "
        "with open_source."
    )
