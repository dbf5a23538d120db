"""Joulescope JS110 and JS220, by way of pyjoulescope_driver: the instrument itself counts joules.

The instrument sends statistics with its counter: a JS220 as often as it is told, a JS110 twice a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adafocus.edge.meters.access import package
from adafocus.edge.meters.meter import Address, Meter, Places
from adafocus.edge.meters.sampling import LiveMeter, Stream
from adafocus.errors import MeterError, ShutMeterError

PERIOD_S = 0.5
PATIENCE_S = 3.0
RAIL = "supply"
# the instrument's own samples from statistics to statistics: 0.1 s
JS220_SAMPLES = 100_000


def open_meter(address: Address, places: Places) -> Meter:
    """Return the meter of the only Joulescope, or of the one with that serial number."""

    def connect() -> Joulescope:
        library = package("pyjoulescope_driver", "pyjoulescope_driver")
        return Joulescope(library.Driver(), address.place)

    return LiveMeter(address.kind, "counter", "board input", PERIOD_S, connect)


class Joulescope(Stream):
    """The energy counter of one instrument."""

    scope = "board input"
    totals = (RAIL,)

    def __init__(self, driver: Any, serial: str = "") -> None:
        """Open the instrument and let it send.

        Args:
            driver: a ``pyjoulescope_driver.Driver``; it is finalized with the probe.
            serial: of the instrument; empty where there is one only.

        Raises:
            MeterError: there is none, or more than one.
            ShutMeterError: it cannot be opened.
        """
        super().__init__(PATIENCE_S)
        self._driver = driver
        try:
            self._device = _only([path for path in driver.device_paths() if path.endswith(serial)])
            self.detail = f"Joulescope {self._device}"
            try:
                self._begin()
            except Exception as error:
                # the driver raises RuntimeError, TimeoutError and KeyError for what a device refuses
                raise ShutMeterError(
                    f"{self.detail} cannot be opened ({error}). End other programs that use it, and on Linux install "
                    "its udev rules."
                ) from error
        except MeterError:
            driver.finalize()
            raise

    def close(self) -> None:
        """Stop the instrument and release the driver."""
        self._driver.finalize()
        super().close()

    def _begin(self) -> None:
        """Open the instrument, choose its range by itself, and take its statistics."""
        driver, device = self._driver, self._device
        driver.open(device)
        if "js110" in device:
            driver.publish(f"{device}/s/i/range/select", "auto")
            driver.subscribe(f"{device}/s/sstats/value", "pub", self._take)
            return
        driver.publish(f"{device}/s/i/range/mode", "auto")
        driver.publish(f"{device}/s/stats/scnt", JS220_SAMPLES)
        driver.publish(f"{device}/s/stats/ctrl", 1)
        driver.subscribe(f"{device}/s/stats/value", "pub", self._take)

    def _take(self, topic: str, statistics: Mapping[str, Any]) -> None:
        """Hand over one counter, from the driver's thread."""
        try:
            self.put({RAIL: float(statistics["accumulators"]["energy"]["value"])})
        except (KeyError, TypeError, ValueError) as error:
            self.put(ShutMeterError(f"{self.detail} sent statistics without an energy ({error!r})."))


def _only(devices: list[str]) -> str:
    """Return the only device.

    Raises:
        MeterError: there is none, or more than one.
    """
    if not devices:
        raise MeterError("No Joulescope is plugged in, or this user may not open it: on Linux install its udev rules.")
    if len(devices) > 1:
        choices = " or ".join(f"--meter joulescope:{device.rsplit('/', 1)[-1]}" for device in devices)
        raise MeterError(f"{len(devices)} Joulescopes are plugged in, and one is expected. Say which: {choices}")
    return devices[0]
