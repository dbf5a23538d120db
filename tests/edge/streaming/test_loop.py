"""The loop over real frames of a source that can be told to fail."""

from __future__ import annotations

import gc
import json
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources import Frame, Latest, VideoFile
from adafocus.edge.streaming.analyzer import Analyzer
from adafocus.edge.streaming.events import EventLog
from adafocus.edge.streaming.feeds import Feed, FileFeed, LiveFeed, RealtimeFileFeed
from adafocus.edge.streaming.loop import StreamLoop
from adafocus.edge.streaming.settings import Settings
from adafocus.edge.streaming.smoothing import Persistence, Smoother
from adafocus.edge.streaming.window import Window
from adafocus.errors import SourceError, VideoError

ALWAYS = Persistence(enter=0.0, leave=0.0, windows=1)


class Paced:
    """A live source of a real clip's frames, which breaks after a number of them."""

    name, live, fps = "paced clip", True, 30.0

    def __init__(self, clip: Path, frames: int) -> None:
        self._file, self._left = VideoFile(clip), frames
        self.timestamp_s = 0.0

    def grab(self) -> bool:
        self._left -= 1
        if self._left < 0 or not self._file.grab():
            return False
        time.sleep(1 / self.fps)
        self.timestamp_s = time.monotonic()
        return True

    def retrieve(self) -> Frame | None:
        frame = self._file.retrieve()
        return None if frame is None else Frame(frame.pixels, 0, self.timestamp_s, self.name)

    def close(self) -> None:
        self._file.close()


@pytest.fixture(scope="module")
def recognizer(shipped_bundle: Bundle) -> Recognizer:
    return Recognizer.open(shipped_bundle, threads=1)


def drive(
    recognizer: Recognizer, feed: Feed, window: Window, settings: Settings, path: Path, stop: threading.Event
) -> list[dict[str, Any]]:
    log = EventLog.open(path)
    analyzer = Analyzer(recognizer, Smoother(settings.smooth_s, ALWAYS), log)
    try:
        feed.start()
        StreamLoop(window, analyzer, log, settings).run(feed, stop)
    finally:
        feed.close()
        log.close()
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_outage_takes_the_label_back_and_the_source_is_found_again(
    recognizer: Recognizer, real_videos: list[Path], tmp_path: Path
) -> None:
    opened: list[float] = []

    def reopen() -> Paced:
        opened.append(time.monotonic())
        if len(opened) == 2:
            raise SourceError("the camera is away.")
        return Paced(real_videos[1], 60 if len(opened) == 1 else 10**6)

    window = Window(recognizer.bundle.manifest.geometry, 0.5)
    stop = threading.Event()
    threading.Timer(12.0, stop.set).start()
    feed = LiveFeed(Latest(reopen, "paced clip"), window)
    events = drive(recognizer, feed, window, Settings(hop_s=0.2), tmp_path / "events.jsonl", stop)
    states = [event["state"] for event in events if event["event"] == "source"]
    first, away = states.index("running"), states.index("waiting")
    again = states.index("running", away)
    assert first < away < again
    kinds = [(event["event"], event.get("state"), event.get("to")) for event in events]
    waiting = kinds.index(("source", "waiting", None))
    assert ("switched", None, None) in kinds[waiting:]
    answered = [place for place, kind in enumerate(kinds) if kind[0] == "answer"]
    assert answered[0] < waiting < answered[-1]
    assert not any("paced clip" in thread.name for thread in threading.enumerate())


