"""Sensor chips that the kernel's hwmon knows: the INA2xx family on I2C, and the KM003C, a meter for USB-C.

What they measure is what they are wired into. For ``adafocus`` that is the supply of the board.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adafocus.edge.meters.access import number_of, text_of
from adafocus.edge.meters.jetson import is_tegra
from adafocus.edge.meters.meter import Address, Meter, Places
from adafocus.edge.meters.sampling import LiveMeter, Probe
from adafocus.errors import MeterError

PERIOD_S = 0.1
MICRO = 1e-6
# name of the driver -> input that is the voltage of the supply; input 0 of an INA2xx is that over the shunt
CHIPS = {
    "ina219": "in1",
    "ina220": "in1",
    "ina226": "in1",
    "ina230": "in1",
    "ina231": "in1",
    "ina238": "in1",
    "ina260": "in1",
    "powerz": "in0",
}
RAIL = "supply"


def open_meter(address: Address, places: Places) -> Meter:
    """Return the meter of a chip: the one of that name or folder, or the only one that is known."""
    return LiveMeter(address.kind, "sampler", "board input", PERIOD_S, lambda: Hwmon(places.sys, address.place))


class Hwmon(Probe):
    """Power of one chip."""

    scope = "board input"
    totals = (RAIL,)

    def __init__(self, sys: Path, name: str = "") -> None:
        """Find the chip.

        Args:
            sys: root of sysfs.
            name: of the driver, such as ``ina260``, or of the folder, such as ``hwmon3``; empty for any known chip.

        Raises:
            MeterError: there is none, or more than one.
        """
        folder = sys / "class" / "hwmon"
        chips = {path: (text_of(path / "name") or "").lower() for path in sorted(folder.glob("hwmon*"))}
        wanted = name.lower()
        found = [
            path for path, chip in chips.items() if (wanted in (chip, path.name) if wanted else _is_known(chip, sys))
        ]
        if not found:
            there = ", ".join(sorted(filter(None, chips.values()))) or "none"
            expected = f"the chip {name}" if name else f"one of {', '.join(CHIPS)}"
            raise MeterError(f"The sensor chips in {folder} are: {there}; expected {expected}.")
        if len(found) > 1:
            folders = " or ".join(f"--meter hwmon:{path.name}" for path in found)
            raise MeterError(f"{len(found)} sensor chips are here, and one is expected. Say which: {folders}")
        chip = found[0]
        self._power, self._current = chip / "power1_input", chip / "curr1_input"
        self._voltage = chip / f"{CHIPS.get(chips[chip], 'in1')}_input"
        self.detail = f"{chips[chip] or 'a chip'} ({chip.name})"

    def read(self) -> Mapping[str, float]:
        """Return the power of the supply in W; negative where the current flows the other way.

        A chip that measures power tells its size only, and the current its direction.
        """
        amperes = 1e-3 * number_of(self._current) if self._current.exists() else None
        if self._power.exists():
            watts = MICRO * number_of(self._power)
            return {RAIL: -abs(watts) if amperes is not None and amperes < 0 else watts}
        if amperes is None:
            raise MeterError(f"{self.detail} tells neither power1_input nor curr1_input. Choose another chip.")
        return {RAIL: 1e-3 * number_of(self._voltage) * amperes}


def _is_known(chip: str, sys: Path) -> bool:
    """Tell whether a chip measures a supply; the INA238 of a Jetson belongs to its module."""
    return chip in CHIPS and not (chip == "ina238" and is_tegra(sys))
