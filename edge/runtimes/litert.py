"""The interpreter of ``.tflite`` files, from ai-edge-litert or from the older package tflite-runtime."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.bundle.manifest import GraphFile, TensorSpec
from adafocus.edge.runtimes.graph import Arrays, mismatch, refused
from adafocus.edge.runtimes.log_filter import hide_log_lines
from adafocus.errors import BundleError
from adafocus.native_names import native_name

Details = dict[str, Any]


class InterpreterGraph:
    """One ``.tflite`` file in an interpreter."""

    def __init__(self, interpreter_class: Any, path: Path, description: GraphFile, threads: int) -> None:
        try:
            with hide_log_lines():
                with native_name(path) as name:
                    self._interpreter = interpreter_class(model_path=name, num_threads=threads)
                self._interpreter.allocate_tensors()
            # a damaged file may hold names that are no text
            details = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError, MemoryError) as error:
            raise refused(path, "opened", error) from error
        self.inputs, self.outputs = description.inputs, description.outputs
        self._in, self._out = _bind(self.inputs, details[0], path), _bind(self.outputs, details[1], path)
        self._path = path

    def run(self, arrays: Arrays) -> Arrays:
        """Run once; the outputs are copies."""
        for name, index in self._in.items():
            self._interpreter.set_tensor(index, arrays[name])
        try:
            self._interpreter.invoke()
        except (RuntimeError, MemoryError) as error:
            raise refused(self._path, "run", error) from error
        return {name: self._interpreter.get_tensor(index) for name, index in self._out.items()}


def _bind(specs: tuple[TensorSpec, ...], details: list[Details], path: Path) -> dict[str, int]:
    """Return the index of each tensor, matched by the number in its name and checked against the manifest."""
    ordered = sorted(details, key=lambda detail: signature_position(detail["name"]))
    if len(ordered) != len(specs):
        raise BundleError(f"{path} has {len(ordered)} tensors where the manifest names {len(specs)}. Convert it again.")
    for spec, detail in zip(specs, ordered, strict=True):
        found = (tuple(int(n) for n in detail["shape"]), np.dtype(detail["dtype"]).name)
        if found != (spec.shape, spec.dtype) or not _same_scale(spec, detail["quantization"]):
            raise mismatch(path, spec, *found, detail["quantization"])
    return {spec.name: detail["index"] for spec, detail in zip(specs, ordered, strict=True)}


def _same_scale(spec: TensorSpec, found: tuple[float, int]) -> bool:
    """Return whether a file's scale and zero point are those of the manifest; a scale of 0 stands for none."""
    if spec.scale is None:
        return found[0] == 0.0
    return bool(np.isclose(found[0], spec.scale, rtol=1e-6)) and found[1] == spec.zero_point


def signature_position(name: str) -> int:
    """Return a tensor's position in the signature, from ``serving_default_output_1_output`` or ``..._args_0:0``."""
    found = re.search(r"(?:args|output)_(\d+)", name)
    return int(found.group(1)) if found else 0


def open_litert(path: Path, description: GraphFile, threads: int) -> InterpreterGraph:
    """Open a ``.tflite`` file with ai-edge-litert and its XNNPACK delegate."""
    from ai_edge_litert.interpreter import Interpreter

    return InterpreterGraph(Interpreter, path, description, threads)


def open_tflite(path: Path, description: GraphFile, threads: int) -> InterpreterGraph:
    """Open a ``.tflite`` file with tflite-runtime, the older package of the same interpreter."""
    from tflite_runtime.interpreter import Interpreter

    return InterpreterGraph(Interpreter, path, description, threads)
