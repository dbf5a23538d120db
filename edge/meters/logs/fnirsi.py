"""Logs of the USB meters FNIRSI FNB48 and FNB58, as github.com/baryluk/fnirsi-usb-power-data-logger writes them.

Four samples of 10 ms come in a packet, and all get their times from when the packet came: so times go back a little.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adafocus.edge.meters.logs.columns import read_table
from adafocus.edge.meters.logs.moments import numeric_times
from adafocus.edge.meters.logs.recording import Recording, recording

HEADING = b"timestamp sample_in_packet voltage_V current_A"


def recognizes(head: bytes, path: Path) -> bool:
    """Tell whether a file begins with the logger's headings."""
    return b" ".join(head.split(b"\n", 1)[0].split()).startswith(HEADING)


def read(path: Path, settings: Mapping[str, str]) -> Recording:
    """Read volts and amperes of the wire that the meter is plugged into."""
    table = read_table(path)
    watts = table.numbers("voltage_V", "voltage", 1.0) * table.numbers("current_A", "current", 1.0)
    times = numeric_times(table.column("timestamp", "time"), "s", f"{path}, column timestamp")
    return recording(path, times, {"USB": watts}, ("USB",), "unix", "board input", "FNIRSI, 4 samples a packet")
