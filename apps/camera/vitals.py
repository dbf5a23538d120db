"""How the device is: heat, what slows it, clocks, memory and power, read by a thread of its own every few seconds."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from adafocus.edge.device.host import State, read_state
from adafocus.edge.meters import AUTO, Meter, Session, choose_meter
from adafocus.edge.streaming.statistics import resident_bytes
from adafocus.errors import MeterError

PERIOD_S = 2.0
# power and joules are means of so many seconds
POWER_S = 10.0
KEPT_S = 60.0
MEGABYTE, SECOND_NS = 1e6, 1e9
NOT_ASKED = "a budget in joules reads the meter itself"


class Vitals:
    """Reads the device, and tells it."""

    def __init__(self, tell: Callable[[dict[str, Any]], None], answers: Callable[[], int], meter: str | None) -> None:
        """Start the thread.

        Args:
            tell: is given what was read.
            answers: returns how many predictions there were.
            meter: of energy, as in ``adafocus energy --meter``; None: none is read.
        """
        self._tell, self._answers, self._meter = tell, answers, meter
        # moments on the meter's clock, with the number of predictions
        self._marks: deque[tuple[int, int]] = deque(maxlen=int(POWER_S / PERIOD_S) + 1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vitals", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(2 * PERIOD_S)

    def _run(self) -> None:
        with ExitStack() as open_meters:
            session, meter, reason = self._open(open_meters)
            due_s = time.monotonic()
            while not self._stop.is_set():
                energy = {"reason": reason} if session is None or meter is None else self._energy(session, meter)
                self._tell(
                    {**plain(read_state()), "memory_mb": round(resident_bytes() / MEGABYTE, 1), "energy": energy}
                )
                due_s = max(due_s + PERIOD_S, time.monotonic())
                self._stop.wait(due_s - time.monotonic())

    def _open(self, opened: ExitStack) -> tuple[Session | None, Meter | None, str]:
        """Open the meter; without one return why."""
        if self._meter is None:
            return None, None, NOT_ASKED
        try:
            meter = choose_meter(self._meter)
            return opened.enter_context(meter.open(KEPT_S)), meter, ""
        except MeterError as error:
            # what could be bought is told by doctor
            return None, None, "no meter of energy answers" if self._meter == AUTO else str(error)

    def _energy(self, session: Session, meter: Meter) -> dict[str, Any]:
        """Return mean power, and joules a prediction, of the last seconds."""
        self._marks.append((session.mark(), self._answers()))
        (begin, before), (end, now) = self._marks[0], self._marks[-1]
        about: dict[str, Any] = {"meter": meter.detail, "scope": meter.scope}
        if end <= begin:
            return about | {"reason": "the first seconds are measured"}
        reading = session.window(begin, end, wait=False)
        if reading.joules is None:
            return about | {"reason": reading.reason}
        joules = reading.joules / (now - before) if now > before else None
        return about | {"watts": reading.watts, "joules_an_answer": joules}


def plain(state: State) -> dict[str, Any]:
    """Return what the page shows of the machine's state."""
    return {
        "temperature_c": state.hottest_c,
        "throttled": None if state.throttled is None else list(state.throttled),
        "throttled_before": list(state.throttled_before or ()),
        "clock_mhz": state.mean_mhz,
        "load": state.load,
        "memory_free_mb": None if state.memory_available_bytes is None else state.memory_available_bytes / MEGABYTE,
        "power_mode": state.power_mode,
    }
