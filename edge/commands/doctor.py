"""``adafocus doctor``: what this device can run."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge.commands import options
from edge.runtimes import RUNTIMES, unavailable

PACKAGES = {
    "litert": "ai-edge-litert",
    "tflite": "tflite-runtime",
    "onnx": "onnxruntime",
    "executorch": "executorch",
    "coreml": "coremltools",
}


@click.command()
@options.as_json
def doctor(as_json: bool) -> None:
    """Say which interpreter, architecture and runtimes are here, and how to install what is missing."""
    runtimes = {name: _state(name) for name in RUNTIMES}
    facts = {
        "python": platform.python_version(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "opencv": version("opencv-python"),
        "numpy": version("numpy"),
    }
    if as_json:
        options.print_json({**facts, "runtimes": runtimes})
        return
    table = Table("what", "found", show_header=False)
    for name, value in facts.items():
        table.add_row(name, str(value))
    for name, state in runtimes.items():
        table.add_row(f"runtime {name}", escape(state))
    console = Console(highlight=False)
    console.print(table)
    console.print("\nnext: adafocus selftest BUNDLE", style="dim")


def _state(name: str) -> str:
    reason = unavailable(name)
    if reason is not None:
        return reason
    try:
        return version(PACKAGES[name])
    except PackageNotFoundError:
        return "present, version unknown"