def test_an_outage_that_ends_while_a_window_is_analyzed_is_counted_and_takes_the_label_back(
    recognizer: Recognizer, real_videos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device so slow that nobody looks at the source in between."""
    opened: list[int] = []

    def reopen() -> Paced:
        opened.append(1)
        return Paced(real_videos[1], 20 if len(opened) == 1 else 10**6)

    real = Recognizer.recognize_clip

    def slow(self: Recognizer, *given: Any, **named: Any) -> Any:
        # until the source is away and back
        deadline = time.monotonic() + 10
        while feed.interruptions == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        while window.outages == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        return real(self, *given, **named)

    monkeypatch.setattr(Recognizer, "recognize_clip", slow)
    window, stop = Window(recognizer.bundle.manifest.geometry, 0.4), threading.Event()
    threading.Timer(4.0, stop.set).start()
    feed = LiveFeed(Latest(reopen, "paced clip"), window)
    events = drive(recognizer, feed, window, Settings(window_s=0.4, hop_s=0.2), tmp_path / "events.jsonl", stop)
    assert [event["interruptions"] for event in events if event["event"] == "source"][-1] == 1
    assert feed.interruptions == 1
    assert window.outages >= 1
    assert [event["to"] for event in events if event["event"] == "switched"][1] is None


def test_what_goes_wrong_in_the_thread_is_raised_where_answers_are_made(
    recognizer: Recognizer, real_videos: list[Path], tmp_path: Path
) -> None:
    class Broken(VideoFile):
        def retrieve(self) -> Frame | None:
            raise VideoError("the decoder has had enough.")

    window = Window(recognizer.bundle.manifest.geometry, 1.0)
    feed = RealtimeFileFeed(Broken(real_videos[1]), window)
    with pytest.raises(VideoError, match="had enough"):
        drive(recognizer, feed, window, Settings(), tmp_path / "events.jsonl", threading.Event())


def test_a_live_source_without_a_frame_ends_the_stream_in_time(
    recognizer: Recognizer, real_videos: list[Path], tmp_path: Path
) -> None:
    window = Window(recognizer.bundle.manifest.geometry, 1.0)
    feed = LiveFeed(Latest(lambda: Paced(real_videos[1], 0), "paced clip"), window)
    with pytest.raises(SourceError, match=r"no frame within 0\.5 s"):
        drive(recognizer, feed, window, Settings(patience_s=0.5), tmp_path / "events.jsonl", threading.Event())


def test_a_played_file_that_cannot_be_decoded_in_time_drops_frames_and_keeps_time(
    real_videos: list[Path], recognizer: Recognizer
) -> None:
    class Slow(VideoFile):
        def retrieve(self) -> Frame | None:
            time.sleep(0.3)
            return super().retrieve()

    window = Window(recognizer.bundle.manifest.geometry, 1.0)
    feed = RealtimeFileFeed(Slow(real_videos[0]), window)
    began = time.monotonic()
    feed.start()
    while not feed.ended and time.monotonic() - began < 20:
        time.sleep(0.05)
    feed.close()
    assert time.monotonic() - began < 10
    counts = feed.counts()
    assert counts["dropped"] > 0
    assert counts["kept"] < 20
    assert window.newest_s is not None
    assert window.newest_s <= feed.zero_s + 4.0


def test_a_duty_cycle_rests_between_windows(recognizer: Recognizer, real_videos: list[Path], tmp_path: Path) -> None:
    window = Window(recognizer.bundle.manifest.geometry, 2.0)
    began = time.monotonic()
    settings = Settings(window_s=2.0, hop_s=0.5, duty=0.25, for_s=4.0)
    feed = FileFeed(VideoFile(real_videos[1]), window)
    events = drive(recognizer, feed, window, settings, tmp_path / "events.jsonl", threading.Event())
    computed_ms = sum(event["compute_ms"]["total"] for event in events if event["event"] == "answer")
    assert computed_ms > 0
    assert time.monotonic() - began >= computed_ms / 1e3 / 0.25 * 0.95


def test_no_frame_of_the_source_outlives_its_window(
    recognizer: Recognizer, real_videos: list[Path], tmp_path: Path
) -> None:
    seen: list[weakref.ref[np.ndarray]] = []

    class Watched(VideoFile):
        def retrieve(self) -> Frame | None:
            frame = super().retrieve()
            if frame is not None:
                seen.append(weakref.ref(frame.pixels))
            return frame

    window = Window(recognizer.bundle.manifest.geometry, 1.0)
    feed = FileFeed(Watched(real_videos[0]), window)
    drive(recognizer, feed, window, Settings(hop_s=0.5), tmp_path / "events.jsonl", threading.Event())
    gc.collect()
    assert len(seen) > 20
    assert all(reference() is None for reference in seen)
