"""Logs in columns: CSV of any meter, whose columns and units the address states.

``log:power.csv?time=Timestamp&power=Power&unit=W``. A unit has no default, and a heading is not believed: of two
published logs of one project, both headed "Power (mW)", one holds watts.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from adafocus.edge.meters.logs.moments import UNITS_NS, dated_times, numeric_times
from adafocus.edge.meters.logs.recording import Clock, Recording, recording
from adafocus.edge.meters.meter import Nanoseconds, Scope, Values
from adafocus.errors import MeterError

WATTS = {"W": 1.0, "mW": 1e-3, "uW": 1e-6, "kW": 1e3}
JOULES = {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "Ws": 1.0, "uWs": 1e-6, "Wh": 3600.0, "mWh": 3.6, "kWh": 3.6e6}
VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6}
AMPERES = {"A": 1.0, "mA": 1e-3, "uA": 1e-6}
CLOCKS = ("unix", "utc", "local", "host", "own")
SEPARATORS = (",", ";", "\t")
SHOWN_COLUMNS = 12


@dataclass(frozen=True)
class Table:
    """Text in columns.

    Attributes:
        path: of the file.
        names: headings.
        rows: texts, as many in each row as there are headings.
        lines: number of each row's line.
        decimal_comma: whether numbers are written with a comma.
    """

    path: Path
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    decimal_comma: bool

    def column(self, name: str, setting: str) -> list[str]:
        """Return the texts of a column.

        Args:
            name: its heading; small and capital letters are the same.
            setting: which asks for it, for messages.

        Raises:
            MeterError: there is no such column.
        """
        plain = [heading.strip().casefold() for heading in self.names]
        if plain.count(name.strip().casefold()) != 1:
            shown = ", ".join(self.names[:SHOWN_COLUMNS])
            raise MeterError(
                f"{self.path} has the columns {shown}; expected one that is called {name!r}. Name it: {setting}=COLUMN"
            )
        place = plain.index(name.strip().casefold())
        return [row[place].strip() for row in self.rows]

    def numbers(self, name: str, setting: str, factor: float) -> Values:
        """Return a column as numbers; an empty cell is NaN.

        Args:
            name: its heading.
            setting: which asks for it, for messages.
            factor: of its unit.

        Raises:
            MeterError: there is no such column, or a cell holds no number.
        """
        found = []
        for line, text in zip(self.lines, self.column(name, setting), strict=True):
            try:
                found.append(float(self.plain(text)) if text else math.nan)
            except ValueError as error:
                raise MeterError(
                    f"{self.path}, line {line}: {text[:40]!r} in the column {name}, expected a number."
                ) from error
        return np.array(found, np.float64) * factor

    def plain(self, text: str) -> str:
        """Return a number as Python writes it."""
        return text.replace(",", ".") if self.decimal_comma else text


def recognizes(head: bytes, path: Path) -> bool:
    """Take every file that is none of the others."""
    return True


def read(path: Path, settings: Mapping[str, str]) -> Recording:
    """Read a log by the columns and units that an address states.

    Args:
        path: of the log.
        settings: ``time`` and one of ``power``, ``energy``, or ``current`` with ``voltage`` (a column or a number).

    Raises:
        MeterError: a column, a unit or a number is not what it should be.
    """
    table = read_table(path)
    if "time" not in settings:
        raise MeterError(
            f"{path} has the columns {', '.join(table.names[:SHOWN_COLUMNS])}. Say what they are: --meter "
            f"'log:{path}?time=COLUMN&power=COLUMN&unit=W'"
        )
    times, clock = _times(table, settings)
    values, counts, detail = _values(table, settings)
    scope: Scope = "board input"
    if "scope" in settings:
        found = [one for one in get_args(Scope) if one == settings["scope"]]
        if not found:
            raise MeterError(f"scope={settings['scope']} is none, expected one of {', '.join(get_args(Scope))}.")
        scope = found[0]
    return recording(path, times, {"log": values}, ("log",), clock, scope, detail, counts=counts)


def read_table(path: Path) -> Table:
    """Read a text in columns: separated by commas, semicolons, tabs or blanks; lines that begin with # are comments.

    A last line without an end is left out, because it may be still being written.

    Raises:
        MeterError: there is no heading, or a line has another number of columns.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace").replace("\0", "")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not lines:
        raise MeterError(f"{path} is empty, expected a line of headings and samples below it.")
    if not lines[0][1].replace("\t", " ").isprintable():
        raise MeterError(f"{path} begins with something that is no text. Choose the file that the meter wrote.")
    separator = max(SEPARATORS, key=lines[0][1].count)
    blank = separator not in lines[0][1]
    try:
        cells = [_cells(line, None if blank else separator) for _, line in lines]
    except csv.Error as error:
        raise MeterError(f"{path} is no text in columns: {error}. Choose the file that the meter wrote.") from error
    names, rows, numbers = cells[0], cells[1:], [number for number, _ in lines[1:]]
    if rows and not text.endswith(("\n", "\r")):
        # it may be cut within a number
        rows, numbers = rows[:-1], numbers[:-1]
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(names):
            raise MeterError(
                f"{path}, line {number}: {len(row)} columns, expected {len(names)} as in the line of headings."
            )
    return Table(path, tuple(name.strip() for name in names), rows, numbers, separator == ";" and not blank)


