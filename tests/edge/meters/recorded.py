"""Made-up trees of meters, recorded traces, and a player that writes them at their own times."""

from __future__ import annotations

import csv
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from adafocus.edge.meters.meter import SECOND_NS, Meter, Reading, Session
from tests.helpers.machines import write

RAPL_ROOT = "class/powercap"
TRIES = 4
# twice the period of the quick meters
DISTURBED_S = 0.2
LEAD_S = 0.3
JETSON_CHIP = "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1"


def rapl_zone(root: Path, zone: str, name: str, energy_uj: int, wraps_uj: int | None = 262_143_328_850) -> Path:
    """Write one zone of the powercap tree and return its folder."""
    files = {"name": name, "energy_uj": str(energy_uj)}
    if wraps_uj is not None:
        files["max_energy_range_uj"] = str(wraps_uj)
    write(root / RAPL_ROOT / zone, files)
    return root / RAPL_ROOT / zone


def shut(file: Path) -> None:
    """Make a file that nobody can read, root neither: a folder stands in its place."""
    file.unlink()
    file.mkdir()


def trace_of(path: Path, unit: float) -> tuple[list[float], list[float]]:
    """Return seconds since the first sample and watts of a recorded trace of E2FL."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    moments = [datetime.fromisoformat(moment) for moment, _ in rows]
    return [(moment - moments[0]).total_seconds() for moment in moments], [unit * float(value) for _, value in rows]


def between(times_s: Sequence[float], values: Sequence[float], step_s: float) -> tuple[list[float], list[float]]:
    """Return a trace with more samples, on straight lines between its own: power moves in no steps."""
    times = np.arange(0, times_s[-1], step_s)
    return [*times.tolist(), times_s[-1]], [*np.interp(times, times_s, values).tolist(), values[-1]]


def overwrite(file: Path, text: str) -> None:
    """Replace what a small file says in one step, as the kernel does."""
    beside = file.with_name(f".{file.name}")
    beside.write_text(text)
    os.replace(beside, file)


class Player(threading.Thread):
    """Calls a function with every value of a trace at its time.

    Attributes:
        began_ns: moment of the first value, of ``time.monotonic_ns``.
        late_s: by how much the latest value came after its time.
    """

    def __init__(self, times_s: Sequence[float], values: Sequence[float], show: Callable[[float], None]) -> None:
        super().__init__(daemon=True)
        self._times, self._values, self._show = times_s, values, show
        self.began_ns, self.late_s = 0, 0.0

    def run(self) -> None:
        self.began_ns = time.monotonic_ns()
        for moment, value in zip(self._times, self._values, strict=True):
            wait_s = moment - (time.monotonic_ns() - self.began_ns) / SECOND_NS
            if wait_s > 0:
                time.sleep(wait_s)
            self._show(value)
            self.late_s = max(self.late_s, (time.monotonic_ns() - self.began_ns) / SECOND_NS - moment)

    @property
    def ended_ns(self) -> int:
        """Moment of the last value as the trace has it."""
        return self.began_ns + round(self._times[-1] * SECOND_NS)


def undisturbed_window(session: Session, length_s: float) -> Reading:
    """Measure what a session sees in a while, again where it was disturbed."""
    time.sleep(0.05)

    def measure() -> Reading:
        begin = session.mark()
        time.sleep(length_s)
        return session.window(begin, session.mark())

    return undisturbed(measure)


def undisturbed(measure: Callable[[], Reading]) -> Reading:
    """Measure again, some times, where other programs took the processor away from the meter's thread."""
    for _ in range(TRIES - 1):
        found = measure()
        if found.joules is not None and found.longest_gap_s < DISTURBED_S:
            return found
    return measure()


def played_back(meter: Meter, trace: tuple[list[float], list[float]], show: Callable[[float], None]) -> Reading:
    """Measure a trace while it is played; again where other programs held up the player or the meter.

    Args:
        meter: what measures it.
        trace: seconds and watts.
        show: lets the meter see a value.
    """

    for _ in range(TRIES):
        player = Player(*trace, show)
        with meter.open() as session:
            time.sleep(LEAD_S)
            player.start()
            player.join()
            time.sleep(LEAD_S)
            found = session.window(player.began_ns, player.ended_ns)
        if found.longest_gap_s < DISTURBED_S and player.late_s < DISTURBED_S / 2:
            break
    return found
