"""Logs of ``tegrastats``, the program of a Jetson.

Of each pair of numbers the first is the power now. The second is the mean since the program was started, and no mean of
any window. Releases before L4T 34 write no unit, and mean mW.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from adafocus.edge.meters.jetson import INPUTS, whole_of
from adafocus.edge.meters.logs.moments import dated_times
from adafocus.edge.meters.logs.recording import Recording, recording
from adafocus.edge.meters.meter import SECOND_NS
from adafocus.errors import MeterError

STATE = re.compile(r"\bRAM \d+/\d+MB\b")
RAIL = re.compile(r"(?<!\S)(?P<name>[A-Za-z][A-Za-z0-9_]*) (?P<now>\d+)(?P<unit>mW)?/\d+(mW)?(?!\S)")
STAMP = re.compile(r"^(\d\d)-(\d\d)-(\d{4}) (\d\d:\d\d:\d\d)")
MILLI = 1e-3


def recognizes(head: bytes, path: Path) -> bool:
    """Tell whether a line of the first is one of tegrastats."""
    return STATE.search(head.decode(errors="replace")) is not None


def read(path: Path, settings: Mapping[str, str]) -> Recording:
    """Read the rails of every line.

    Args:
        path: of the log.
        settings: ``interval`` in s, where the lines have no times.

    Raises:
        MeterError: no rails are in it, none is the whole, or lines have neither times nor an interval.
    """
    lines = [line for line in path.read_text(errors="replace").splitlines() if STATE.search(line)]
    found = [{rail["name"]: MILLI * int(rail["now"]) for rail in RAIL.finditer(line)} for line in lines]
    names = list(dict.fromkeys(name for rails in found for name in rails))
    whole = whole_of(names)
    if whole is None:
        there = f"only the rails {', '.join(names)}" if names else "no power in any of its lines"
        raise MeterError(
            f"{path} holds {there}; expected one of {', '.join(INPUTS)}, or all rails that make up the whole. Record "
            "it as root: sudo tegrastats --interval 100 --logfile FILE"
        )
    totals, scope = whole
    rails = {name: np.array([rails.get(name, math.nan) for rails in found]) for name in names}
    stamps = [STAMP.match(line) for line in lines]
    detail = f"tegrastats, {' + '.join(totals)}"
    if all(stamps):
        texts = [f"{one[3]}-{one[1]}-{one[2]} {one[4]}" for one in stamps if one]
        return recording(path, dated_times(texts, "local", str(path)), rails, totals, "unix", scope, detail)
    times = np.round(np.arange(len(lines)) * _interval_s(path, settings) * SECOND_NS).astype(np.int64)
    return recording(path, times, rails, totals, "own", scope, detail)


def _interval_s(path: Path, settings: Mapping[str, str]) -> float:
    """Return the time from line to line that an address states.

    Raises:
        MeterError: it states none.
    """
    text = settings.get("interval", "")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        found = f"interval={text} is none" if text else "its lines have no times"
        raise MeterError(
            f"{path}: {found}, expected the seconds from line to line. With tegrastats --interval 1000 it is --meter "
            f"log:{path}?interval=1"
        )
    return seconds
