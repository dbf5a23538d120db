"""Meters of energy: one table, one module and one row for each kind, imported when a meter of the kind is asked for.

``choose_meter("auto")`` takes the widest meter that answers, and ``choose_meter("shelly:192.168.1.20")`` that one::

    meter = choose_meter("auto")
    with meter.open() as session:
        begin = session.mark()
        work()
        reading = session.window(begin, session.mark())
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from urllib.parse import unquote

from adafocus.edge.meters.logs import SETTINGS as LOG_SETTINGS
from adafocus.edge.meters.meter import SCOPES, Address, Meter, Places, Reading, Session, Trace, Unavailable
from adafocus.errors import MeterError

__all__ = [
    "METERS",
    "Address",
    "Meter",
    "MeterSpec",
    "Places",
    "Reading",
    "Session",
    "Trace",
    "Unavailable",
    "address_of",
    "automatic_meters",
    "choose_meter",
    "connectable",
    "meter_of",
]

AUTO = "auto"
ADDRESS = re.compile(r"(?P<kind>[^:?]*)(:(?P<place>.*?))?(\?(?P<query>[^?]*))?", re.DOTALL)


@dataclass(frozen=True)
class MeterSpec:
    """One row of the table.

    Attributes:
        name: of the kind, as it is typed after ``--meter``.
        title: for people, as ``doctor`` shows it.
        module: of the package, which has ``open_meter(address: Address, places: Places) -> Meter``.
        example: an address, for messages.
        place: what follows the colon; empty where nothing may.
        needs_place: whether it must be there.
        settings: names that may follow the question mark.
        automatic: whether it is found without being named.
        plug_in: what a person could buy or connect to have one; empty where it is built in.
    """

    name: str
    title: str
    module: str
    example: str
    place: str = ""
    needs_place: bool = False
    settings: tuple[str, ...] = ()
    automatic: bool = False
    plug_in: str = ""


METERS: dict[str, MeterSpec] = {
    row.name: row
    for row in (
        MeterSpec("rapl", "RAPL", "rapl", "rapl", automatic=True),
        MeterSpec("jetson", "INA3221 (Jetson)", "jetson", "jetson", automatic=True),
        MeterSpec("pmic", "PMIC (Raspberry Pi 5)", "pmic", "pmic", automatic=True),
        MeterSpec(
            "hwmon",
            "INA2xx, KM003C (hwmon)",
            "hwmon",
            "hwmon:ina260",
            "NAME",
            automatic=True,
            plug_in="an INA260 on the supply's wire, or a KM003C on its USB-C plug",
        ),
        MeterSpec("nvml", "NVML (NVIDIA)", "nvml", "nvml:0", "NUMBER", automatic=True),
        MeterSpec(
            "joulescope", "Joulescope", "joulescope", "joulescope", "SERIAL", automatic=True, plug_in="a Joulescope"
        ),
        MeterSpec("powermetrics", "powermetrics (macOS)", "powermetrics", "powermetrics", automatic=True),
        MeterSpec(
            "shelly",
            "Shelly plug",
            "plug",
            "shelly:192.168.1.20",
            "HOST",
            True,
            ("id",),
            plug_in="a Shelly plug (--meter shelly:HOST)",
        ),
        MeterSpec(
            "tasmota",
            "Tasmota plug",
            "plug",
            "tasmota:192.168.1.21",
            "HOST",
            True,
            ("id",),
            plug_in="a Tasmota plug (--meter tasmota:HOST)",
        ),
        MeterSpec(
            "log",
            "log of another meter",
            "logs",
            "'log:power.csv?time=Timestamp&power=Power&unit=W'",
            "FILE",
            True,
            LOG_SETTINGS,
            plug_in="any meter that writes a log (--meter log:FILE)",
        ),
    )
}


def address_of(text: str) -> Address:
    """Return which meter is meant by what was typed after ``--meter``.

    Args:
        text: ``KIND``, ``KIND:PLACE`` or ``KIND:PLACE?name=value&name=value``. A value may hold ``%26`` for ``&``.

    Raises:
        MeterError: there is no such kind, or it takes no such place or setting.
    """
    found = ADDRESS.fullmatch(text.strip())
    row = METERS.get(found["kind"]) if found else None
    if found is None or row is None:
        kind = found["kind"] if found else text
        raise MeterError(f"{kind!r} is no meter that is known here, expected {AUTO}, {_examples()}.")
    kind, place = row.name, found["place"] or ""
    if place and not row.place:
        raise MeterError(f"The meter {kind} takes nothing after a colon, found {place!r}. Type: --meter {row.example}")
    if row.needs_place and not place:
        raise MeterError(f"The meter {kind} needs a {row.place}. Type: --meter {row.example}")
    return Address(kind, place, MappingProxyType(_settings(row, found["query"] or "")))


def _settings(row: MeterSpec, query: str) -> dict[str, str]:
    """Return the settings of an address.

    Raises:
        MeterError: one is not known, has no value, or is there twice.
    """
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, equals, value = part.partition("=")
        if name not in row.settings:
            expected = f"expected {', '.join(row.settings)}" if row.settings else "it takes none"
            raise MeterError(f"The meter {row.name} has no setting {name!r}, {expected}. Type: --meter {row.example}")
        if not equals or not value or name in found:
            problem = "stands there twice" if name in found else "has no value"
            raise MeterError(f"The setting {name} of the meter {row.name} {problem}. Type {name}=VALUE once.")
        found[name] = unquote(value)
    return found


def meter_of(address: Address, places: Places | None = None) -> Meter:
    """Return the meter of an address, which may not be available.

    Args:
        address: of :func:`address_of`.
        places: where meters are looked for; this machine's where None.

    Raises:
        MeterError: its place is none.
    """
    module = import_module(f"{__name__}.{METERS[address.kind].module}")
    return module.open_meter(address, places or Places())


def automatic_meters(places: Places | None = None) -> Iterator[tuple[MeterSpec, Meter]]:
    """Return the meters that are found without being named, with their rows, available or not."""
    return ((row, meter_of(Address(row.name), places)) for row in METERS.values() if row.automatic)


def choose_meter(text: str = AUTO, places: Places | None = None) -> Meter:
    """Return a meter that has just given a real reading.

    Args:
        text: an address, or ``auto`` for the widest scope that answers.
        places: where meters are looked for; this machine's where None.

    Raises:
        MeterError: none answers; the sentence says what could be plugged in.
    """
    if text.strip() != AUTO:
        meter = meter_of(address_of(text), places)
        refused = meter.available()
        if refused is not None:
            raise MeterError(str(refused))
        return meter
    tried = [(meter, meter.available()) for _, meter in automatic_meters(places)]
    answering = [meter for meter, refused in tried if refused is None]
    if answering:
        return min(answering, key=lambda meter: SCOPES.index(meter.scope))
    shut = [f"{meter.name}: {refused}" for meter, refused in tried if refused is not None and refused.present]
    there = f"These are here and do not answer. {' '.join(shut)} Or connect" if shut else "Connect"
    raise MeterError(f"No meter of energy answers on this machine. {there} one of these: {connectable()}.")


def connectable() -> str:
    """Return what a person could connect to a machine without a meter."""
    return ", ".join(row.plug_in for row in METERS.values() if row.plug_in)


def _examples() -> str:
    """Return an address of every kind."""
    return ", ".join(row.example for row in METERS.values())
