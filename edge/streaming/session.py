"""A stream from its settings to its summary: everything is opened, driven, and closed in order."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from adafocus.edge.recognizer import Recognizer
from adafocus.edge.streaming.analyzer import Teller, View
from adafocus.edge.streaming.events import EventLog
from adafocus.edge.streaming.feeds import Feed, feed_of, length_s, open_stream
from adafocus.edge.streaming.loop import Engine
from adafocus.edge.streaming.settings import Settings
from adafocus.edge.streaming.smoothing import Smoother
from adafocus.edge.streaming.views.preview import Preview
from adafocus.edge.streaming.views.recorder import AnnotatedVideo
from adafocus.edge.streaming.views.terminal import Screen
from adafocus.edge.streaming.window import Window

ENDINGS = (signal.SIGINT, signal.SIGTERM)


def run_stream(bundle: Path, address: str, settings: Settings) -> None:
    """Run a stream until it ends or is told to, and report.

    Args:
        bundle: path of a bundle.
        address: of the source.
        settings: what the user asked for.

    Raises:
        AdafocusError: something cannot be opened, or a live source gives no frame.
    """
    settings.check()
    recognizer = Recognizer.open(bundle, settings.runtime, settings.threads, settings.exit_threshold, incremental=True)
    with ExitStack() as lasting, _ending_on_signals() as stop:
        screen = None if settings.as_json else lasting.enter_context(closing(Screen()))
        log = lasting.enter_context(closing(EventLog.open(settings.events, settings.as_json, _tell(screen))))
        with ExitStack() as running:
            source = running.enter_context(closing(open_stream(address)))
            # of a file that is shorter than a window, all is looked at
            seconds = min(settings.window_s, length_s(source))
            geometry = recognizer.bundle.manifest.geometry
            window = Window(geometry, seconds, settings.max_fps, recurring=recognizer.incremental)
            feed = feed_of(source, window, settings.realtime)
            parts = Parts(recognizer, window, settings, feed.live, screen, log, running)
            feed.kept = None if parts.video is None else parts.video.kept
            log.write("started", **_description(bundle, recognizer, window, feed, settings))
            began_s = time.monotonic()
            try:
                feed.start()
                passed_s = Engine(window, parts.teller, log, settings, parts.tick).run(feed, stop)
                state = feed.state
            finally:
                # before those who are told of its frames
                feed.close()
        # all threads have ended by now, so the counts are final
        took_s = time.monotonic() - began_s
        summary = {"state": state} | _summary(feed, window, parts, passed_s, took_s) | {"events_lost": log.lost}
        log.write("summary", **summary)
        if screen is not None:
            screen.close()
            screen.summary(summary)


class Parts:
    """What takes part beside the source and the window: whoever answers, shows and records."""

    def __init__(
        self,
        recognizer: Recognizer,
        window: Window,
        settings: Settings,
        live: bool,
        screen: Screen | None,
        log: EventLog,
        running: ExitStack,
    ) -> None:
        """Open what was asked for; it is closed by ``running``.

        Raises:
            AdafocusError: there is no display, or a place that cannot be written to.
        """
        size = recognizer.bundle.manifest.geometry.frame_size
        self._window, self._screen = window, screen
        self.preview = running.enter_context(closing(Preview(size))) if settings.preview else None
        self.video: AnnotatedVideo | None = None
        if settings.annotate is not None:
            tell = _tell(screen)

            def warn(sentence: str) -> None:
                tell(sentence)
                log.write("warning", text=sentence)

            video = AnnotatedVideo(settings.annotate, size, 1.0 / window.period_s, live=live, warn=warn)
            self.video = running.enter_context(closing(video))
        shown: list[View] = [view for view in (screen, self.preview, self.video) if view is not None]
        smoother = Smoother(settings.smooth_s, settings.persistence)
        self.teller = Teller(recognizer, smoother, log, tuple(shown), settings.budget)
        self._previewed_s: float | None = None

    def tick(self, status: str) -> bool:
        """Serve the screen and the preview; False where the user closed it."""
        if self._screen is not None:
            self._screen.status(status)
        if self.preview is None:
            return True
        newest_s = self._window.newest_s
        pixels = self._window.newest_frame() if newest_s != self._previewed_s else None
        self._previewed_s = newest_s
        return self.preview.show(pixels)


def _tell(screen: Screen | None) -> Callable[[str], None]:
    """Where sentences go that do not end the stream."""
    return screen.say if screen is not None else lambda sentence: click.echo(f"adafocus: {sentence}", err=True)


@contextmanager
def _ending_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second one ends the program as it would without this."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in ENDINGS}

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in ENDINGS:
        signal.signal(number, end)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _description(
    bundle: Path, recognizer: Recognizer, window: Window, feed: Feed, settings: Settings
) -> dict[str, Any]:
    geometry = recognizer.bundle.manifest.geometry
    return {
        "bundle": str(bundle),
        "name": recognizer.bundle.manifest.name,
        "source": feed.name,
        "live": feed.live,
        "runtime": settings.runtime,
        "threads": settings.threads,
        "window_s": window.seconds,
        "hop_s": settings.hop_s,
        "candidate_frames": geometry.candidate_frames,
        "kept_fps": 1.0 / window.period_s,
        "incremental_glance": recognizer.incremental,
        "window_bytes": window.nbytes,
        "duty": settings.duty,
        "budget": None if settings.budget is None else str(settings.budget),
    }


def _summary(feed: Feed, window: Window, parts: Parts, passed_s: float, took_s: float) -> dict[str, Any]:
    video = parts.video
    recorded = None
    if video is not None and video.written:
        recorded = {"path": str(video.path), "frames": video.written, "left_out": video.left_out}
    return {
        "source": feed.name,
        "seconds": passed_s,
        "took_s": took_s,
        "frames": {**feed.counts(), "missed": window.missed},
        **parts.teller.tally.as_dict(),
        "annotated": recorded,
    }
