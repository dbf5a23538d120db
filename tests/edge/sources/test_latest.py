"""Live sources: the newest frame, what is dropped, and coming back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.sources import Latest, VideoFile
from adafocus.edge.sources.latest import FIRST_PAUSE_S, LONGEST_PAUSE_S
from adafocus.edge.sources.source import Frame
from adafocus.errors import SourceError
from tests.helpers.mjpeg_server import MjpegServer
from tests.helpers.videos import write_video


class Ticker:
    """A live source that ticks, and counts what is asked of it; ``lasts`` frames, then it gives nothing."""

    live, name, fps = True, "ticker", 100.0

    def __init__(self, lasts: int = 10**9, period_s: float = 0.005) -> None:
        self.number, self.retrieved, self.closed = -1, 0, 0
        self.timestamp_s = 0.0
        self._lasts, self._period_s = lasts, period_s

    def grab(self) -> bool:
        time.sleep(self._period_s)
        self.number += 1
        self.timestamp_s = time.monotonic()
        return self.number < self._lasts

    def retrieve(self) -> Frame | None:
        self.retrieved += 1
        return Frame(np.full((2, 2, 3), self.number % 256, np.uint8), self.number, self.timestamp_s, self.name)

    def close(self) -> None:
        self.closed += 1


def until(true: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return true()


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    with MjpegServer() as running:
        yield running


def test_frames_nobody_asks_for_are_grabbed_and_not_made_but_for_the_first() -> None:
    source = Ticker()
    with Latest(lambda: source, "ticker") as latest:
        assert until(lambda: latest.state.grabbed > 20)
        assert source.retrieved == 1
        frame = latest.read(5)
        assert frame is not None
        assert frame.number >= 20
        assert source.retrieved == 2


class Lapse(Ticker):
    """One frame at once, and no other for long."""

    def grab(self) -> bool:
        if self.number >= 0:
            time.sleep(1)
            return False
        return super().grab()


def test_a_first_frame_that_came_before_anybody_asked_is_handed_out() -> None:
    with Latest(Lapse, "time lapse") as latest:
        assert until(lambda: latest.state.grabbed == 1)
        time.sleep(0.05)
        asked = time.monotonic()
        frame = latest.read(5)
        assert frame is not None
        assert frame.number == 0
        assert time.monotonic() - asked < 0.5


def test_every_frame_is_delivered_or_dropped() -> None:
    source = Ticker()
    latest = Latest(lambda: source, "ticker")
    frames = []
    for _ in range(10):
        frames.append(latest.read(5))
        time.sleep(0.02)
    latest.close()
    numbers = [frame.number for frame in frames if frame is not None]
    assert len(numbers) == 10
    assert numbers == sorted(set(numbers))
    state = latest.state
    assert state.delivered == 10
    assert state.dropped > 0
    assert state.grabbed == state.delivered + state.dropped
    assert state.grabbed >= numbers[-1] + 1


def test_a_frame_is_the_one_that_came_after_it_was_asked_for() -> None:
    with Latest(lambda: Ticker(), "ticker") as latest:
        for _ in range(5):
            asked = time.monotonic()
            frame = latest.read(5)
            assert frame is not None
            assert frame.timestamp_s >= asked - 0.006
            time.sleep(0.03)


def test_a_rate_is_not_exceeded() -> None:
    with Latest(lambda: Ticker(), "ticker", max_fps=20) as latest:
        times = [frame.timestamp_s for _ in range(8) if (frame := latest.read(5)) is not None]
    assert len(times) == 8
    assert all(after - before >= 0.75 / 20 - 0.01 for before, after in pairwise(times))


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(SourceError, match="max_fps is 0"):
        Latest(Ticker, "ticker", max_fps=0)


@pytest.mark.slow
def test_it_waits_only_as_long_as_it_is_told() -> None:
    with Latest(lambda: Ticker(period_s=30), "slow") as latest:
        started = time.monotonic()
        assert latest.read(0.1) is None
        assert time.monotonic() - started < 5


def test_a_source_that_ends_is_opened_again_and_numbers_go_on() -> None:
    opened: list[Ticker] = []

    def reopen() -> Ticker:
        opened.append(Ticker(lasts=5))
        return opened[-1]

    with Latest(reopen, "ticker") as latest:
        assert until(lambda: latest.state.connections == 2)
        assert opened[0].closed == 1
        frame = None
        while frame is None:
            frame = latest.read(5)
        assert frame.number >= 5
        assert until(lambda: latest.state.phase == "waiting")
        assert "gives no frames any more" in latest.state.reason
        assert latest.state.attempt == 1
        # one for each connection that ended, though the next one may be open before anybody looks
        assert latest.state.interruptions == latest.state.connections == 2


def test_pauses_grow_to_a_bound_and_the_reason_is_shown() -> None:
    tried: list[float] = []

    def reopen() -> Ticker:
        tried.append(time.monotonic())
        raise SourceError("rtsp://me:secret@host/ does not open.")

    with Latest(reopen, "rtsp://***@host/") as latest:
        assert until(lambda: latest.state.attempt == 3)
        state = latest.state
        assert state.phase == "waiting"
        assert "does not open" in state.reason
        assert "secret" not in state.reason
    pauses = [after - before for before, after in pairwise(tried)]
    assert pauses[0] >= FIRST_PAUSE_S
    assert pauses[1] >= 2 * FIRST_PAUSE_S
    assert LONGEST_PAUSE_S < 4


def test_whatever_a_library_raises_is_a_reason_not_the_end() -> None:
    class Broken(Ticker):
        def grab(self) -> bool:
            raise KeyError("sensor")

        def close(self) -> None:
            raise OSError("no such device")

    with Latest(Broken, "broken") as latest:
        assert until(lambda: latest.state.attempt >= 2)
        assert "KeyError" in latest.state.reason


def test_closing_ends_the_thread_and_releases_the_source() -> None:
    source = Ticker()
    before = threading.active_count()
    latest = Latest(lambda: source, "ticker")
    assert latest.read(5) is not None
    latest.close()
    latest.close()
    assert threading.active_count() == before
    assert source.closed == 1
    assert latest.state.phase == "ended"
    assert latest.read(5) is None


def test_closing_wakes_a_reader() -> None:
    latest = Latest(lambda: Ticker(period_s=0.5), "slow")
    answers: list[Frame | None] = []
    reader = threading.Thread(target=lambda: answers.append(latest.read(60)))
    reader.start()
    latest.close()
    reader.join(10)
    assert not reader.is_alive()


@pytest.mark.slow
def test_closing_returns_where_the_driver_hangs() -> None:
    lets_go = threading.Event()

    class Hanging(Ticker):
        def grab(self) -> bool:
            lets_go.wait(60)
            return False

    source = Hanging()
    latest = Latest(lambda: source, "hanging")
    started = time.monotonic()
    latest.close()
    assert time.monotonic() - started < 10
    assert latest.state.phase == "ended"
    assert source.closed == 0
    lets_go.set()
    assert until(lambda: source.closed == 1)


def test_files_are_not_for_the_newest_frame_only(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", 5)
    with pytest.raises(SourceError, match="no live source"):
        Latest.open(path)
    with pytest.raises(SourceError, match="no live source"):
        Latest(lambda: VideoFile(path), "clip", first=VideoFile(path))


def test_a_wrong_address_is_answered_at_once_unless_told_to_be_patient(server: MjpegServer) -> None:
    server.stop()
    with pytest.raises(SourceError, match="does not open"):
        Latest.open(f"http://127.0.0.1:{server.port}/")
    with Latest.open(f"http://127.0.0.1:{server.port}/", patient=True) as latest:
        assert until(lambda: latest.state.phase == "waiting")


def level(frame: Frame) -> int:
    return round(float(frame.pixels.mean()))


@pytest.mark.slow
def test_a_network_camera_that_is_killed_and_restarted_is_back_within_five_seconds() -> None:
    server = MjpegServer()
    with Latest.open(f"http://127.0.0.1:{server.port}/cam.mjpg") as latest:
        first = latest.read(10)
        assert first is not None
        assert first.pixels.shape == (120, 160, 3)
        server.stop()
        assert until(lambda: latest.state.phase == "waiting")
        # the last frame that came may have been made and not been taken
        latest.read(0.2)
        assert latest.read(0.2) is None
        # long enough that the pause has grown to its longest
        assert until(lambda: latest.state.attempt >= 4, 20)
        with MjpegServer(server.port):
            restarted = time.monotonic()
            frame = latest.read(10)
            assert frame is not None
            assert time.monotonic() - restarted < 5
            assert frame.number > first.number
            assert latest.state.connections == 2


@pytest.mark.slow
def test_a_slow_reader_of_a_network_camera_sees_new_frames_not_a_queue(server: MjpegServer) -> None:
    with Latest.open(f"http://127.0.0.1:{server.port}/cam.mjpg") as latest:
        first = latest.read(10)
        assert first is not None
        time.sleep(2)
        late = latest.read(10)
        assert late is not None
        # levels rise by one every 1/30 s: two seconds later the picture is about sixty levels on
        assert level(late) - level(first) > 30
        assert latest.state.dropped > 30


@pytest.mark.slow
def test_a_network_camera_that_falls_silent_does_not_hang() -> None:
    with MjpegServer(stalls=True) as server, Latest.open(f"http://127.0.0.1:{server.port}/", read_s=1.0) as latest:
        assert latest.read(10) is not None
        assert until(lambda: latest.state.phase == "waiting", 20)
        assert "gives no frames any more" in latest.state.reason


@pytest.mark.slow
def test_no_thread_and_no_file_handle_is_left(server: MjpegServer) -> None:
    def once() -> None:
        latest = Latest.open(f"http://127.0.0.1:{server.port}/")
        assert latest.read(10) is not None
        latest.close()

    def held() -> tuple[int, int]:
        clients = [thread for thread in threading.enumerate() if thread.name.startswith("frames of")]
        return len(clients), len(os.listdir("/proc/self/fd"))

    once()
    assert until(lambda: held()[0] == 0, 30)
    before = held()
    for _ in range(4):
        once()
    # the server in this process closes its own ends a moment later
    assert until(lambda: held() <= before), (before, held())
