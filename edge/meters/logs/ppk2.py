"""CSV of Nordic's Power Profiler Kit II: ``Timestamp(ms),Current(uA)``, since the recording began.

The kit measures the current only. What voltage it supplied, or was supplied with, the address states.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adafocus.edge.meters.logs.columns import read_table, volts_of
from adafocus.edge.meters.logs.moments import numeric_times
from adafocus.edge.meters.logs.recording import Recording, recording
from adafocus.errors import MeterError

TIME, CURRENT = "Timestamp(ms)", "Current(uA)"
MICRO = 1e-6


def recognizes(head: bytes, path: Path) -> bool:
    """Tell whether a file begins with the headings of the kit's program."""
    return head.removeprefix(b"\xef\xbb\xbf").startswith(f"{TIME},{CURRENT}".encode())


def read(path: Path, settings: Mapping[str, str]) -> Recording:
    """Read the current, and multiply it by the voltage.

    Raises:
        MeterError: the voltage is not stated.
    """
    if "voltage" not in settings:
        raise MeterError(
            f"{path} is of a PPK2, which tells a current only. Say its volts: --meter log:{path}?voltage=5.0"
        )
    volts = volts_of(settings["voltage"])
    table = read_table(path)
    watts = table.numbers(CURRENT, "current", MICRO) * volts
    times = numeric_times(table.column(TIME, "time"), "ms", f"{path}, column {TIME}")
    return recording(path, times, {"supply": watts}, ("supply",), "own", "board input", f"PPK2 at {volts:g} V")
