"""Durations on the command line: ``4s``, ``250ms``, ``10min`` or plain seconds."""

from __future__ import annotations

import re
from typing import Any

import click

SECONDS = {"ms": 1e-3, "": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
LONGEST_S = 366 * 86400.0


class Duration(click.ParamType):
    """Parses to seconds, as a float."""

    name = "duration"

    def __init__(self, least_s: float = 0.0, most_s: float = LONGEST_S) -> None:
        """Accept durations in a range."""
        self.least_s, self.most_s = least_s, most_s

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; anything else ends in a sentence."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(ms|s|min|h|)\s*", str(value))
        if found is None:
            self.fail(f"{value!r} is no duration, expected a number with ms, s, min or h, such as 4s.", param, ctx)
        seconds = float(found.group(1)) * SECONDS[found.group(2)]
        if not self.least_s <= seconds <= self.most_s:
            self.fail(f"{value!r} is out of range, expected {self.least_s:g} s to {self.most_s:g} s.", param, ctx)
        return seconds
