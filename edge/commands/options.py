"""Options that several verbs share, and durations on the command line."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from adafocus.edge.budget.costs import Budget
from adafocus.errors import AdafocusError


def _parsed_budget(context: click.Context, parameter: click.Parameter, text: str | None) -> Budget | None:
    return None if text is None else Budget.parse(text)


runtime = click.option(
    "--runtime", default="litert", show_default=True, help="litert, tflite, onnx, executorch or coreml."
)
threads = click.option("--threads", default=2, show_default=True, help="CPU threads of the runtime.")
exit_threshold = click.option(
    "--exit-threshold", type=float, help="Stop at the first exit that is this sure; see --budget."
)
budget = click.option(
    "--budget",
    callback=_parsed_budget,
    help="What a clip may cost on average, 8GMAC or 120ms: how sure an exit must be follows.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


def only_one_of(exit_threshold: float | None, budget: Budget | None) -> None:
    """Refuse a threshold next to a budget.

    Raises:
        AdafocusError: both are given.
    """
    if exit_threshold is not None and budget is not None:
        raise AdafocusError(
            f"found --exit-threshold {exit_threshold:g} and --budget {budget}, expected one of the two: a budget sets "
            "the thresholds itself. Leave --exit-threshold out."
        )


def print_json(content: dict[str, Any]) -> None:
    """Print one object."""
    click.echo(json.dumps(content, indent=1))


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
