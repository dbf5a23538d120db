"""powermetrics, the program of macOS that tells the power of Apple's and Intel's chips. Apple calls it an estimate.

Each block of its text holds the mean power since the block before and the time between them. So energy is a plain sum,
and the meter is a counter.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adafocus.edge.meters.meter import Address, Meter, Places
from adafocus.edge.meters.sampling import LiveMeter, Stream
from adafocus.errors import MeterError, ShutMeterError

PERIOD_S = 0.2
PATIENCE_S = 5.0
COMMAND = ("--samplers", "cpu_power,gpu_power,ane_power", "-b", "1", "-i", str(round(1e3 * PERIOD_S)))
HEADER = re.compile(r"\*\*\* Sampled system activity \((?P<moment>[^()]*)\) \((?P<ms>[\d.]+)\s*ms elapsed\) \*\*\*")
POWER = re.compile(r"(?P<rail>[A-Za-z][\w ()+-]*?) Power(?: \([\w +]+\))?: (?P<value>-?[\d.]+) (?P<unit>mW|W)")
# the whole chip by another name on newer systems, and on Macs with Intel's processors
WHOLE = ("Package", "Combined", "Intel energy model derived package power (CPUs+GT+SA)")
INTEL = re.compile(rf"{re.escape(WHOLE[2])}: (?P<value>-?[\d.]+)(?P<unit>mW|W)")


@dataclass(frozen=True)
class Block:
    """One block of the text.

    Attributes:
        moment: its date, as it is written.
        seconds: since the block before.
        watts: mean power by rail.
    """

    moment: str
    seconds: float
    watts: dict[str, float]

    @property
    def whole(self) -> str | None:
        """Name of the rail that is the whole chip; None where no such line is there."""
        return next((name for name in WHOLE if name in self.watts), None)


def open_meter(address: Address, places: Places) -> Meter:
    """Return the meter of this Mac's chip."""
    return LiveMeter(address.kind, "counter", "package", PERIOD_S, lambda: Powermetrics(places.powermetrics))


def blocks(lines: Iterable[str], early: bool = False) -> Iterator[Block]:
    """Cut a text into blocks.

    Args:
        lines: of the text.
        early: give a block once its line of the whole chip is there, without waiting for the next block.

    Raises:
        MeterError: a number is none.
    """
    moment, seconds, given = "", 0.0, True
    watts: dict[str, float] = {}
    for line in lines:
        header = HEADER.search(line)
        if header:
            if not given:
                yield Block(moment, seconds, watts)
            moment, seconds, watts, given = header["moment"], 1e-3 * _number(header["ms"]), {}, False
            continue
        found = INTEL.match(line)
        name = WHOLE[2] if found else ""
        if found is None:
            found = POWER.match(line)
            name = found["rail"] if found else ""
        if found and not given:
            watts[name] = _number(found["value"]) * (1e-3 if found["unit"] == "mW" else 1)
            if early and name in WHOLE:
                given = True
                yield Block(moment, seconds, dict(watts))
    if not given:
        yield Block(moment, seconds, watts)


def _number(text: str) -> float:
    """Return a number of the text.

    Raises:
        MeterError: it is none.
    """
    try:
        return float(text)
    except ValueError as error:
        raise MeterError(f"powermetrics wrote {text!r}, expected a number. Record it once more.") from error


class Powermetrics(Stream):
    """The program at work; joules are added up from its blocks."""

    scope = "package"

    def __init__(self, program: str) -> None:
        """Start the program and wait for its first block.

        Args:
            program: its name or path.

        Raises:
            MeterError: it is not there.
            ShutMeterError: it does not run for this user, or tells no power of the whole chip.
        """
        super().__init__(PATIENCE_S)
        self.detail = "powermetrics"
        if shutil.which(program) is None:
            raise MeterError("There is no powermetrics here, which macOS alone has.")
        try:
            self._process = subprocess.Popen(
                [program, *COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
            )
        except OSError as error:
            raise ShutMeterError(f"{program} does not start: {error.strerror}. Start adafocus as root: sudo") from error
        self._thread = threading.Thread(target=self._follow, name="powermetrics", daemon=True)
        self._thread.start()
        try:
            self.totals = tuple(name for name in self.read() if name in WHOLE)[:1]
        except MeterError:
            self.close()
            raise

    def close(self) -> None:
        """End the program."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._thread.join(PATIENCE_S)
        super().close()

    def _follow(self) -> None:
        """Add up joules block by block until the program ends."""
        joules: dict[str, float] = {}
        output, errors = self._process.stdout, self._process.stderr
        if output is None or errors is None:
            return
        try:
            for block in blocks(output, early=True):
                if block.whole is None:
                    self.put(ShutMeterError("powermetrics tells no power of the whole chip on this Mac."))
                    continue
                for name, watts in block.watts.items():
                    joules[name] = joules.get(name, 0.0) + watts * block.seconds
                self.put(dict(joules))
        except MeterError as error:
            self.put(error)
        said = " ".join(errors.read().split())[:120]
        self.put(
            ShutMeterError(f"powermetrics has ended ({said or 'without a word'}). It asks for root: sudo adafocus ...")
        )
