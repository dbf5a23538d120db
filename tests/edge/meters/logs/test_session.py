"""A log as a meter: whose clock it has, that it may grow, and that it may be placed."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from adafocus.edge.meters import Meter, address_of, choose_meter, meter_of
from adafocus.edge.meters.logs.session import LogSession
from adafocus.edge.meters.meter import SECOND_NS
from adafocus.errors import MeterError

UNIX = "?time=t&time_unit=s&power=p&unit=W&clock=unix"


def rows(first_s: float, last_s: float, watts: float = 4.0, period_s: float = 0.1) -> str:
    count = round((last_s - first_s) / period_s) + 1
    return "".join(f"{first_s + number * period_s:.6f},{watts}\n" for number in range(count))


def log(path: Path, query: str) -> Meter:
    return meter_of(address_of(f"log:{path}{query}"))


def test_a_log_with_the_time_of_day_is_found_on_this_machine_s_clock(tmp_path: Path) -> None:
    path, now_s = tmp_path / "power.csv", time.time()
    path.write_text("t,p\n" + rows(now_s - 20, now_s - 5, 4.0) + rows(now_s - 4.9, now_s + 30, 9.0))
    meter = choose_meter(f"log:{path}{UNIX}")
    assert (meter.kind, meter.period_s) == ("log", pytest.approx(0.1))
    assert str(path) in meter.detail
    with meter.open() as session:
        now = session.mark() - round((time.time() - now_s) * SECOND_NS)
        earlier = session.window(now - 15 * SECOND_NS, now - 6 * SECOND_NS)
        later = session.window(now - 4 * SECOND_NS, now - 1 * SECOND_NS)
    assert earlier.joules == pytest.approx(36.0, rel=1e-3)
    assert later.joules == pytest.approx(27.0, rel=1e-3)


def test_a_log_that_is_still_written_is_read_again_and_waited_for(tmp_path: Path) -> None:
    path, now_s = tmp_path / "power.csv", time.time()
    path.write_text("t,p\n" + rows(now_s - 5, now_s - 0.2))

    def grow() -> None:
        time.sleep(0.3)
        with path.open("a") as file:
            file.write(rows(now_s - 0.1, now_s + 30))

    with log(path, UNIX).open() as session:
        end = session.mark()
        writer = threading.Thread(target=grow)
        writer.start()
        found = session.window(end - 2 * SECOND_NS, end)
        writer.join()
    assert found.joules == pytest.approx(8.0, rel=1e-3)
    assert found.coverage == pytest.approx(1.0)


def test_a_log_that_ended_before_the_window_leaves_no_joules(tmp_path: Path) -> None:
    path, now_s = tmp_path / "power.csv", time.time()
    path.write_text("t,p\n" + rows(now_s - 20, now_s - 10))
    with log(path, UNIX).open() as session:
        now = session.mark()
        assert session.window(now - 5 * SECOND_NS, now, wait=False).joules is None
        path.write_text("t,p\n0,four\n")
        spoiled = session.window(now - 5 * SECOND_NS, session.mark(), wait=False)
        assert "expected a number" in str(spoiled.reason)
        path.unlink()
        assert session.window(now - 5 * SECOND_NS, session.mark(), wait=False).joules is None


def test_a_clock_of_its_own_has_no_windows_until_it_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    path.write_text("t,p\n" + rows(0, 20))
    with log(path, "?time=t&time_unit=s&power=p&unit=W").open() as session:
        assert isinstance(session, LogSession)
        assert session.clock == session.trace().clock == "own"
        begin = session.mark() - 10 * SECOND_NS
        refused = session.window(begin, begin + 5 * SECOND_NS)
        assert refused.joules is None
        assert "a clock of its own" in str(refused.reason)
        session.place((begin - SECOND_NS) / SECOND_NS)
        assert session.window(begin, begin + 5 * SECOND_NS).joules == pytest.approx(20.0, rel=1e-6)
        assert session.trace().clock == "host"


def test_a_log_of_this_machine_s_monotonic_clock_needs_no_place(tmp_path: Path) -> None:
    path, now_s = tmp_path / "power.csv", time.monotonic()
    path.write_text("t,p\n" + rows(now_s - 10, now_s + 30))
    with log(path, "?time=t&time_unit=s&power=p&unit=W&clock=host").open() as session:
        now = session.mark()
        assert session.window(now - 5 * SECOND_NS, now).joules == pytest.approx(20.0, rel=1e-4)


def test_a_clock_that_is_set_in_between_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, now_s = tmp_path / "power.csv", time.time()
    path.write_text("t,p\n" + rows(now_s - 10, now_s + 30))
    real = time.time_ns
    with log(path, UNIX).open() as session:
        monkeypatch.setattr(time, "time_ns", lambda: real() + 3 * SECOND_NS)
        now = session.mark()
        found = session.window(now - 5 * SECOND_NS, now)
    assert found.joules is None
    assert "clock was set by 3 s" in str(found.reason)


def test_a_log_that_cannot_be_read_is_not_available(tmp_path: Path) -> None:
    refused = log(tmp_path / "none.csv", UNIX).available()
    assert refused is not None
    assert not refused.present
    (tmp_path / "bad.csv").write_text("t,q\n1,2\n")
    refused = log(tmp_path / "bad.csv", UNIX).available()
    assert refused is not None
    assert refused.present
    with pytest.raises(MeterError, match="called 'p'"):
        log(tmp_path / "bad.csv", UNIX).open()
