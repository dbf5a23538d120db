"""Logs of powermetrics, the program of macOS, as text: each block is the mean since the block before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from adafocus.edge.meters.logs.recording import Recording, recording
from adafocus.edge.meters.meter import SECOND_NS
from adafocus.edge.meters.powermetrics import HEADER, Block, blocks
from adafocus.errors import MeterError

DATE = "%a %b %d %H:%M:%S %Y %z"
# by so much may dates and elapsed times contradict each other: the date is one of full seconds
PAUSE_S = 1.0


def recognizes(head: bytes, path: Path) -> bool:
    """Tell whether a block begins in the first lines."""
    return HEADER.search(head.decode(errors="replace")) is not None


def read(path: Path, settings: Mapping[str, str]) -> Recording:
    """Add up the energy of every block.

    Raises:
        MeterError: no block tells the whole chip, or the program was stopped in between.
    """
    found = list(blocks(path.read_text(errors="replace").splitlines()))
    if found and found[-1].whole is None:
        # it was being written
        found = found[:-1]
    whole = next((block.whole for block in found if block.whole), None)
    if whole is None:
        raise MeterError(f"{path} tells no power of the whole chip. Record it with --samplers cpu_power,gpu_power.")
    elapsed = np.cumsum([block.seconds for block in found])
    begin_s = _begin_s(path, found, elapsed)
    times = np.round((begin_s + np.concatenate([[0.0], elapsed])) * SECOND_NS).astype(np.int64)
    names = dict.fromkeys(name for block in found for name in block.watts)
    seconds = np.diff(elapsed, prepend=0.0)
    rails = {
        name: np.concatenate([[0.0], np.cumsum([block.watts.get(name, math.nan) for block in found] * seconds)])
        for name in names
    }
    return recording(path, times, rails, (whole,), "unix", "package", f"powermetrics, {whole}", counts=True)


def _begin_s(path: Path, found: list[Block], elapsed: np.ndarray) -> float:
    """Return the seconds since 1970 at which the first block began.

    Dates are cut to seconds. So the moment lies at or above what each says of it, and less than 1 s above.
    """
    try:
        dates = [datetime.strptime(block.moment, DATE).timestamp() for block in found]
    except ValueError as error:
        raise MeterError(f"{path}: {error}. Expected blocks as powermetrics writes them in English.") from error
    begins = np.array(dates) - elapsed
    earliest, latest = float(begins.max()), float(begins.min()) + 1.0
    if earliest > latest + PAUSE_S:
        raise MeterError(
            f"{path}: its dates and the times of its blocks differ by {earliest - latest:.3g} s. The program was "
            "stopped in between. Cut the file there."
        )
    return (earliest + latest) / 2
