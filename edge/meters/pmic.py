"""The power chip (PMIC) of a Raspberry Pi 5: currents and voltages of twelve rails of the board.

The sum is that of the rails behind the converters. USB, whatever hangs on 5 V, and the losses of the converters are not
in it. A reading takes about 23 ms, which the firmware needs by whatever way it is asked; the mailbox starts no process.
The tag of the message is that of ``vcgencmd``: github.com/raspberrypi/utils, vcgencmd/vcgencmd.c.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from adafocus.edge.meters.meter import Address, Meter, Places
from adafocus.edge.meters.sampling import LiveMeter, Probe
from adafocus.errors import MeterError, ShutMeterError

PERIOD_S = 0.1
COMMAND = "pmic_read_adc"
VIDEO_GROUP = "sudo usermod -aG video $USER, then log in again"
ANSWER_LIMIT_S = 2.0
# `VDD_CORE_A current(7)=1.234A`, or `VDD_CORE_A=1.234A` of older firmware
LINE = re.compile(r"(?P<rail>\w+)_(?P<what>[AV])(?:\s+\w+\(\d+\))?\s*=\s*(?P<value>\S+?)[AV]?\s*$", re.MULTILINE)

TEXT_BYTES = 1024
HEADER = struct.Struct("=6I")
TAG_GET_GENCMD_RESULT = 0x00030080
# _IOWR(100, 0, char *)
Exchange = Callable[[int, int, bytearray], object]
MAILBOX_REQUEST = 3 << 30 | struct.calcsize("P") << 16 | 100 << 8


def open_meter(address: Address, places: Places) -> Meter:
    """Return the meter of this Raspberry Pi's board."""
    return LiveMeter(address.kind, "sampler", "module rails", PERIOD_S, lambda: Pmic(_way(places)))


def rail_watts(text: str) -> dict[str, float]:
    """Return watts by rail from the answer of ``pmic_read_adc``, currents and voltages paired by name.

    Voltages without a current (``EXT5V``, ``BATT``) are no rails.

    Raises:
        MeterError: there is no current in it, a current has no voltage, or a value is no number.
    """
    found: dict[str, dict[str, str]] = {"A": {}, "V": {}}
    for line in LINE.finditer(text):
        found[line["what"]][line["rail"]] = line["value"]
    if not found["A"]:
        said = " ".join(text.split())[:80]
        raise MeterError(
            f"This board's power chip tells no currents, as on every model before the Raspberry Pi 5; it said {said!r}."
        )
    alone = [rail for rail in found["A"] if rail not in found["V"]]
    if alone:
        raise ShutMeterError(f"The power chip told a current and no voltage of {', '.join(alone)}. Read it once more.")
    try:
        return {rail: float(current) * float(found["V"][rail]) for rail, current in found["A"].items()}
    except ValueError as error:
        raise ShutMeterError(f"The power chip told something that is no number: {error}. Read it once more.") from error


class Pmic(Probe):
    """All rails of the power chip."""

    scope = "module rails"

    def __init__(self, ask: Callable[[], str]) -> None:
        """Read once, to learn the rails.

        Args:
            ask: returns the answer of ``pmic_read_adc``.

        Raises:
            MeterError: it does not answer, or not with rails.
        """
        self._ask = ask
        self.totals = tuple(rail_watts(ask()))
        self.detail = f"{len(self.totals)} rails by {COMMAND}"

    def read(self) -> Mapping[str, float]:
        """Return watts by rail."""
        return rail_watts(self._ask())


def _way(places: Places) -> Callable[[], str]:
    """Return how to ask the firmware: by the mailbox where it may be opened, else by the program.

    Raises:
        MeterError: there is neither.
    """
    if os.access(places.vcio, os.R_OK | os.W_OK):
        return lambda: ask_mailbox(places.vcio)
    if shutil.which(places.vcgencmd) is not None:
        return lambda: ask_program(places.vcgencmd)
    if places.vcio.exists():
        raise ShutMeterError(f"{places.vcio} cannot be opened, allow it: {VIDEO_GROUP}")
    raise MeterError("No firmware of a Raspberry Pi is here: neither /dev/vcio nor vcgencmd.")


def ask_program(program: str) -> str:
    """Return the answer by way of ``vcgencmd``.

    Raises:
        ShutMeterError: it fails or takes too long.
    """
    try:
        done = subprocess.run(
            [program, COMMAND], capture_output=True, text=True, errors="replace", timeout=ANSWER_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ShutMeterError(f"{program} {COMMAND} does not answer ({error}). Allow it: {VIDEO_GROUP}") from error
    if done.returncode and "=" not in done.stdout:
        said = " ".join((done.stderr or done.stdout).split())[:80] or f"code {done.returncode}"
        raise ShutMeterError(f"{program} {COMMAND} failed: {said}. Allow it: {VIDEO_GROUP}")
    return done.stdout


def ask_mailbox(vcio: Path, exchange: Exchange | None = None) -> str:
    """Return the answer by way of the firmware's mailbox.

    Args:
        vcio: its device file.
        exchange: sends a message and writes the answer into it, ``fcntl.ioctl`` where None.

    Raises:
        ShutMeterError: it does not answer.
    """
    if exchange is None:
        # no such module on Windows
        from fcntl import ioctl

        exchange = ioctl
    size = HEADER.size + TEXT_BYTES + 4
    # size, request, tag, room for the answer, length of the request, error; the end tag is 0
    message = bytearray(HEADER.pack(size, 0, TAG_GET_GENCMD_RESULT, TEXT_BYTES, 0, 0))
    message += COMMAND.encode().ljust(TEXT_BYTES + 4, b"\0")
    try:
        device = os.open(vcio, os.O_RDWR)
        try:
            exchange(device, MAILBOX_REQUEST, message)
        finally:
            os.close(device)
    except OSError as error:
        raise ShutMeterError(f"{vcio} does not answer ({error.strerror}). Allow it: {VIDEO_GROUP}") from error
    return bytes(message[HEADER.size :]).split(b"\0\0", 1)[0].replace(b"\0", b"\n").decode(errors="replace")
