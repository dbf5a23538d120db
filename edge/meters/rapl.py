"""RAPL: the energy counters of Intel and AMD processors, as the kernel's powercap tree shows them.

The whole is the sum of the package zones, told apart by their names: the number of a zone is not that of a package.
Zones inside a package are parts of it, ``psys`` is of the platform that holds the packages, and ``intel-rapl-mmio``
shows the same packages once more; none of these is added.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from adafocus.edge.meters.access import number_of, text_of, values_of
from adafocus.edge.meters.meter import Address, Meter, Places
from adafocus.edge.meters.sampling import LiveMeter, Probe
from adafocus.errors import MeterError

PERIOD_S = 0.5
MICRO = 1e-6
ZONE = re.compile(r"[\w-]+-rapl(?P<twin>-mmio)?:(?P<number>\d+)(:(?P<part>\d+))?")
PACKAGE = re.compile(r"package-\d+(-die-\d+)?")
ALLOW = "sudo chmod -R a+r /sys/class/powercap/intel-rapl:* (until the next start)"


def open_meter(address: Address, places: Places) -> Meter:
    """Return the meter of this machine's packages."""
    return LiveMeter(address.kind, "counter", "package", PERIOD_S, lambda: Rapl(places.sys))


class Rapl(Probe):
    """Counters of all packages, and of their parts beside them."""

    scope = "package"
    prompt = True

    def __init__(self, sys: Path) -> None:
        """Find the zones.

        Args:
            sys: root of sysfs.

        Raises:
            MeterError: there is no package.
            ShutMeterError: the counter of a package cannot be read.
        """
        zones = _zones(sys / "class" / "powercap")
        packages = _packages(zones)
        if not packages:
            others = ", ".join(sorted({text_of(zone / "name") or name for name, zone in zones.items()}))
            found = f"only {others}" if others else "nothing"
            raise MeterError(
                f"No package of a processor is in {sys / 'class' / 'powercap'}, found {found}. Only Intel and AMD "
                "processors have such counters, and virtual machines hide them."
            )
        self.totals = tuple(packages)
        self.detail = ", ".join(packages)
        self._counters = {name: zones[zone] for name, zone in packages.items()}
        for name in packages:
            number_of(self._counters[name] / "energy_uj", ALLOW)
        self._counters |= _parts(zones, packages)
        self.wraps_j = {name: wrap for name, zone in self._counters.items() if (wrap := _wrap_j(zone)) is not None}

    def read(self) -> Mapping[str, float]:
        """Return joules by zone; NaN for a part that does not answer."""
        return values_of(
            {name: partial(_joules, zone) for name, zone in self._counters.items()},
            self.totals,
        )


def _joules(zone: Path) -> float:
    """Return the counter of a zone in J."""
    return MICRO * number_of(zone / "energy_uj", ALLOW)


def _zones(powercap: Path) -> dict[str, Path]:
    """Return the folders of all zones by name, such as ``intel-rapl:0:1``; they stand side by side or in each other."""
    found = [path for depth in ("*", "*/*", "*/*/*") for path in powercap.glob(depth) if ZONE.fullmatch(path.name)]
    zones: dict[str, Path] = {}
    for path in sorted(found, key=lambda path: len(path.parts)):
        zones.setdefault(path.name, path)
    return zones


def _packages(zones: Mapping[str, Path]) -> dict[str, str]:
    """Return the zone of every package; the twin in memory-mapped registers counts only where there is no other.

    Raises:
        MeterError: two zones have the name of one package.
    """
    found: dict[str, str] = {}
    for name in sorted(zones, key=lambda name: ("-mmio:" in name, name)):
        title = text_of(zones[name] / "name") or ""
        if name.count(":") != 1 or not PACKAGE.fullmatch(title):
            continue
        if title not in found:
            found[title] = name
        elif ("-mmio:" in name) == ("-mmio:" in found[title]):
            raise MeterError(
                f"The zones {found[title]} and {name} are both called {title}. This tree is not understood."
            )
    return dict(sorted(found.items()))


def _parts(zones: Mapping[str, Path], packages: Mapping[str, str]) -> dict[str, Path]:
    """Return zones that are no packages, by names such as ``package-0/core`` and ``psys``."""
    titles = {zone: package for package, zone in packages.items()}
    found: dict[str, Path] = {}
    for name, zone in zones.items():
        whole = name.rsplit(":", 1)[0] if name.count(":") == 2 else None
        title = text_of(zone / "name")
        if title and whole in titles:
            found[f"{titles[whole]}/{title}"] = zone
        elif title and whole is None and not PACKAGE.fullmatch(title):
            found.setdefault(title, zone)
    return found


def _wrap_j(zone: Path) -> float | None:
    """Return the joules at which a zone's counter begins at 0 again."""
    try:
        wrap = MICRO * number_of(zone / "max_energy_range_uj")
    except MeterError:
        return None
    return wrap if wrap > 0 and math.isfinite(wrap) else None
