"""Sources slower than a window, and clocks of files that jump back or stand still."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources import Frame, Latest, network
from adafocus.edge.sources.network import Reopener
from adafocus.edge.streaming import feeds
from adafocus.edge.streaming.analyzer import Analyzer
from adafocus.edge.streaming.events import EventLog
from adafocus.edge.streaming.feeds import Feed, FileFeed, LiveFeed, RealtimeFileFeed, SteadyClock, open_stream
from adafocus.edge.streaming.loop import StreamLoop
from adafocus.edge.streaming.settings import Settings
from adafocus.edge.streaming.smoothing import Persistence, Smoother
from adafocus.edge.streaming.window import Window
from tests.helpers.mjpeg_server import MjpegServer
from tests.helpers.numpy_bundle import FOCUS_FRAMES, NumpyOpener, numpy_bundle

Event = dict[str, Any]


class Times:
    """A source with frames at given times; ``rate`` is what it states."""

    name, live = "times", False

    def __init__(self, times: Sequence[float], rate: float = 25.0) -> None:
        self._times, self.fps, self.number = list(times), rate, -1

    @property
    def timestamp_s(self) -> float:
        return self._times[self.number]

    def grab(self) -> bool:
        self.number += 1
        return self.number < len(self._times)

    def retrieve(self) -> Frame:
        level = 20 * self.number % 256
        return Frame(np.full((24, 32, 3), level, np.uint8), self.number, self.timestamp_s, self.name)

    def close(self) -> None:
        pass


class Live(Times):
    """A camera with frames at given times after it was opened."""

    live = True

    def __init__(self, times: Sequence[float]) -> None:
        super().__init__(times)
        self._zero_s = time.monotonic()
        self._moment_s = 0.0

    @property
    def timestamp_s(self) -> float:
        return self._moment_s

    def grab(self) -> bool:
        if not super().grab():
            time.sleep(60)
            return False
        time.sleep(max(0.0, self._zero_s + self._times[self.number] - time.monotonic()))
        self._moment_s = time.monotonic()
        return True


def drive(feed: Feed, window: Window, path: Path, settings: Settings) -> tuple[list[Event], list[str]]:
    """Return events and warnings of a stream."""
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    log, told = EventLog.open(path / "events.jsonl"), list[str]()
    analyzer = Analyzer(recognizer, Smoother(settings.smooth_s, Persistence(0.0, 0.0, windows=1)), log)
    try:
        feed.start()
        StreamLoop(window, analyzer, log, settings, warn=told.append).run(feed, threading.Event())
    finally:
        feed.close()
        log.close()
    return [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()], told


def stream(
    times: Sequence[float], path: Path, window_s: float = 4.0, rate: float = 25.0, hop_s: float = 1.0
) -> tuple[list[Event], list[str]]:
    """Return the answers and the warnings for a file."""
    window = Window(numpy_bundle().manifest.geometry, window_s)
    feed = FileFeed(Times(times, rate), window)
    events, told = drive(feed, window, path, Settings(window_s=window_s, hop_s=hop_s))
    return [event for event in events if event["event"] == "answer"], told


def regular(gap_s: float, count: int, start_s: float = 0.0) -> list[float]:
    return [start_s + gap_s * number for number in range(count)]


@pytest.mark.parametrize(
    ("gap_s", "count", "advised"), [(10.0, 12, 60), (4.5, 20, 27), (60.0, 5, 360), (3600.0, 4, 21600)]
)
def test_a_time_lapse_is_answered_from_every_frame_and_a_window_advised(
    gap_s: float, count: int, advised: int, tmp_path: Path
) -> None:
    answers, told = stream(regular(gap_s, count), tmp_path)
    # whether the first frame is one of a slow source is known when the second one comes
    assert [answer["window"]["end_s"] for answer in answers] == regular(gap_s, count)[1:]
    assert {answer["window"]["frames"] for answer in answers} == {1}
    assert len(told) == 1
    assert f"a frame every {gap_s:.3g} s" in told[0]
    assert f"holds 1 frame where up to {FOCUS_FRAMES} are looked at" in told[0]
    assert told[0].endswith(f"--window {advised}s")
    assert FOCUS_FRAMES * gap_s == advised


@pytest.mark.parametrize("gap_s", [10.0, 4.5, 60.0])
def test_the_window_that_is_advised_does(gap_s: float, tmp_path: Path) -> None:
    _, told = stream(regular(gap_s, 30), tmp_path)
    advised = float(told[0].rpartition(" ")[2].removesuffix("s"))
    (tmp_path / "again").mkdir()
    answers, told = stream(regular(gap_s, 30), tmp_path / "again", window_s=advised)
    assert told == []
    assert len(answers) >= 20
    assert min(answer["window"]["frames"] for answer in answers) >= FOCUS_FRAMES


@pytest.mark.parametrize(("gap_s", "frames"), [(1.0, 4), (1.5, 3), (2.0, 2), (3.0, 2), (3.9, 2)])
def test_a_window_with_fewer_frames_than_are_looked_at_is_answered_and_told(
    gap_s: float, frames: int, tmp_path: Path
) -> None:
    answers, told = stream(regular(gap_s, 20), tmp_path)
    assert len(answers) >= 16
    assert len(told) == 1
    assert abs(int(told[0].partition("holds ")[2].split()[0]) - frames) <= 1


@pytest.mark.parametrize(
    "gaps",
    [[3.5, 4.1], [3.9, 4.1], [1.0, 5.0], [0.2, 0.2, 8.0], [5.0, 20.0], [4.1, 4.0, 4.2, 3.9]],
    ids=str,
)
def test_a_slow_source_with_an_uneven_pace_is_answered(gaps: list[float], tmp_path: Path) -> None:
    times = np.cumsum([0.0, *gaps * 12]).tolist()
    answers, told = stream(times, tmp_path)
    moments = [answer["window"]["end_s"] for answer in answers]
    due = [moment for moment in times if moment > 10]
    # no frame is passed over, but those within a hop of the answer before
    assert all(any(-1e-3 <= moment - end < 1.0 for end in moments) for moment in due)
    assert len(told) == 1


@pytest.mark.parametrize("fps", [30.0, 12.0, 2.0])
@pytest.mark.parametrize("pause_s", [5.0, 100.0])
def test_after_an_outage_of_an_ordinary_source_the_window_fills_first(
    fps: float, pause_s: float, tmp_path: Path
) -> None:
    before = regular(1 / fps, int(20 * fps))
    after = regular(1 / fps, int(20 * fps), before[-1] + 3 * pause_s)
    answers, told = stream([*before, *after], tmp_path, rate=fps)
    assert all(answer["window"]["filled"] == 1.0 for answer in answers)
    assert not any(after[0] <= answer["window"]["end_s"] < after[0] + 3.4 for answer in answers)
    assert len(answers) >= 32
    assert len(told) <= 1


@pytest.mark.parametrize("times", [[300.0], [300.0, 350.0]], ids=str)
def test_a_source_that_breaks_off_again_before_its_window_is_full_is_not_slow(
    times: list[float], tmp_path: Path
) -> None:
    parts = [regular(0.1, 100), regular(0.1, 20, 100.0), *(regular(0.1, 100, time) for time in times)]
    window = Window(numpy_bundle().manifest.geometry, 4.0)
    feed = FileFeed(Times([moment for part in parts for moment in part], 10.0), window)
    events, told = drive(feed, window, tmp_path, Settings())
    answers = [event for event in events if event["event"] == "answer"]
    assert all(answer["window"]["filled"] == 1.0 for answer in answers)
    assert window.outages == len(parts) - 1
    assert told == []


def test_a_source_that_stalls_once_is_told_nothing(tmp_path: Path) -> None:
    answers, told = stream([*regular(0.1, 100), *regular(0.1, 100, 13.6)], tmp_path)
    assert min(answer["window"]["frames"] for answer in answers) < FOCUS_FRAMES
    assert told == []


def test_a_source_that_becomes_fast_is_an_ordinary_one_again(tmp_path: Path) -> None:
    slow = regular(10.0, 6)
    fast = regular(0.1, 200, slow[-1] + 10)
    back = regular(0.1, 100, fast[-1] + 50)
    answers, _ = stream([*slow, *fast, *back], tmp_path, rate=10)
    later = [answer for answer in answers if answer["window"]["end_s"] > fast[0] + 5]
    assert len(later) >= 18
    assert all(answer["window"]["filled"] == 1.0 for answer in later)
    assert not any(back[0] <= answer["window"]["end_s"] < back[0] + 3.4 for answer in later)


def test_an_ordinary_source_is_told_nothing(tmp_path: Path) -> None:
    assert stream(regular(0.04, 500), tmp_path)[1] == []


def test_a_file_that_is_shorter_than_the_window_is_advised_none(tmp_path: Path) -> None:
    window = Window(numpy_bundle().manifest.geometry, 3.0)
    _, told = drive(FileFeed(Times(regular(1.0, 4), 1.0), window), window, tmp_path, Settings(window_s=4.0))
    assert told == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_frames_alone_are_answered(count: int, tmp_path: Path) -> None:
    assert len(stream(regular(20.0, count), tmp_path)[0]) == max(1, count - 1)


@pytest.mark.slow
@pytest.mark.parametrize("gap_s", [0.4, 0.5, 0.7])
def test_a_slow_camera_is_answered_and_keeps_its_label(gap_s: float, tmp_path: Path) -> None:
    """The label is not taken back between two frames of a camera whose pace is slower than a window."""
    window = Window(numpy_bundle().manifest.geometry, 0.3)
    feed = LiveFeed(Latest(lambda: Live(regular(gap_s, 20)), "slow camera"), window)
    # the end falls between two frames, so that it is sure which of them are seen
    settings = Settings(window_s=0.3, hop_s=0.1, for_s=5.5 * gap_s)
    events, told = drive(feed, window, tmp_path, settings)
    answers = [event for event in events if event["event"] == "answer"]
    assert 3 <= len(answers) <= 6
    assert [event["to"] for event in events if event["event"] == "switched"][1:] == []
    assert len(told) == 1


@pytest.mark.parametrize("first_s", [0.0, 0.3])
def test_a_lone_first_frame_is_answered_when_no_second_one_comes(first_s: float, tmp_path: Path) -> None:
    window = Window(numpy_bundle().manifest.geometry, 0.3)
    feed = LiveFeed(Latest(lambda: Live([first_s, 60.0]), "slow camera"), window)
    events, told = drive(feed, window, tmp_path, Settings(window_s=0.3, hop_s=0.1, for_s=2.0))
    answers = [event for event in events if event["event"] == "answer"]
    assert [answer["window"]["frames"] for answer in answers] == [1]
    assert told == []


@pytest.mark.slow
def test_a_slow_camera_that_stays_away_loses_its_label(tmp_path: Path) -> None:
    window = Window(numpy_bundle().manifest.geometry, 0.3)
    feed = LiveFeed(Latest(lambda: Live(regular(0.4, 5)), "slow camera"), window)
    events, _ = drive(feed, window, tmp_path, Settings(window_s=0.3, hop_s=0.1, for_s=4.0))
    assert [event["to"] is None for event in events if event["event"] == "switched"] == [False, True]


@pytest.mark.parametrize("rate", [25.0, 10.0, 60.0])
@pytest.mark.parametrize("parts", [[3.0] * 8, [20.0, 20.0], [10.0, 2.0, 7.0]], ids=str)
def test_a_clock_that_jumps_back_is_carried_on(rate: float, parts: list[float], tmp_path: Path) -> None:
    """Joined recordings begin at 0 again and again."""
    times = [moment for part in parts for moment in regular(1 / rate, int(part * rate))]
    answers, _ = stream(times, tmp_path, rate=rate)
    moments = [answer["window"]["end_s"] for answer in answers]
    assert moments == sorted(moments)
    assert sum(parts) - 3.5 - len(parts) <= len(answers) <= sum(parts)
    assert answers[-1]["frames"][-1] >= len(times) - rate


@pytest.mark.parametrize("stuck_at", [0.0, 5.0, 11.3])
def test_a_clock_that_stands_still_is_carried_on_at_the_stated_rate(stuck_at: float, tmp_path: Path) -> None:
    times = [*regular(0.04, int(stuck_at * 25)), *[stuck_at] * 500]
    answers, _ = stream(times, tmp_path)
    assert len(answers) >= 15 + stuck_at - 4
    assert answers[-1]["window"]["end_s"] == pytest.approx(stuck_at + 20, abs=2)


@pytest.mark.parametrize("times", [[0.0, 0.04, 0.04, 0.08, 0.12], [0.0, 0.08, 0.04, 0.12, 0.16], [3.0, 3.1, 3.1, 3.3]])
def test_single_frames_out_of_order_do_not_bend_the_clock(times: list[float]) -> None:
    clock = SteadyClock(25.0)
    assert [clock.moment_s(moment) for moment in times] == times


@pytest.mark.slow
@pytest.mark.parametrize("jump_s", [-30.0, -2.0])
def test_a_file_that_is_played_goes_on_where_its_clock_jumps_back(jump_s: float, tmp_path: Path) -> None:
    window = Window(numpy_bundle().manifest.geometry, 0.5)
    times = [*regular(0.02, 50, 30.0), *regular(0.02, 75, 31.0 + jump_s)]
    feed = RealtimeFileFeed(Times([moment - 30.0 for moment in times], 50.0), window)
    events, _ = drive(feed, window, tmp_path, Settings(window_s=0.5, hop_s=0.1))
    assert feed.counts()["dropped"] < 30
    assert events[-1]["event"] in ("answer", "late")
    answers = [event for event in events if event["event"] == "answer"]
    assert answers[-1]["window"]["end_s"] > 1.5


@pytest.mark.parametrize("start_s", [0.0, 3600.0])
def test_a_file_that_is_played_is_not_waited_for_where_its_clock_jumps_ahead(start_s: float, tmp_path: Path) -> None:
    window = Window(numpy_bundle().manifest.geometry, 0.3)
    feed = RealtimeFileFeed(Times([*regular(0.02, 25, start_s), *regular(0.02, 25, start_s + 3600.0)], 50.0), window)
    begun = time.monotonic()
    events, _ = drive(feed, window, tmp_path, Settings(window_s=0.3, hop_s=0.1))
    assert time.monotonic() - begun < 10
    assert feed.counts()["dropped"] < 25
    assert [event for event in events if event["event"] == "answer"][-1]["window"]["end_s"] > 0.7


def test_a_time_lapse_that_is_played_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "LONGEST_PAUSE_S", 0.1)
    window = Window(numpy_bundle().manifest.geometry, 0.2)
    begun = time.monotonic()
    drive(RealtimeFileFeed(Times(regular(0.3, 5), 25.0), window), window, tmp_path, Settings(window_s=0.2, hop_s=0.1))
    # all pauses but the first one, which is not known yet
    assert time.monotonic() - begun > 0.8


def test_a_file_that_is_played_goes_on_after_the_program_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Times):
        def grab(self) -> bool:
            if self.number == 24:
                time.sleep(1.0)
            return super().grab()

    monkeypatch.setattr(feeds, "LONGEST_PAUSE_S", 0.5)
    window = Window(numpy_bundle().manifest.geometry, 0.2)
    feed = RealtimeFileFeed(Stopped(regular(0.02, 60), 50.0), window)
    events, _ = drive(feed, window, tmp_path, Settings(window_s=0.2, hop_s=0.1))
    assert feed.counts()["dropped"] < 20
    assert sum(event["window"]["end_s"] > 1.5 for event in events if event["event"] == "answer") >= 2


@pytest.mark.slow
@pytest.mark.parametrize("fps", [0.9, 1.1])
def test_a_network_camera_slower_than_a_frame_may_take_is_read(fps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "READ_S", 1.0)
    with MjpegServer(fps=fps) as server, open_stream(f"http://127.0.0.1:{server.port}/", 6.0) as source:  # type: ignore[union-attr]
        assert isinstance(source, Latest)
        moments, begun = list[float](), time.monotonic()
        while len(moments) < 6 and time.monotonic() - begun < 15:
            frame = source.read(0.25)
            if frame is not None:
                moments.append(frame.timestamp_s)
    # the first ones wait in the connection
    assert len(moments) == 6
    assert all(0.4 < after - before < 3 for before, after in pairwise(moments[3:]))


class Opened:
    """What a reopener opens: a stream that gave some frames before it ended."""

    def __init__(self, frames: int) -> None:
        self.number = frames - 1

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("frames", "waits"),
    [
        ([0, 0, 0, 0], [5, 20, 5, 20]),
        ([100, 100, 100], [5, 5, 5]),
        ([1, 50, 1, 50], [5, 20, 5, 20]),
        ([300, 1, 2, 300, 0], [5, 5, 20, 5, 5]),
    ],
)
def test_a_stream_is_given_more_time_only_after_one_that_gave_hardly_a_frame(
    frames: list[int], waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, left = list[float](), iter(frames)

    def open_source(address: str, open_s: float, read_s: float) -> Opened:
        asked.append(read_s)
        return Opened(next(left))

    monkeypatch.setattr(network, "open_source", open_source)
    opener = Reopener("http://camera/", 20.0)
    for _ in frames:
        opener()
    assert asked == waits
