"""How frames get from a source into the window: a file that is read, a file that is played, a live source."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.sources import FILE, FiniteSource, Frame, Latest, Source, address_text, kind_of, open_finite
from adafocus.edge.sources.decoders.choice import Decoder
from adafocus.edge.sources.source import safe_name
from adafocus.edge.streaming.audience import Audience
from adafocus.edge.streaming.window import UNUSUAL, Window

# a thread that waits looks this often whether it is to end
POLL_S = 0.25

# frames without progress after which a clock is no longer waited for: half a second of them, within these bounds
FEWEST_STILL, MOST_STILL = 8, 60

# a file that is played is not waited for longer, and does not hurry to make up for more
LONGEST_PAUSE_S = 10.0

FrameCallback = Callable[[NDArray[np.uint8], float], None]


class Feed(Protocol):
    """Fills a window.

    Attributes:
        name: of the source, safe to print.
        live: whether timestamps are moments on the monotonic clock.
        zero_s: moment on the clock of the timestamps at which the stream began.
        fresh: set when a frame was kept.
        on_frame: called with every frame as the window keeps it, uint8 RGB, and its timestamp; set before ``start``.
        audience: is shown frames more often than the window keeps them, if it wants them; set before ``start``.
    """

    name: str
    live: bool
    zero_s: float
    fresh: threading.Event
    on_frame: FrameCallback | None
    audience: Audience | None

    def start(self) -> None:
        """Begin."""
        ...

    @property
    def state(self) -> str:
        """``opening``, ``running``, ``waiting``, ``ended``."""
        ...

    @property
    def reason(self) -> str:
        """Why it waits, in a sentence; empty where all is well."""
        ...

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more."""
        ...

    @property
    def interruptions(self) -> int:
        """How many times a source that gave frames had to be opened again."""
        ...

    def counts(self) -> dict[str, int]:
        """Count frames by what became of them."""
        ...

    def check(self) -> None:
        """Raise what went wrong in a thread."""
        ...

    def close(self) -> None:
        """Join the thread and release the source."""
        ...


class SteadyClock:
    """The clock of a file, carried on where it jumps back or stands still: joined files, damaged time stamps.

    Single frames out of order are left as they are; the window passes them over.
    """

    def __init__(self, fps: float) -> None:
        """Follow a file that states so many frames a second."""
        self._step_s = 1.0 / fps
        self._patience = min(max(FEWEST_STILL, fps / 2), MOST_STILL)
        self._newest_s, self._offset_s, self._still = -math.inf, 0.0, 0

    def moment_s(self, stated_s: float) -> float:
        """Return when the next frame is, on a clock that goes on."""
        moment_s = stated_s + self._offset_s
        self._still = self._still + 1 if moment_s <= self._newest_s else 0
        if self._still > self._patience:
            carried_s = self._newest_s + self._still * self._step_s
            self._offset_s += carried_s - moment_s
            moment_s, self._still = carried_s, 0
        self._newest_s = max(self._newest_s, moment_s)
        return moment_s


class FileFeed:
    """Every frame of a file in order; those that the window does not need are passed without being decoded."""

    live = False
    zero_s = 0.0
    reason = ""
    interruptions = 0

    def __init__(self, source: Source, window: Window) -> None:
        """Read on demand; no thread."""
        self.name, self._source, self._window = source.name, source, window
        self.on_frame: FrameCallback | None = None
        self.audience: Audience | None = None
        self.fresh = threading.Event()
        self.ended = False
        self.position_s = 0.0
        self._clock = SteadyClock(source.fps)
        self._grabbed = self._damaged = 0

    @property
    def state(self) -> str:
        """``running`` or ``ended``."""
        return "ended" if self.ended else "running"

    def start(self) -> None:
        """Do nothing: frames are read when they are asked for."""

    def advance(self) -> bool:
        """Go on to the next frame that is kept; False at the end."""
        while self._source.grab():
            self._grabbed += 1
            moment = self._clock.moment_s(self._source.timestamp_s)
            self.position_s = max(self.position_s, moment)
            if not self._window.wants(moment):
                continue
            frame = self._source.retrieve()
            if frame is None:
                self._damaged += 1
            elif self._keep(replace(frame, timestamp_s=moment)):
                return True
        self.ended = True
        return False

    def _keep(self, frame: Frame) -> bool:
        kept = push(self._window, frame, self.on_frame)
        if kept and self.audience is not None:
            self.audience.see(frame)
        return kept

    def counts(self) -> dict[str, int]:
        """Count frames by what became of them."""
        return {"grabbed": self._grabbed, "kept": self._window.kept, "dropped": 0, "damaged": self._damaged}

    def check(self) -> None:
        """Do nothing: there is no thread."""

    def close(self) -> None:
        """Release the file."""
        self._source.close()


