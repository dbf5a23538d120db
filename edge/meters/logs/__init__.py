"""Logs of meters that something else writes: one table, one module and one row for each format."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from adafocus.edge.meters.logs.recording import Recording
from adafocus.edge.meters.logs.session import LogMeter
from adafocus.edge.meters.meter import Address, Meter, Places
from adafocus.errors import MeterError

HEAD_BYTES = 65536


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Attributes:
        name: of the format, and of its module here, which has ``recognizes(head: bytes, path: Path) -> bool`` and
            ``read(path: Path, settings) -> Recording``.
        settings: names that an address of it may have.
    """

    name: str
    settings: tuple[str, ...]


# the first that recognizes a file reads it; `columns` takes whatever is left
FORMATS: tuple[Format, ...] = (
    Format("perfetto", ("power", "voltage")),
    Format("tegrastats", ("interval",)),
    Format("powermetrics", ()),
    Format("fnirsi", ()),
    Format("ppk2", ("voltage",)),
    Format(
        "columns",
        (
            "time",
            "time_unit",
            "power",
            "energy",
            "unit",
            "voltage",
            "voltage_unit",
            "current",
            "current_unit",
            "clock",
            "scope",
        ),
    ),
)
SETTINGS = ("format", *dict.fromkeys(name for row in FORMATS for name in row.settings))


def open_meter(address: Address, places: Places) -> Meter:
    """Return the meter of a log.

    Raises:
        MeterError: no file was named, or a setting is none.
    """
    path = Path(address.place)

    def read() -> Recording:
        return read_log(path, dict(address.settings))

    return LogMeter(address.kind, path, read)


def read_log(path: Path, settings: dict[str, str]) -> Recording:
    """Read a log in the format that it has, or that ``format`` names.

    Raises:
        MeterError: it cannot be read, or a setting does not belong to its format.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        row = _format_of(path, head, settings.pop("format", ""))
        wrong = [name for name in settings if name not in row.settings]
        if wrong:
            raise MeterError(
                f"{path} is a log of the format {row.name}, which does not take {', '.join(wrong)}; expected "
                f"{', '.join(row.settings) or 'no setting'}, or another format={_names()}."
            )
        return import_module(f"{__name__}.{row.name}").read(path, settings)
    except OSError as error:
        raise MeterError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    except MemoryError as error:
        raise MeterError(f"{path} does not fit into memory. Cut it to the time of the measurement.") from error


def _format_of(path: Path, head: bytes, named: str) -> Format:
    """Return the row of a file."""
    for row in FORMATS:
        if row.name == named or (not named and import_module(f"{__name__}.{row.name}").recognizes(head, path)):
            return row
    raise MeterError(f"{named!r} is no format of a log, expected one of {_names()}.")


def _names() -> str:
    """Return the names of all formats."""
    return ", ".join(row.name for row in FORMATS)
