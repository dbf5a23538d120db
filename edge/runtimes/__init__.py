"""Runtimes, one table: name -> module. A module is imported only when its runtime is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.runtimes.base import Graph
from adafocus.errors import MissingRuntimeError

Opener = Callable[[str, Path, GraphFile, int], Graph]

RUNTIMES: dict[str, str] = {
    "litert": "adafocus.edge.runtimes.litert",
    "tflite": "adafocus.edge.runtimes.tflite",
    "onnx": "adafocus.edge.runtimes.onnx",
    "executorch": "adafocus.edge.runtimes.executorch",
    "coreml": "adafocus.edge.runtimes.coreml",
}


def unavailable(name: str) -> str | None:
    """None where a runtime can be used here, else a sentence with the command that installs it.

    Raises:
        MissingRuntimeError: there is no such runtime.
    """
    return _module(name).unavailable()


def open_graph(name: str, path: Path, description: GraphFile, threads: int) -> Graph:
    """Open one converted stage.

    Raises:
        MissingRuntimeError: the runtime is not installed, or there is no such runtime.
        BundleError: the file's tensors are not those that the manifest describes.
    """
    module = _module(name)
    reason = module.unavailable()
    if reason is not None:
        raise MissingRuntimeError(reason)
    return module.open_graph(path, description, threads)


def _module(name: str) -> ModuleType:
    if name not in RUNTIMES:
        raise MissingRuntimeError(f"There is no runtime {name!r}, expected one of {', '.join(RUNTIMES)}.")
    return import_module(RUNTIMES[name])
