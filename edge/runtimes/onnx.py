"""ONNX Runtime on the CPU."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from adafocus.edge.bundle.manifest import GraphFile, TensorSpec
from adafocus.edge.runtimes.graph import Arrays, file_names, mismatch, refused
from adafocus.errors import BundleError
from adafocus.native_names import native_name

# the library reports to its maker what it runs, unless this stands in the environment before it is imported
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

NUMBER_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
}
# key of a model's metadata: name of an integer tensor -> [scale, zero point]; it is spelled so in every file
SCALES_KEY = "adafocus.quantisation"
# on x86 the library turns some int8 tensors into uint8, and what lies between the two kinds then runs in float
SETTINGS = {"session.qdqisint8allowed": "1"}


def library() -> Any:
    """Import ONNX Runtime. Every room does it here, after its telemetry was switched off."""
    return import_module("onnxruntime")


class SessionGraph:
    """One ``.onnx`` file in a session."""

    def __init__(self, path: Path, description: GraphFile, threads: int) -> None:
        onnxruntime = library()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        for key, value in SETTINGS.items():
            options.add_session_config_entry(key, value)
        try:
            with native_name(path) as name:
                self._session = onnxruntime.InferenceSession(name, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # the library's own exceptions have no common base but Exception
            raise refused(path, "opened", error) from error
        self.inputs, self.outputs = description.inputs, description.outputs
        self._path = path
        scales = _scales(self._session, path)
        found = {value.name: value for value in (*self._session.get_inputs(), *self._session.get_outputs())}
        names = [spec.name for spec in self.inputs]
        self._output_names = file_names(names, [spec.name for spec in self.outputs])
        for name, spec in zip((*names, *self._output_names), (*self.inputs, *self.outputs), strict=True):
            _check(spec, found.get(name), scales.get(name), path)

    def run(self, arrays: Arrays) -> Arrays:
        """Run once; the outputs are the session's own new arrays."""
        given = {spec.name: arrays[spec.name] for spec in self.inputs}
        try:
            found = self._session.run(self._output_names, given)
        except Exception as error:
            raise refused(self._path, "run", error) from error
        return {spec.name: array for spec, array in zip(self.outputs, found, strict=True)}


def _scales(session: Any, path: Path) -> dict[str, Any]:
    """Return scale and zero point of the integer tensors by name, as the converter wrote them into the file."""
    text = session.get_modelmeta().custom_metadata_map.get(SCALES_KEY, "{}")
    try:
        scales = json.loads(text)
    except ValueError as error:
        raise BundleError(f"{path} describes its integers in no JSON ({error}). Convert the model again.") from error
    if not isinstance(scales, dict) or not all(isinstance(pair, list) for pair in scales.values()):
        raise BundleError(f"{path} describes its integers as {text[:80]!r}. Convert the model again.")
    return scales


def _check(spec: TensorSpec, value: Any, scale: list[float] | None, path: Path) -> None:
    """Refuse a tensor that the manifest describes otherwise, or that is not there."""
    if value is None:
        raise BundleError(f"{path} has no tensor {spec.name!r}, which the manifest names. Convert the model again.")
    found = (tuple(value.shape), NUMBER_TYPES.get(value.type, value.type), tuple(scale or (None, None)))
    if found != (spec.shape, spec.dtype, (spec.scale, spec.zero_point)):
        raise mismatch(path, spec, *found)


def open_graph(path: Path, description: GraphFile, threads: int) -> SessionGraph:
    """Open a ``.onnx`` file."""
    return SessionGraph(path, description, threads)
