"""NVML: the energy counters of NVIDIA graphics cards from Volta on, by way of nvidia-ml-py.

On a Jetson the library starts, counts one device and answers nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adafocus.edge.meters.access import package
from adafocus.edge.meters.meter import Address, Meter, Places
from adafocus.edge.meters.sampling import LiveMeter, Probe
from adafocus.errors import MeterError, ShutMeterError

PERIOD_S = 0.5
MILLI = 1e-3


def open_meter(address: Address, places: Places) -> Meter:
    """Return the meter of one card, by its number, or of all."""
    chosen = None
    if address.place:
        if not address.place.isdecimal():
            raise MeterError(f"{address.place!r} is no number of a graphics card. Choose one: --meter nvml:0")
        chosen = int(address.place)

    def connect() -> Probe:
        return Nvml(package("pynvml", "nvidia-ml-py"), chosen)

    return LiveMeter(address.kind, "counter", "gpu", PERIOD_S, connect)


class Nvml(Probe):
    """Counters of graphics cards."""

    scope = "gpu"
    prompt = True

    def __init__(self, library: Any, chosen: int | None) -> None:
        """Open the library.

        Args:
            library: the module ``pynvml``.
            chosen: number of a card; None for all.

        Raises:
            MeterError: there is no driver, or no such card.
            ShutMeterError: a card does not count.
        """
        self._library = library
        try:
            library.nvmlInit()
        except library.NVMLError as error:
            raise MeterError(f"No driver of NVIDIA answers here ({error}).") from error
        try:
            count = library.nvmlDeviceGetCount()
            numbers = range(count) if chosen is None else [chosen]
            if chosen is not None and chosen >= count:
                raise MeterError(f"There is no graphics card {chosen}, {count} are here. Choose one: --meter nvml:0")
            if not numbers:
                raise MeterError("NVIDIA's driver is here and no graphics card.")
            self._cards = {f"gpu{number}": library.nvmlDeviceGetHandleByIndex(number) for number in numbers}
            self.totals = tuple(self._cards)
            self.detail = ", ".join(str(_name(library, card)) for card in self._cards.values())
            self.read()
        except library.NVMLError as error:
            library.nvmlShutdown()
            raise ShutMeterError(f"NVIDIA's driver does not say which graphics cards are here ({error}).") from error
        except MeterError:
            library.nvmlShutdown()
            raise

    def read(self) -> Mapping[str, float]:
        """Return joules by card."""
        found = {}
        for name, card in self._cards.items():
            try:
                found[name] = MILLI * self._library.nvmlDeviceGetTotalEnergyConsumption(card)
            except self._library.NVMLError as error:
                raise ShutMeterError(
                    f"{name} tells no energy ({error}): it is older than Volta, a virtual one, or that of a Jetson, "
                    "whose meter is --meter jetson."
                ) from error
        return found

    def close(self) -> None:
        """Release the library."""
        self._library.nvmlShutdown()


def _name(library: Any, card: Any) -> str:
    """Return the name of a card, which older releases give as bytes."""
    name = library.nvmlDeviceGetName(card)
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
