"""tflite-runtime, the older package of the same interpreter, up to Python 3.11."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.runtimes.litert import InterpreterGraph

INSTALL = 'pip install "adafocus-edge[tflite]" (Python 3.11 or older, numpy 1)'


def unavailable() -> str | None:
    """None, or why tflite-runtime cannot be used here."""
    if find_spec("tflite_runtime") is None:
        return f"The runtime tflite is not installed. Install it: {INSTALL}"
    return None


def open_graph(path: Path, description: GraphFile, threads: int) -> InterpreterGraph:
    """Open a ``.tflite`` file with the XNNPACK delegate."""
    from tflite_runtime.interpreter import Interpreter

    return InterpreterGraph(Interpreter, path, description, threads)
