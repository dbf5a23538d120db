"""A made-up sysfs tree with a sensor chip whose power follows what this process really does.

While a thread of it runs, the chip ``ina260`` of the tree shows the power of idling plus so many watts for each
processor that this process keeps busy. So the power is known at every moment, and the work behind it is real.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np

from adafocus.edge.meters.meter import SECOND_NS, Places

TICK_S = 0.01
MICRO = 1e-6


class BusyDevice(threading.Thread):
    """Shows the power of this process in a tree.

    Attributes:
        places: where its meter is found.
    """

    def __init__(self, root: Path, idle_w: float, busy_w: float) -> None:
        """Make the tree.

        Args:
            root: folder for it.
            idle_w: power while this process sleeps.
            busy_w: more for each processor that it keeps busy.
        """
        super().__init__(name="busy device", daemon=True)
        self._chip = root / "class" / "hwmon" / "hwmon0"
        self._chip.mkdir(parents=True)
        (self._chip / "name").write_text("ina260\n")
        self._idle_w, self._busy_w = idle_w, busy_w
        self._moments_ns, self._joules = [time.monotonic_ns()], [0.0]
        self._ended = threading.Event()
        self._show(idle_w)
        self.places = Places(sys=root)

    def run(self) -> None:
        """Show the power of the last hundredth of a second, again and again."""
        moment, worked_s = self._moments_ns[0], time.process_time()
        while not self._ended.wait(TICK_S):
            now, spent_s = time.monotonic_ns(), time.process_time()
            seconds = (now - moment) / SECOND_NS
            joules = self._idle_w * seconds + self._busy_w * (spent_s - worked_s)
            self._moments_ns.append(now)
            self._joules.append(self._joules[-1] + joules)
            self._show(joules / seconds)
            moment, worked_s = now, spent_s

    def end(self) -> None:
        """Show nothing any more."""
        self._ended.set()
        self.join()

    def joules(self, begin_ns: int, end_ns: int) -> float:
        """Return what was really used between two moments of ``time.monotonic_ns``."""
        before, after = np.interp([begin_ns, end_ns], self._moments_ns, self._joules)
        return float(after - before)

    def _show(self, watts: float) -> None:
        """Replace what the chip says in one step, as the kernel does."""
        beside = self._chip / ".power"
        beside.write_text(f"{watts / MICRO:.0f}\n")
        os.replace(beside, self._chip / "power1_input")
