"""A stream from its settings to its summary: everything is opened, driven, and closed in order."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click

from adafocus.edge.budget.costs import Costs
from adafocus.edge.budget.joules import EnergyCosts
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources.decoders.choice import Decoder
from adafocus.edge.streaming.analyzer import Analyzer, View
from adafocus.edge.streaming.audience import Audience, Running
from adafocus.edge.streaming.events import EventLog
from adafocus.edge.streaming.feeds import Feed, feed_of, length_s, open_stream
from adafocus.edge.streaming.loop import StreamLoop
from adafocus.edge.streaming.settings import Settings
from adafocus.edge.streaming.smoothing import Smoother
from adafocus.edge.streaming.views.preview import Preview
from adafocus.edge.streaming.views.recorder import AnnotatedVideo
from adafocus.edge.streaming.views.terminal import TerminalView
from adafocus.edge.streaming.window import Window

ENDINGS = (signal.SIGINT, signal.SIGTERM)


Warn = Callable[[str], None]
OpenEnergy = Callable[[Recognizer, Warn], AbstractContextManager[EnergyCosts]]


def run_stream(
    bundle: Path,
    address: str,
    settings: Settings,
    energy: OpenEnergy | None = None,
    audience: Audience | None = None,
) -> None:
    """Run a stream until it ends or is told to, and report.

    Args:
        bundle: path of a bundle.
        address: of the source.
        settings: what the user asked for.
        energy: opens what a budget in joules is charged from; None with a budget in another unit.
        audience: is shown the stream.

    Raises:
        AdafocusError: something cannot be opened, or a live source gives no frame.
    """
    settings.check()
    recognizer = Recognizer.open(
        bundle,
        settings.runtime,
        settings.threads,
        settings.exit_threshold,
        incremental=True,
        accelerator=settings.accelerator,
    )
    with ExitStack() as lasting, _ending_on_signals() as stop:
        silent = settings.as_json or settings.quiet
        terminal = None if silent else lasting.enter_context(closing(TerminalView()))
        hear = None if audience is None else audience.hear
        log = lasting.enter_context(closing(EventLog.open(settings.events, settings.as_json, _warner(terminal), hear)))
        outputs = Outputs(terminal, log)
        with ExitStack() as running:
            costs = None if energy is None else running.enter_context(energy(recognizer, outputs.warn))
            decoder = Decoder(settings.decoder, outputs.warn)
            source = running.enter_context(closing(open_stream(address, settings.patience_s, decoder)))
            # a file that is shorter than a window is one window
            seconds = min(settings.window_s, length_s(source))
            geometry = recognizer.bundle.manifest.geometry
            recurring, numbered = recognizer.incremental, recognizer.looks_back
            window = Window(geometry, seconds, settings.max_fps, recurring=recurring, numbered=numbered)
            feed = feed_of(source, window, settings.realtime)
            pipeline = Pipeline(recognizer, window, settings, feed.live, outputs, running, costs, audience)
            feed.on_frame = None if pipeline.video is None else pipeline.video.add_frame
            feed.audience = audience
            if audience is not None:
                audience.begin(Running(recognizer, feed.name, feed.live, window.seconds, 1.0 / window.period_s))
            log.write("started", **_description(bundle, recognizer, window, feed, settings))
            for note in () if costs is None else costs.notes:
                outputs.warn(note)
            if terminal is not None and recognizer.elsewhere is not None:
                terminal.warn(recognizer.elsewhere)
            began_s = time.monotonic()
            try:
                feed.start()
                loop = StreamLoop(window, pipeline.analyzer, log, settings, pipeline.tick, outputs.warn, audience)
                passed_s = loop.run(feed, stop)
                state = feed.state
            finally:
                # before the views that take its frames
                feed.close()
        # all threads have ended by now, so the counts are final
        took_s = time.monotonic() - began_s
        summary = (
            {"state": state, "decoder": decoder.used}
            | _summary(feed, window, pipeline, passed_s, took_s)
            | {"events_lost": log.lost}
        )
        log.write("summary", **summary)
        if terminal is not None:
            terminal.close()
            terminal.summary(summary)


@dataclass(frozen=True)
class Outputs:
    """Where a stream says what happens: the terminal, None where events are printed, and the events."""

    terminal: TerminalView | None
    log: EventLog

    def warn(self, sentence: str) -> None:
        """Say something that does not end the stream."""
        _warner(self.terminal)(sentence)
        self.log.write("warning", text=sentence)


class Pipeline:
    """What stands behind the window: the analyzer, and the views of its results."""

    def __init__(
        self,
        recognizer: Recognizer,
        window: Window,
        settings: Settings,
        live: bool,
        outputs: Outputs,
        running: ExitStack,
        costs: Costs | None = None,
        audience: Audience | None = None,
    ) -> None:
        """Open what was asked for; it is closed by ``running``.

        Args:
            recognizer: an opened bundle.
            window: filled by the source.
            settings: what the user asked for.
            live: whether the source does not wait.
            outputs: where results and warnings go.
            running: closes what is opened.
            costs: of clips, where the budget cannot find them out by itself.
            audience: is given every prediction with its clip.

        Raises:
            AdafocusError: there is no display, or a place that cannot be written to.
        """
        terminal = outputs.terminal
        self._window, self._terminal = window, terminal
        self.preview = running.enter_context(closing(Preview())) if settings.preview else None
        self.video: AnnotatedVideo | None = None
        if settings.annotate is not None:
            video = AnnotatedVideo(settings.annotate, 1.0 / window.period_s, live=live, warn=outputs.warn)
            self.video = running.enter_context(closing(video))
        shown: list[View] = [view for view in (terminal, self.preview, self.video) if view is not None]
        smoother = Smoother(settings.smooth_s, settings.persistence)
        self.analyzer = Analyzer(recognizer, smoother, outputs.log, tuple(shown), settings.budget, costs, audience)
        self._previewed_s: float | None = None

    def tick(self, status: str) -> bool:
        """Serve the terminal and the preview; False where the user closed it."""
        if self._terminal is not None:
            self._terminal.status(status)
        if self.preview is None:
            return True
        newest_s = self._window.newest_s
        pixels = self._window.newest_frame() if newest_s != self._previewed_s else None
        self._previewed_s = newest_s
        return self.preview.show(pixels)


def _warner(terminal: TerminalView | None) -> Warn:
    """Return where sentences go that do not end the stream."""
    return terminal.warn if terminal is not None else lambda sentence: click.echo(f"adafocus: {sentence}", err=True)


@contextmanager
def _ending_on_signals() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set; a second one ends the program as it would without this."""
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
        "ran_on": recognizer.ran_on,
        "window_s": window.seconds,
        "hop_s": settings.hop_s,
        "candidate_frames": geometry.candidate_frames,
        "kept_fps": 1.0 / window.period_s,
        "incremental_glance": recognizer.incremental,
        "window_bytes": window.nbytes,
        "duty": settings.duty,
        "budget": None if settings.budget is None else str(settings.budget),
    }


def _summary(feed: Feed, window: Window, pipeline: Pipeline, passed_s: float, took_s: float) -> dict[str, Any]:
    video = pipeline.video
    recorded = None
    if video is not None and video.written:
        recorded = {"path": str(video.path), "frames": video.written, "left_out": video.left_out}
    return {
        "source": feed.name,
        "seconds": passed_s,
        "took_s": took_s,
        "frames": {**feed.counts(), "missed": window.missed},
        "interruptions": feed.interruptions,
        "outages": window.outages,
        **pipeline.analyzer.statistics.as_dict(),
        "budget": pipeline.analyzer.budget_state,
        "annotated": recorded,
    }
