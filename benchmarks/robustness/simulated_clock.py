"""A clock that jumps to the next moment at which somebody waits no longer, for threads that run by turns in one.

It stands in for ``time`` and ``threading`` in modules that wait, so that a day passes in minutes. Whatever a thread
computes takes no time unless it says so with ``sleep``.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import greenlet

START_S = 1000.0


class _Waiter:
    """What waits, and whether it was woken; it waits once."""

    def __init__(self) -> None:
        self.whose: greenlet.greenlet = greenlet.getcurrent()
        self.woken = self.over = False


class SimulatedClock:
    """Moments in seconds, and who waits for them.

    Attributes:
        now_s: the monotonic clock.
        wall_ahead_s: how far the wall clock is ahead of it.
    """

    def __init__(self) -> None:
        """Start now, with the caller running."""
        self.now_s, self.wall_ahead_s = START_S, time.time() - START_S
        self._ready: deque[_Waiter] = deque()
        self._timers: list[tuple[float, int, _Waiter]] = []
        self._numbers = itertools.count()

    def block(self, waiter: _Waiter, timeout_s: float | None) -> bool:
        """Let others run until the waiter is woken, or the time is over; return whether it was woken."""
        if timeout_s is not None:
            heapq.heappush(self._timers, (self.now_s + max(0.0, timeout_s), next(self._numbers), waiter))
        self.pass_on()
        return waiter.woken

    def wake(self, waiter: _Waiter) -> None:
        """Let a waiter run when who runs now waits."""
        if not waiter.over:
            waiter.woken = waiter.over = True
            self._ready.append(waiter)

    def pass_on(self) -> None:
        """Let the next one run: who was woken, or who waits for the earliest moment.

        Raises:
            RuntimeError: all wait for each other.
        """
        while not self._ready:
            if not self._timers:
                raise RuntimeError("Everything waits, and nothing for a moment.")
            moment_s, _, waiter = heapq.heappop(self._timers)
            if not waiter.over:
                self.now_s = max(self.now_s, moment_s)
                waiter.over = True
                self._ready.append(waiter)
        whose = self._ready.popleft().whose
        if whose is not greenlet.getcurrent():
            whose.switch()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.block(_Waiter(), seconds)

    def leap(self, seconds: float) -> None:
        """Let time pass in which no thread runs, as when a process is stopped."""
        self.now_s += seconds

    @contextmanager
    def within(self, modules: Iterable[ModuleType]) -> Iterator[None]:
        """Stand in for ``time`` and ``threading`` in these modules."""
        replaced = [
            (module, name, getattr(module, name))
            for module in modules
            for name in ("time", "threading")
            if hasattr(module, name)
        ]
        stand_ins: dict[str, Any] = {"time": self._time(), "threading": self._threading()}
        try:
            for module, name, _ in replaced:
                setattr(module, name, stand_ins[name])
            yield
        finally:
            for module, name, real in replaced:
                setattr(module, name, real)

    def _time(self) -> SimpleNamespace:
        return SimpleNamespace(
            monotonic=lambda: self.now_s,
            time=lambda: self.now_s + self.wall_ahead_s,
            sleep=self.sleep,
            perf_counter=time.perf_counter,
        )

    def _threading(self) -> SimpleNamespace:
        def of_clock(kind: type) -> Callable[..., Any]:
            return lambda *given, **named: kind(self, *given, **named)

        return SimpleNamespace(
            Lock=threading.Lock,
            current_thread=threading.current_thread,
            main_thread=threading.main_thread,
            Event=of_clock(Event),
            Condition=of_clock(Condition),
            Thread=of_clock(Thread),
        )


class Event:
    """As ``threading.Event``."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock, self._is_set = clock, False
        self._waiters: list[_Waiter] = []

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._is_set

    def clear(self) -> None:
        """Unset it."""
        self._is_set = False

    def set(self) -> None:
        """Set it, and wake who waits."""
        self._is_set = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            self._clock.wake(waiter)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set."""
        if not self._is_set:
            waiter = _Waiter()
            self._waiters.append(waiter)
            self._clock.block(waiter, timeout)
            self._waiters = [other for other in self._waiters if other is not waiter]
        return self._is_set


class Condition:
    """As ``threading.Condition``; since one thread runs at a time, there is nothing to lock."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._event = Event(clock)

    def __enter__(self) -> Condition:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until somebody notifies."""
        self._event.clear()
        return self._event.wait(timeout)

    def notify_all(self) -> None:
        """Wake who waits."""
        self._event.set()


class Thread:
    """As ``threading.Thread``; it runs when it is its turn."""

    def __init__(self, clock: SimulatedClock, target: Callable[[], None], name: str, daemon: bool) -> None:
        self.name, self.daemon = name, daemon
        self.ident: int | None = None
        self._clock, self._target, self._ended = clock, target, Event(clock)

    def start(self) -> None:
        """Let it run when who runs now waits."""
        self.ident = id(self)
        turn = _Waiter()
        turn.whose = greenlet.greenlet(self._run)
        self._clock.wake(turn)

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended."""
        self._ended.wait(timeout)

    def _run(self) -> None:
        try:
            self._target()
        finally:
            self._ended.set()
            self._clock.pass_on()
