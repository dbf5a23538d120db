"""Options that several verbs share."""

from __future__ import annotations

import json
from typing import Any

import click

runtime = click.option(
    "--runtime", default="litert", show_default=True, help="litert, tflite, onnx, executorch or coreml."
)
threads = click.option("--threads", default=2, show_default=True, help="CPU threads of the runtime.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


def print_json(content: dict[str, Any]) -> None:
    """Print one object."""
    click.echo(json.dumps(content, indent=1))
