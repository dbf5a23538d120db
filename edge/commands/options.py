"""Options that several verbs share."""

from __future__ import annotations

import json
from typing import Any

import click

from adafocus.edge.budget import Budget
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
