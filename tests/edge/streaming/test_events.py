"""Events as lines of JSON."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from adafocus.edge.streaming.events import EventLog, Sink, iso_time
from adafocus.errors import AdafocusError


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_event_is_one_line_that_is_there_at_once(tmp_path: Path) -> None:
    log = EventLog.open(tmp_path / "deep" / "events.jsonl")
    log.write("answer", label="würfeln\nund mehr", score=0.123456789, window={"start_s": 1.0000001, "boxes": [(0.5,)]})
    event = lines(tmp_path / "deep" / "events.jsonl")[0]
    assert event["label"] == "würfeln\nund mehr"
    assert event["score"] == 0.1235
    assert event["window"] == {"start_s": 1.0, "boxes": [[0.5]]}
    assert abs(datetime.fromisoformat(event["at"].replace("Z", "+00:00")).timestamp() - time.time()) < 5
    log.close()


def test_times_since_the_start_ignore_a_clock_that_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog.open(tmp_path / "events.jsonl")
    log.write("started")
    monkeypatch.setattr("adafocus.edge.streaming.events.time.time", lambda: 0.0)
    log.write("answer")
    first, second = lines(tmp_path / "events.jsonl")
    assert second["at"].startswith("1970-01-01T00:00:00")
    assert 0 <= second["t_s"] - first["t_s"] < 5


def test_older_events_stay(tmp_path: Path) -> None:
    for number in range(2):
        log = EventLog.open(tmp_path / "events.jsonl")
        log.write("started", number=number)
        log.close()
    assert [event["number"] for event in lines(tmp_path / "events.jsonl")] == [0, 1]


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    log = EventLog.open(tmp_path / "events.jsonl")

    def report(name: int) -> None:
        for number in range(100):
            log.write("answer", name=name, number=number, padding="x" * 500)

    threads = [threading.Thread(target=report, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = lines(tmp_path / "events.jsonl")
    assert len(events) == log.written == 400
    for name in range(4):
        assert [event["number"] for event in events if event["name"] == name] == list(range(100))


def test_a_file_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AdafocusError, match="--events"):
        EventLog.open(tmp_path / "file" / "events.jsonl")


def test_a_full_disk_is_told_once_and_writing_goes_on_later(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "events.jsonl"
    log = EventLog.open(path, warn=told.append)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        for number in range(10):
            log.write("answer", number=number, padding="x" * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert len(told) == 1
    assert "the stream goes on" in told[0]
    log.write("summary")
    assert log.lost + log.written == 11
    assert log.lost > 0
    whole = [line for line in path.read_text().splitlines() if line.endswith("}")]
    assert len(whole) == log.written
    assert json.loads(whole[-1])["event"] == "summary"


def test_a_reader_that_leaves_is_noticed() -> None:
    reading, writing = os.pipe()
    log = EventLog(Sink(writing, owned=True))
    log.write("started")
    os.close(reading)
    assert not log.reader_left
    log.write("answer")
    assert log.reader_left
    log.close()


def test_without_a_place_events_are_still_made() -> None:
    assert EventLog().write("started", source="x")["source"] == "x"


def test_iso_time_is_utc() -> None:
    told = datetime.fromisoformat(iso_time(60).replace("Z", "+00:00"))
    assert 59 < (datetime.now(timezone.utc) - told).total_seconds() < 70
