"""Whoever is shown a stream sees frames as often as it wants, and takes none from the window."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources import Frame, Latest, VideoFile
from adafocus.edge.streaming.analyzer import Analyzer
from adafocus.edge.streaming.audience import Audience
from adafocus.edge.streaming.events import EventLog
from adafocus.edge.streaming.feeds import Feed, LiveFeed, RealtimeFileFeed
from adafocus.edge.streaming.loop import StreamLoop
from adafocus.edge.streaming.settings import Settings
from adafocus.edge.streaming.smoothing import Persistence, Smoother
from adafocus.edge.streaming.window import Window
from adafocus.errors import SourceError
from tests.helpers.numpy_bundle import NumpyOpener, numpy_bundle
from tests.helpers.videos import write_video

# a frame is kept every half a second, so that a busy machine misses none
FPS, LASTS_S, WINDOW_S = 50.0, 0.8, 6.0


class Looker(Audience):
    """Wants a picture every so many seconds."""

    def __init__(self, period_s: float) -> None:
        self._period_s, self._due_s = period_s, -math.inf
        self.seen: list[float] = []
        self.heard: list[str] = []
        self.ticks = 0

    def picture_due_in_s(self, now_s: float) -> float:
        return max(0.0, self._due_s - now_s) if math.isfinite(self._period_s) else math.inf

    def see(self, frame: Frame) -> None:
        self._due_s = time.monotonic() + self._period_s
        self.seen.append(frame.timestamp_s)

    def hear(self, event: object) -> None:
        self.heard.append(event["event"])  # type: ignore[index]

    def tick(self, counts: object) -> None:
        self.ticks += 1


class Camera:
    """Gives a frame every 20 ms."""

    name, live, fps = "camera", True, FPS

    def __init__(self) -> None:
        self.timestamp_s = 0.0

    def grab(self) -> bool:
        time.sleep(1 / FPS)
        self.timestamp_s = time.monotonic()
        return True

    def retrieve(self) -> Frame | None:
        return Frame(np.zeros((20, 30, 3), np.uint8), 0, self.timestamp_s, self.name)

    def close(self) -> None:
        pass


def live(window: Window, path: Path) -> Feed:
    return LiveFeed(Latest(Camera, "camera"), window)


def played(window: Window, path: Path) -> Feed:
    return RealtimeFileFeed(VideoFile(write_video(path / "clip.mp4", 60)), window)


@pytest.mark.parametrize("feed_of", [live, played])
@pytest.mark.parametrize(("period_s", "least", "most"), [(0.05, 5, 20), (math.inf, 0, 0)])
def test_pictures_come_at_their_own_pace_and_the_window_keeps_what_it_wants(
    feed_of: Callable[[Window, Path], Feed], period_s: float, least: int, most: int, tmp_path: Path
) -> None:
    window = Window(numpy_bundle().manifest.geometry, WINDOW_S)
    feed, looker = feed_of(window, tmp_path), Looker(period_s)
    feed.audience = looker
    feed.start()
    time.sleep(LASTS_S)
    feed.close()
    feed.check()
    assert least <= len(looker.seen) <= most
    assert window.missed == 0
    assert 1 <= window.kept <= 3


def test_whoever_insists_waits_for_a_camera_that_does_not_come(tmp_path: Path) -> None:
    def away() -> Camera:
        raise SourceError("the camera is away.")

    bundle = numpy_bundle()
    recognizer = Recognizer(bundle, "litert", 1, None, NumpyOpener())
    for insistent in (True, False):
        looker, stop = Looker(math.inf), threading.Event()
        log = EventLog(hear=looker.hear)
        analyzer = Analyzer(recognizer, Smoother(0.0, Persistence(0.0, 0.0, 1)), log, audience=looker)
        window = Window(bundle.manifest.geometry, 0.4)
        feed = LiveFeed(Latest(away, "camera"), window)
        loop = StreamLoop(window, analyzer, log, Settings(patience_s=0.2, insistent=insistent), audience=looker)
        threading.Timer(0.5, stop.set).start()
        feed.start()
        try:
            if insistent:
                loop.run(feed, stop)
                assert stop.is_set()
            else:
                with pytest.raises(SourceError, match="the camera is away"):
                    loop.run(feed, stop)
        finally:
            feed.close()
        assert looker.ticks > 3
        assert "source" in looker.heard