def _cells(line: str, separator: str | None) -> list[str]:
    """Return the texts of a line; None stands for any number of blanks."""
    return line.split() if separator is None else next(csv.reader([line], delimiter=separator, skipinitialspace=True))


def _times(table: Table, settings: Mapping[str, str]) -> tuple[Nanoseconds, Clock]:
    """Return times, and whose they are."""
    name, named = settings["time"], settings.get("clock")
    if named is not None and named not in CLOCKS:
        raise MeterError(f"clock={named} is none, expected one of {', '.join(CLOCKS)}.")
    texts = [table.plain(text) for text in table.column(name, "time")]
    place = f"{table.path}, column {name}"
    if texts and not _is_number(texts[0]):
        if named == "host":
            raise MeterError(f"{place}: dates are no times of this machine's monotonic clock. Say clock=local or utc.")
        times = dated_times(texts, "utc" if named in ("utc", "unix") else "local", place)
        return times, "own" if named == "own" else "unix"
    unit = _unit(settings, "time_unit", UNITS_NS, f"the times in {place}")
    if named in ("utc", "local"):
        raise MeterError(f"{place}: clock={named} is for dates, and these are numbers. Say clock=unix, host or own.")
    clocks: dict[str | None, Clock] = {"unix": "unix", "host": "host"}
    return numeric_times(texts, unit, place), clocks.get(named, "own")


def _values(table: Table, settings: Mapping[str, str]) -> tuple[Values, bool, str]:
    """Return watts or joules, whether they are joules, and what they were read from."""
    chosen = [name for name in ("power", "energy", "current") if name in settings]
    if len(chosen) != 1:
        found = " and ".join(chosen) or "nothing"
        raise MeterError(
            f"{table.path}: {found} is asked for, expected one of power=COLUMN, energy=COLUMN, or current=COLUMN with "
            "voltage=COLUMN or a number of volts."
        )
    (what,) = chosen
    column = settings[what]
    if what == "current":
        factor = AMPERES[_unit(settings, "current_unit", AMPERES, f"the column {column}")]
        return table.numbers(column, what, factor) * _volts(table, settings), False, f"{column} times voltage"
    units = WATTS if what == "power" else JOULES
    factor = units[_unit(settings, "unit", units, f"the column {column}")]
    return table.numbers(column, what, factor), what == "energy", column


def _volts(table: Table, settings: Mapping[str, str]) -> Values | float:
    """Return the voltage: a column, or one number for all."""
    name = settings.get("voltage")
    if name is None:
        raise MeterError(
            f"{table.path} tells a current. Say the voltage, too: voltage=COLUMN, or voltage=5.1 in volts."
        )
    if name.strip().casefold() not in [heading.casefold() for heading in table.names] and _is_number(name):
        return volts_of(name)
    return table.numbers(name, "voltage", VOLTS[_unit(settings, "voltage_unit", VOLTS, f"the column {name}")])


def volts_of(text: str) -> float:
    """Return the volts that an address states.

    Raises:
        MeterError: it is no number above 0.
    """
    if not _is_number(text) or not 0 < float(text) < math.inf:
        raise MeterError(f"voltage={text} is none, expected volts above 0 such as voltage=5.1.")
    return float(text)


def _unit(settings: Mapping[str, str], setting: str, units: Mapping[str, float], what: str) -> str:
    """Return the unit that an address states.

    Raises:
        MeterError: it states none, or one of something else.
    """
    found = settings.get(setting, "").replace("µ", "u").replace("μ", "u")
    if found not in units:
        said = f"{setting}={settings[setting]} is no unit of" if setting in settings else "No unit is stated of"
        raise MeterError(f"{said} {what}, expected one of {', '.join(units)}. Say it: {setting}={next(iter(units))}")
    return found


def _is_number(text: str) -> bool:
    """Tell whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
