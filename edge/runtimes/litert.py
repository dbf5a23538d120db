"""LiteRT (ai-edge-litert): Linux x86-64 and ARM64, macOS, Windows."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from adafocus.edge.manifest import GraphFile
from adafocus.edge.runtimes.interpreter import InterpreterGraph

INSTALL = 'pip install "adafocus-edge[litert]"'


def unavailable() -> str | None:
    """None, or why LiteRT cannot be used here."""
    if find_spec("ai_edge_litert") is None:
        return f"The runtime litert is not installed. Install it: {INSTALL}"
    return None


def open_graph(path: Path, description: GraphFile, threads: int) -> InterpreterGraph:
    """Open a ``.tflite`` file with the XNNPACK delegate."""
    from ai_edge_litert.interpreter import Interpreter

    return InterpreterGraph(Interpreter, path, description, threads)
