"""The power sensors of a Jetson: INA3221 as hwmon (JetPack 5 and 6) or IIO (JetPack 4), and the INA238 of AGX Thor.

Which rail is the whole differs by board: the module's input where it has a sensor, else the sum of those rails that
make it up. ``VIN_SYS_5V0`` of AGX Orin is a rail of its own and no total.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from adafocus.edge.meters.access import number_of, text_of, values_of
from adafocus.edge.meters.meter import Address, Meter, Places, Scope
from adafocus.edge.meters.sampling import LiveMeter, Probe
from adafocus.errors import MeterError

PERIOD_S = 0.1
MILLI, MICRO = 1e-3, 1e-6
# the rail that feeds the whole module: Orin Nano, Orin NX, Xavier NX, TX1 and TX2; Nano; AGX Thor
INPUTS = ("VDD_IN", "POM_5V_IN", "VIN")
# rails that together make up the whole where none of those has a sensor: AGX Orin; AGX Xavier
SUMS: tuple[tuple[str, ...], ...] = (
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
)
# the fourth of AGX Orin, which not every release names
ALSO = {SUMS[0]: "VDDQ_VDD2_1V8AO"}
# the chip has three; what it shows beyond them are sums
CHANNELS = (1, 2, 3)


def open_meter(address: Address, places: Places) -> Meter:
    """Return the meter of this Jetson's module."""
    return LiveMeter(address.kind, "sampler", "module input", PERIOD_S, lambda: Jetson(places.sys))


def whole_of(names: Iterable[str]) -> tuple[tuple[str, ...], Scope] | None:
    """Return the rails whose sum is the whole module, and what that sum is of; None where the board is not known.

    Args:
        names: of all rails of the board, as it writes them.
    """
    by_upper = {name.upper(): name for name in names}
    for name in INPUTS:
        if name in by_upper:
            return (by_upper[name],), "module input"
    for rails in SUMS:
        if set(rails) <= set(by_upper):
            chosen = [*rails, *(name for name in [ALSO.get(rails)] if name in by_upper)]
            return tuple(by_upper[name] for name in chosen), "module rails"
    return None


@dataclass(frozen=True)
class _Rail:
    """Files of one rail: one that holds power, or two to multiply."""

    files: tuple[Path, ...]
    unit: float

    def watts(self) -> float:
        """Return the power of the rail."""
        value = self.unit
        for file in self.files:
            value *= number_of(file)
        return value


class Jetson(Probe):
    """Rails of all sensors on the module."""

    def __init__(self, sys: Path) -> None:
        """Find the rails.

        Args:
            sys: root of sysfs.

        Raises:
            MeterError: there are none, or nobody knows which of them make up the whole.
        """
        drivers = sys / "bus" / "i2c" / "drivers"
        self._rails = _hwmon_rails(drivers) | _iio_rails(drivers)
        if self._rails or is_tegra(sys):
            self._rails |= _thor_rail(drivers)
        if not self._rails:
            raise MeterError(f"No INA3221 or INA238 of a Jetson is in {drivers}.")
        whole = whole_of(self._rails)
        if whole is None:
            raise MeterError(
                f"The rails {', '.join(self._rails)} are here, and none of them is known as the whole of this board, "
                f"expected one of {', '.join(INPUTS)}, or all of {' + '.join(SUMS[0])}."
            )
        self.totals, self.scope = whole
        parts = [name for name in self._rails if name not in self.totals]
        self.detail = " + ".join(self.totals) + (f"; besides it {', '.join(parts)}" if parts else "")

    def read(self) -> Mapping[str, float]:
        """Return watts by rail."""
        return values_of({name: rail.watts for name, rail in self._rails.items()}, self.totals)


def is_tegra(sys: Path) -> bool:
    """Tell whether the device tree is that of a Jetson."""
    return "nvidia,tegra" in (text_of(sys / "firmware" / "devicetree" / "base" / "compatible") or "")


def _hwmon_rails(drivers: Path) -> dict[str, _Rail]:
    """Return the rails of JetPack 5 and 6 by label: mV times mA; unused channels and sums of channels are left out."""
    found = {}
    for chip in sorted(drivers.glob("ina3221/*/hwmon/hwmon*")):
        for channel in CHANNELS:
            label = text_of(chip / f"in{channel}_label")
            files = chip / f"in{channel}_input", chip / f"curr{channel}_input"
            if label and label != "NC" and files[1].exists():
                found[label] = _Rail(files, MICRO)
    return found


def _iio_rails(drivers: Path) -> dict[str, _Rail]:
    """Return the rails of JetPack 4 by name: mW, or mV times mA where the driver gives no power."""
    found = {}
    for chip in sorted(drivers.glob("ina3221x/*/iio:device*")):
        for name in sorted(chip.glob("rail_name_*")):
            label, channel = text_of(name), name.name.rsplit("_", 1)[1]
            power = chip / f"in_power{channel}_input"
            product = chip / f"in_voltage{channel}_input", chip / f"in_current{channel}_input"
            if label and label != "NC":
                found[label] = _Rail((power,), MILLI) if power.exists() else _Rail(product, MICRO)
    return found


def _thor_rail(drivers: Path) -> dict[str, _Rail]:
    """Return the input of AGX Thor, which has a chip of another kind: uW."""
    found = {}
    for chip in sorted(drivers.glob("ina238/*/hwmon/hwmon*")):
        label = text_of(chip / "label") or text_of(chip / "in1_label") or "VIN"
        found[label] = _Rail((chip / "power1_input",), MICRO)
    return found