class _ThreadedFeed:
    """A feed with a thread that runs until it is told to stop."""

    live = True

    def __init__(self, name: str, window: Window) -> None:
        self.name, self._window = name, window
        self.on_frame: FrameCallback | None = None
        self.audience: Audience | None = None
        self.zero_s = time.monotonic()
        self.fresh, self._stop = threading.Event(), threading.Event()
        self.ended = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"frames of {name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def check(self) -> None:
        """Raise what went wrong in the thread."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and self._step():
                pass
        except Exception as error:
            # whatever it is, it belongs to the thread that waits for frames
            self._failure = error
        self.ended = True
        self.fresh.set()

    def _step(self) -> bool:
        """Wait for a frame and keep it; False where none will come any more."""
        raise NotImplementedError

    def _push(self, frame: Frame) -> None:
        if push(self._window, frame, self.on_frame):
            self.fresh.set()
        if self.audience is not None and self._picture_due_in_s() <= 0:
            self.audience.see(frame)

    def _picture_due_in_s(self) -> float:
        """Return the seconds until the audience wants a frame, infinite where there is none."""
        return math.inf if self.audience is None else self.audience.picture_due_in_s(time.monotonic())

    def _join(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()


class RealtimeFileFeed(_ThreadedFeed):
    """A file as if it were a live source: frames come at their time, and are dropped where decoding is late.

    Where its clock jumps ahead, or this program was stopped for long, the file goes on from there. A pause like the one
    before it, as in a time lapse, is waited for.
    """

    reason = ""
    interruptions = 0

    def __init__(self, source: Source, window: Window) -> None:
        """Play once ``start`` is called."""
        super().__init__(source.name, window)
        self._source, self._clock = source, SteadyClock(source.fps)
        self._grabbed = self._dropped = 0
        self._played_s = self._usual_gap_s = self._shift_s = 0.0

    @property
    def state(self) -> str:
        """``running`` or ``ended``."""
        return "ended" if self.ended else "running"

    def start(self) -> None:
        """Start playing."""
        self.zero_s = time.monotonic()
        super().start()

    def counts(self) -> dict[str, int]:
        """Count frames by what became of them."""
        return {"grabbed": self._grabbed, "kept": self._window.kept, "dropped": self._dropped}

    def close(self) -> None:
        """Stop playing and release the file."""
        self._join()
        self._source.close()

    def _step(self) -> bool:
        if not self._source.grab():
            return False
        self._grabbed += 1
        moment_s = self._moment_s(self._clock.moment_s(self._source.timestamp_s))
        ahead_s = moment_s - time.monotonic()
        if ahead_s > 0 and self._stop.wait(ahead_s):
            return False
        kept = self._window.wants(moment_s)
        if not kept and self._picture_due_in_s() > 0:
            return True
        # decoding cannot keep up with the file's own pace: what is over is over
        if -ahead_s > self._window.period_s:
            self._dropped += kept
            return True
        frame = self._source.retrieve()
        if frame is not None:
            self._push(replace(frame, timestamp_s=moment_s))
        return True

    def _moment_s(self, stated_s: float) -> float:
        """Return when a frame is due, on the monotonic clock."""
        gap_s, usual_s, self._played_s = stated_s - self._played_s, self._usual_gap_s, stated_s
        self._usual_gap_s = max(gap_s, usual_s / 2)
        ahead_s = self.zero_s + self._shift_s + stated_s - time.monotonic()
        if ahead_s < -LONGEST_PAUSE_S or (ahead_s > LONGEST_PAUSE_S and gap_s > UNUSUAL * usual_s):
            self._shift_s -= ahead_s
        return self.zero_s + self._shift_s + stated_s


class LiveFeed(_ThreadedFeed):
    """A camera or a network stream: the newest frame whenever the window wants one."""

    def __init__(self, latest: Latest, window: Window) -> None:
        """Read once ``start`` is called."""
        super().__init__(latest.name, window)
        self._latest = latest

    @property
    def state(self) -> str:
        """``opening``, ``running``, ``waiting`` for the next attempt to open it, or ``ended``."""
        return self._latest.state.phase

    @property
    def reason(self) -> str:
        """Why it is waiting."""
        return self._latest.state.reason

    @property
    def interruptions(self) -> int:
        """How many connections that gave frames ended."""
        return self._latest.state.interruptions

    def counts(self) -> dict[str, int]:
        """Count frames by what became of them; those that nobody looked at are dropped."""
        state = self._latest.state
        return {"grabbed": state.grabbed, "kept": self._window.kept, "dropped": state.dropped}

    def close(self) -> None:
        """Join the thread and release the source, within a bounded time even where it hangs."""
        self._stop.set()
        self._latest.close()
        self._join()

    def _step(self) -> bool:
        if self._stop.wait(min(POLL_S, self._due_in_s())):
            return False
        if self._due_in_s() > 0:
            return True
        frame = self._latest.read(POLL_S)
        if frame is not None:
            self._push(frame)
        return self._latest.state.phase != "ended"

    def _due_in_s(self) -> float:
        """Return the seconds until the window or the audience wants a frame."""
        return min(self._window.due_in_s(time.monotonic()), self._picture_due_in_s())


def push(window: Window, frame: Frame, on_frame: FrameCallback | None) -> bool:
    """Keep a frame where the window wants it, and hand it on; return whether it was kept."""
    if not window.push(frame):
        return False
    pixels = window.newest_frame() if on_frame is not None else None
    if on_frame is not None and pixels is not None:
        on_frame(pixels, frame.timestamp_s)
    return True


def open_stream(address: str, patience_s: float, decoder: Decoder | None = None) -> Latest | FiniteSource:
    """Open a source of any kind.

    Args:
        address: a file, a camera, or a network stream. A live source may come later.
        patience_s: how long a frame of a slow live source may take.
        decoder: in hardware, of files and network streams; None: software.

    Raises:
        SourceError: the address means nothing that is known.
        VideoError: a file that cannot be read.
    """
    kind = kind_of(address)
    decoder = decoder or Decoder()
    if kind == FILE:
        return decoder.open_file(address, lambda: open_finite(address)) or open_finite(address)
    if kind.name != "network":
        decoder.not_for(safe_name(address))
    if not kind.live:
        return open_finite(address)
    if kind.name != "network":
        return Latest.open(address, patient=True)
    from adafocus.edge.sources.network import Reopener

    opener = Reopener(address_text(address), patience_s)

    def reopen() -> Source:
        return decoder.open_stream(opener.address, opener) or opener()

    return Latest(reopen, safe_name(opener.address))


def length_s(source: Latest | FiniteSource) -> float:
    """Return how long a source says it is, in seconds; infinite where it is live, or says nothing."""
    if isinstance(source, Latest) or not source.stated_frames:
        return math.inf
    return source.stated_frames / source.fps


def feed_of(source: Latest | FiniteSource, window: Window, realtime: bool) -> Feed:
    """Choose how the frames of a source get into the window; ``realtime`` plays a file at its own pace."""
    if isinstance(source, Latest):
        return LiveFeed(source, window)
    return RealtimeFileFeed(source, window) if realtime else FileFeed(source, window)
