"""Plugs that measure at the wall and answer over HTTP: Shelly from the second generation on, and Tasmota.

They give a new value about once a second, so a window should last minutes.
Shelly: shelly-api-docs.shelly.cloud, Switch.GetStatus; Tasmota: tasmota.github.io, Status 8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from adafocus.edge.meters.meter import Address, Meter, Places
from adafocus.edge.meters.sampling import LiveMeter, Probe
from adafocus.errors import MeterError, ShutMeterError

PERIOD_S = 1.0
ANSWER_LIMIT_S = 2.0
ANSWER_BYTES = 65536
RAIL = "plug"
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


def open_meter(address: Address, places: Places) -> Meter:
    """Return the meter of a plug.

    Raises:
        MeterError: the address is no host.
    """
    if not HOST.fullmatch(address.place):
        raise MeterError(
            f"{address.place!r} is no host, expected a name or an address such as --meter {address.kind}:192.168.1.20"
        )
    path, watts = KINDS[address.kind]
    outlet = address.settings.get("id", "0")
    if not outlet.isdecimal():
        raise MeterError(f"id={outlet} is no number of an outlet. Count them from 0: --meter {address.kind}:HOST?id=0")
    url = f"http://{address.place}{path.format(outlet=outlet)}"
    return LiveMeter(
        address.kind, "sampler", "wall", PERIOD_S, lambda: Plug(address.kind, url, lambda found: watts(found, outlet))
    )


class Plug(Probe):
    """The power that a plug says."""

    scope = "wall"
    totals = (RAIL,)

    def __init__(self, kind: str, url: str, watts: Callable[[Any], float]) -> None:
        """Remember where to ask.

        Args:
            kind: of plug, for people.
            url: gives JSON.
            watts: finds the power in it; raises LookupError, TypeError or ValueError where there is none.
        """
        self._url, self._watts = url, watts
        self.detail = f"{kind} plug at {url.split('/')[2]}"
        # a proxy knows nothing of devices in this network
        self._opener = build_opener(ProxyHandler({}))

    def read(self) -> Mapping[str, float]:
        """Return the power in W."""
        found = self._ask()
        try:
            return {RAIL: float(self._watts(found))}
        except (LookupError, TypeError, ValueError) as error:
            said = " ".join(json.dumps(found).split())[:120]
            raise ShutMeterError(
                f"The {self.detail} tells no power; it said {said}. Does it measure, and does it ask for no password?"
            ) from error

    def _ask(self) -> Any:
        """Return what the plug answers.

        Raises:
            ShutMeterError: it answers with an error, or with something that is no JSON.
            MeterError: nobody answers.
        """
        try:
            with self._opener.open(self._url, timeout=ANSWER_LIMIT_S) as answer:
                text = answer.read(ANSWER_BYTES)
        except HTTPError as error:
            hint = "Turn its password off." if error.code in (401, 403) else "Is it this kind of plug?"
            raise ShutMeterError(f"The {self.detail} answered with error {error.code}. {hint}") from error
        except (OSError, HTTPException) as error:
            # URLError holds what happened
            said = getattr(error, "reason", None) or error
            raise MeterError(f"The {self.detail} does not answer ({said}). Is it on, and in this network?") from error
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ShutMeterError(
                f"The {self.detail} answered with something that is no JSON. Is it this kind?"
            ) from error


def _shelly(found: Any, outlet: str) -> float:
    """Return the watts in the answer of a Shelly."""
    return found["apower"]


def _tasmota(found: Any, outlet: str) -> float:
    """Return the watts in the answer of a Tasmota; one with several outlets gives a list."""
    power = found["StatusSNS"]["ENERGY"]["Power"]
    return power[int(outlet)] if isinstance(power, list) else power


KINDS: dict[str, tuple[str, Callable[[Any, str], float]]] = {
    "shelly": ("/rpc/Switch.GetStatus?id={outlet}", _shelly),
    "tasmota": ("/cm?cmnd=Status%208", _tasmota),
}
