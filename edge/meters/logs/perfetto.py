"""Traces of Android's Perfetto: the battery, and the energy counters of power rails where the phone has them.

Which of a phone's rails make up the whole, no one publishes, and some feed others. So the battery is the whole, unless
the address names rails: ``log:trace.perfetto-trace?power=RAIL+RAIL``. The messages are read with the protobuf classes
of the package perfetto alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.meters.access import package
from adafocus.edge.meters.logs.columns import volts_of
from adafocus.edge.meters.logs.recording import Clock, Recording, recording
from adafocus.edge.meters.meter import Nanoseconds, Values
from adafocus.errors import MeterError

SUFFIXES = (".perfetto-trace", ".pftrace", ".perfetto")
# a packet, which every trace begins with: field 1, with a length
PACKET = b"\n"
NO_TEXT = re.compile(rb"[\0-\x08\x0e-\x1f]")
LOOKED_AT_BYTES = 4096
MICRO = 1e-6
REALTIME, BOOTTIME = 1, 6
BATTERY = "battery"


def recognizes(head: bytes, path: Path) -> bool:
    """Tell a trace by the end of its name, or by its first byte and bytes that no text has."""
    return path.name.endswith(SUFFIXES) or (
        head.startswith(PACKET) and NO_TEXT.search(head[:LOOKED_AT_BYTES]) is not None
    )


def read(path: Path, settings: Mapping[str, str]) -> Recording:
    """Read the battery, or the rails that an address names.

    Raises:
        MeterError: it is no trace, or the battery was charged or is not in it.
    """
    pb2 = package("perfetto.protos.perfetto.trace.perfetto_trace_pb2", "perfetto")
    from google.protobuf.message import DecodeError

    trace = pb2.Trace()
    try:
        trace.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise MeterError(f"{path} is no trace of Perfetto, or is cut off. Pull it from the phone again.") from error
    rails = _rails(trace)
    if "power" in settings:
        return _of_rails(path, trace, rails, settings["power"].split("+"))
    return _of_battery(path, trace, rails, settings)


def _of_rails(path: Path, trace: Any, rails: Mapping[str, tuple[Nanoseconds, Values]], names: list[str]) -> Recording:
    """Return the sum of rails that were named."""
    lost = [name for name in names if name not in rails]
    if lost:
        there = ", ".join(rails) or "none"
        raise MeterError(
            f"{path} has the power rails: {there}; expected {', '.join(lost)}. Name others: power=RAIL+RAIL"
        )
    times = rails[names[0]][0]
    # the others were read a moment earlier or later in the same sweep
    values = {name: _at(times, *rails[name]) for name in names}
    offset, clock = _clock(trace)
    return recording(
        path, times + offset, values, tuple(names), clock, "module rails", f"Perfetto, {' + '.join(names)}", counts=True
    )


def _of_battery(
    path: Path, trace: Any, rails: Mapping[str, tuple[Nanoseconds, Values]], settings: Mapping[str, str]
) -> Recording:
    """Return the power that the battery gives."""
    found = [(packet.timestamp, packet.battery) for packet in trace.packet if packet.HasField("battery")]
    found = [(moment, battery) for moment, battery in found if battery.HasField("current_ua")]
    if not found:
        there = (
            f"It has the power rails {', '.join(rails)}: name those that make up the whole, power=RAIL+RAIL."
            if rails
            else ""
        )
        raise MeterError(
            f"{path} holds no current of the battery. {there or 'Record android.power with BATTERY_COUNTER_CURRENT.'}"
        )
    charge = [battery.charge_counter_uah for _, battery in found if battery.HasField("charge_counter_uah")]
    if charge and charge[-1] > charge[0]:
        raise MeterError(f"{path}: the battery was being charged. Unplug the phone and record again.")
    amperes = MICRO * np.array([battery.current_ua for _, battery in found], np.float64)
    volts = np.array([_volts(path, battery, settings) for _, battery in found])
    # which sign is a discharge differs by maker
    direction = -1.0 if np.median(amperes) < 0 else 1.0
    offset, clock = _clock(trace)
    times = np.array([moment for moment, _ in found], np.int64) + offset
    watts = {BATTERY: direction * amperes * volts}
    return recording(path, times, watts, (BATTERY,), clock, "battery", "Perfetto, battery")


def _volts(path: Path, battery: Any, settings: Mapping[str, str]) -> float:
    """Return the voltage of the battery, of the trace or of the address."""
    if battery.HasField("voltage_uv"):
        return MICRO * battery.voltage_uv
    if "voltage" in settings:
        return volts_of(settings["voltage"])
    raise MeterError(
        f"{path} tells the battery's current and no voltage. Record BATTERY_COUNTER_VOLTAGE, or state its mean: "
        "voltage=3.85"
    )


def _rails(trace: Any) -> dict[str, tuple[Nanoseconds, Values]]:
    """Return moments and joules of every power rail; without a name a rail is called by its number."""
    names: dict[int, str] = {}
    samples: dict[int, dict[int, float]] = {}
    for packet in trace.packet:
        if not packet.HasField("power_rails"):
            continue
        for rail in packet.power_rails.rail_descriptor:
            names[rail.index] = rail.rail_name or f"rail{rail.index}"
        for sample in packet.power_rails.energy_data:
            # the field is in ms since the start of the phone; packets before Android 11 have no other
            moment = sample.timestamp_ms * 1_000_000 if sample.HasField("timestamp_ms") else packet.timestamp
            samples.setdefault(sample.index, {})[moment] = MICRO * sample.energy
    found = {}
    for index, values in samples.items():
        moments = np.array(sorted(values), np.int64)
        found[names.get(index, f"rail{index}")] = moments, np.array([values[moment] for moment in sorted(values)])
    return found


def _at(times: Nanoseconds, moments: Nanoseconds, joules: Values) -> Values:
    """Return a counter at other moments; NaN before its first and after its last."""
    return np.interp(times - moments[0], moments - moments[0], joules, left=np.nan, right=np.nan)


def _clock(trace: Any) -> tuple[int, Clock]:
    """Return what must be added to the phone's time since its start, and whose clock it is then."""
    for packet in trace.packet:
        if packet.HasField("clock_snapshot"):
            clocks = {clock.clock_id: clock.timestamp for clock in packet.clock_snapshot.clocks}
            if REALTIME in clocks and BOOTTIME in clocks:
                return int(clocks[REALTIME]) - int(clocks[BOOTTIME]), "unix"
    return 0, "own"
