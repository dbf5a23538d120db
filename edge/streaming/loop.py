"""The loop: source, window, analyzer, once every hop. It ends when told to, in time, or with the source."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from adafocus.edge.streaming.analyzer import Analyzer
from adafocus.edge.streaming.audience import Audience
from adafocus.edge.streaming.events import EventLog
from adafocus.edge.streaming.feeds import Feed, FileFeed
from adafocus.edge.streaming.settings import Settings
from adafocus.edge.streaming.window import Span, Window
from adafocus.errors import SourceError


class Schedule:
    """When windows are due: plain arithmetic on a clock that does not jump."""

    def __init__(self, hop_s: float, duty: float = 1.0) -> None:
        """Plan the first window.

        Args:
            hop_s: seconds from one result to the next.
            duty: share of the time that may be spent on computing, above 0, at most 1.
        """
        self.hop_s, self.duty = hop_s, duty
        self.due_s = -math.inf

    def rest_s(self, computed_s: float) -> float:
        """Return how long to rest after so much computing, in seconds."""
        return computed_s * (1.0 / self.duty - 1.0)

    def finish(self, started_s: float, finished_s: float, ready_s: float | None = None) -> float:
        """Plan the next window once one is done.

        A window that was due while an earlier one was still computed starts at once; those that were missed are left
        out. After a time without frames the hops are counted anew.

        Args:
            started_s: when the work on the window began.
            finished_s: when its result was there.
            ready_s: when its first frame was there that was not older than the plan; None: when the work began.

        Returns:
            How much later than a hop the result was there; 0 where it was in time. A rest is no lateness.
        """
        ready_s = started_s if ready_s is None else ready_s
        begun_s = self.due_s if ready_s - self.due_s <= self.hop_s else ready_s
        planned_s = begun_s + self.hop_s
        self.due_s = max(planned_s, finished_s + self.rest_s(finished_s - started_s))
        return max(0.0, finished_s - planned_s)


# a loop that waits looks this often whether it is told to end, and serves a preview
POLL_S = 0.05
# windows in a row with too few frames after which a source is said to be slow
FEW_WINDOWS = 3

Tick = Callable[[str], bool]
Warn = Callable[[str], None]


class StreamLoop:
    """Drives one source. Windows are analyzed in the thread that calls :meth:`run`; live feeds have their own."""

    def __init__(
        self,
        window: Window,
        analyzer: Analyzer,
        log: EventLog,
        settings: Settings,
        tick: Tick | None = None,
        warn: Warn | None = None,
        audience: Audience | None = None,
    ) -> None:
        """Start with an empty window.

        Args:
            window: which the feed fills.
            analyzer: recognizes windows.
            log: gets ``source`` and ``late`` events.
            settings: what the user asked for.
            tick: called often from the running thread with a line on the source's state; False ends the stream.
            warn: called once with a sentence where the window is too short for the source.
            audience: is told that the loop is alive.
        """
        self._window, self._analyzer, self._log, self._settings = window, analyzer, log, settings
        self._tick = tick or (lambda status: True)
        self._warn, self._audience = warn, audience
        self._schedule = Schedule(settings.hop_s, settings.duty)
        self._analyzed_s: float | None = None
        self._lost_s: float | None = None
        self._outages = self._few = 0
        self._late = False
        self._began_s = 0.0

    def run(self, feed: Feed, stop: threading.Event) -> float:
        """Go through a source.

        Args:
            feed: opened; it is closed by whoever opened it.
            stop: ends the stream when set.

        Returns:
            Seconds of the source that were analyzed.

        Raises:
            SourceError: a live source that gave no frame in time.
        """
        self._began_s = time.monotonic()
        if isinstance(feed, FileFeed):
            return self._run_file(feed, stop)
        self._run_live(feed, stop)
        return time.monotonic() - self._began_s

    def _run_file(self, feed: FileFeed, stop: threading.Event) -> float:
        """Go as fast as possible; the clock is that of the file, and every frame of it is passed."""
        self._log_state(feed, "running")
        while self._continues(feed, stop, feed.position_s) and feed.advance():
            newest = self._window.newest_s
            if newest is not None and newest >= self._schedule.due_s:
                stop.wait(self._schedule.rest_s(self._analyze(feed, self._settings.eager)))
        self._analyze_short_source(feed)
        return feed.position_s

    def _run_live(self, feed: Feed, stop: threading.Event) -> None:
        """Analyze the newest frames every hop, and watch what the source does meanwhile."""
        state, interruptions, since_s = "", 0, self._began_s
        while self._continues(feed, stop, time.monotonic() - self._began_s):
            now_s = time.monotonic()
            # an interruption may be over before anybody looks
            if feed.state != state or feed.interruptions != interruptions:
                before, state, interruptions = state, feed.state, feed.interruptions
                more = {"before": before, "lasted_s": now_s - since_s, "interruptions": interruptions}
                self._log_state(feed, state, **more)
                since_s = now_s
            newest_s = self._window.newest_s
            over = now_s - self._began_s > self._settings.patience_s and not self._settings.insistent
            if newest_s is None and over:
                raise SourceError(
                    f"{feed.name} gave no frame within {self._settings.patience_s:g} s. "
                    f"{feed.reason or 'Check that it is on and its address is right.'} To wait longer: --patience 60s"
                )
            if self._window.outages != self._outages:
                # it ended while nobody looked
                self._outages = self._window.outages
                self._analyzer.reset(now_s - feed.zero_s)
            if self._is_due(now_s):
                self._analyze(feed, self._settings.eager)
            elif newest_s is not None and newest_s != self._lost_s and now_s - newest_s > self._window.outage_s:
                self._lose(feed, newest_s)
            elif feed.fresh.wait(POLL_S):
                feed.fresh.clear()
        self._analyze_short_source(feed)

    def _lose(self, feed: Feed, newest_s: float) -> None:
        """Take the label back where no frame came for so long that nobody knows what happens.

        A first frame without a second one may be that of a very slow source: it is answered as it is.
        """
        self._lost_s = newest_s
        self._analyzer.reset(newest_s - feed.zero_s)
        if self._window.kept == 1:
            self._analyze(feed, eager=True)

    def _is_due(self, now_s: float) -> bool:
        """Return whether to analyze now: once a hop has passed, as soon as the next frame is kept, so that it is fresh.

        A window that is late starts at once, with the newest frame there is.
        """
        newest_s, due_s = self._window.newest_s, self._schedule.due_s
        if newest_s is None or newest_s == self._analyzed_s or now_s < due_s:
            return False
        return self._late or newest_s >= due_s

    def _analyze_short_source(self, feed: Feed) -> None:
        """Analyze a source once, with what there is, where it ended before a window was full."""
        if feed.ended and self._analyzer.statistics.results == 0:
            self._analyze(feed, eager=True)

    def _analyze(self, feed: Feed, eager: bool) -> float:
        """Analyze the newest window if it is full; return the seconds that it took."""
        started_s = time.monotonic()
        ready_s = self._window.first_since(self._schedule.due_s)
        cut = self._window.clip(eager=eager)
        self._analyzed_s = self._window.newest_s
        if cut is None:
            if feed.live:
                # what is not full yet was not due
                self._schedule.due_s = started_s
            return 0.0
        clip, span = cut
        captured_s = span.end_s if feed.live else span.newest_arrived_s
        result = self._analyzer.analyze(clip, span, captured_s, feed.zero_s)
        self._check_window(span, feed.name)
        finished_s = time.monotonic()
        statistics = self._analyzer.statistics
        if feed.live:
            late_s = self._schedule.finish(started_s, finished_s, ready_s)
            self._late = late_s > 0
            if self._late:
                statistics.late += 1
                self._log.write("late", number=result.number, by_ms=1e3 * late_s, total=statistics.late)
        else:
            self._schedule.finish(span.end_s, span.end_s)
        statistics.memory.sample(finished_s - self._began_s)
        return finished_s - started_s

    def _check_window(self, span: Span, name: str) -> None:
        """Say once which window would do, where this one holds fewer frames than the networks look at."""
        window = self._window
        # a file that is shorter than a window cannot fill a longer one
        whole = (span.filled >= 1.0 or window.sparse) and window.seconds >= self._settings.window_s
        self._few = self._few + 1 if whole and span.frames < window.frames_looked_at else 0
        # a source that stalls once is not slow
        if self._warn is None or self._few < (1 if window.sparse else FEW_WINDOWS):
            return
        warn, self._warn = self._warn, None
        gap_s, looked_at = window.usual_gap_s, window.frames_looked_at
        frames = "1 frame" if span.frames == 1 else f"{span.frames} different frames"
        warn(
            f"{name} gives a frame every {gap_s:.3g} s, so a window of {window.seconds:g} s holds {frames} where up to "
            f"{looked_at} are looked at. Predictions are made from what is there. To give them {looked_at}: --window "
            f"{math.ceil(looked_at * gap_s)}s"
        )

    def _continues(self, feed: Feed, stop: threading.Event, passed_s: float) -> bool:
        feed.check()
        limit_s = self._settings.for_s
        over = limit_s is not None and passed_s >= limit_s
        counts = feed.counts()
        if self._audience is not None:
            self._audience.tick({**counts, "missed": self._window.missed})
        status = ", ".join([feed.state, *(f"{value} {name}" for name, value in counts.items())])
        return not (stop.is_set() or over or feed.ended or self._log.reader_left) and self._tick(status)

    def _log_state(self, feed: Feed, state: str, **more: Any) -> None:
        why = {"reason": feed.reason} if feed.reason else {}
        self._log.write("source", state=state, source=feed.name, **why, frames=feed.counts(), **more)
