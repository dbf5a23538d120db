"""The meters of energy of this device: each has just given a reading, or says why not."""

from __future__ import annotations

from adafocus.edge.device.cameras import Finding
from adafocus.edge.meters import Meter, MeterSpec, Places, automatic_meters, connectable


def meters(places: Places | None = None) -> list[Finding]:
    """Try every meter that needs no name.

    Args:
        places: where meters are looked for; this machine's where None.
    """
    found = [_finding(row, meter) for row, meter in automatic_meters(places)]
    if all(one.presence != "present" for one in found):
        found.append(Finding("others", "none", f"connect one of these: {connectable()}"))
    return found


def _finding(row: MeterSpec, meter: Meter) -> Finding:
    """Take a reading of one meter."""
    refused = meter.available()
    if refused is None:
        return Finding(row.title, "present", f"{meter.detail} ({meter.scope}, --meter {row.name})")
    return Finding(row.title, "present but not readable" if refused.present else "none", refused.reason)
